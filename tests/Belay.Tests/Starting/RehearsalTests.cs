using Belay.Server;
using Belay.Server.Starting;

namespace Belay.Tests.Starting;

/// <summary>What a process runs once before anybody asks.</summary>
public sealed class RehearsalTests
{
    [Fact]
    public async Task Rehearsal_GoesThroughServerFormsAndModelClient()
    {
        var directory = Path.Combine(Path.GetTempPath(), "belay-rehearsal-that-nobody-makes");

        var complete = await Rehearsal.RunAsync(new ServerSettings { DataDirectory = directory }, TestContext.Current.CancellationToken);

        Assert.True(complete);
        Assert.False(Directory.Exists(directory));
    }

    [Fact]
    public async Task Rehearsal_OfSettingsThatAreWrong_LeavesSayingSoToTheServer()
    {
        var settings = new ServerSettings { Host = "no address" };

        Assert.False(await Rehearsal.RunAsync(settings, TestContext.Current.CancellationToken));
    }
}
