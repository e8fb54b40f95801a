using Belay.Sandboxes;
using Belay.Sandboxes.Process;
using Belay.Storage;
using Belay.Testing.Sandboxes;

namespace Belay.Tests.Sandboxes.Process;

/// <summary>A restart believes what was proved, and only that. An answer from a proof names no guarantees; a trial names them.</summary>
public sealed class ProcessProofTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("belay-proof-").FullName;

    private string Proof => Path.Join(_data, "sandboxes", "process.proof");

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public async Task Check_NothingProved_TriesWhatDecides()
    {
        var check = await CheckOrSkipAsync();

        Assert.Equal(
            ["file system", "machine settings", "privileges", "system calls", "user namespaces", "network", "processes"],
            check.Guarantees.Select(guarantee => guarantee.Name));
        Assert.True(File.Exists(Proof));
    }

    [Fact]
    public async Task Check_Restarted_BelievesTheProof()
    {
        await CheckOrSkipAsync();

        var again = await CheckAsync(new SandboxSettings());

        Assert.Equal((true, "process isolation, shared kernel"), (again.Works, again.Label));
        Assert.Empty(again.Guarantees);
    }

    [Fact]
    public async Task Probe_Proved_TriesAllTheSame()
    {
        await CheckOrSkipAsync();
        using var driver = Driver(new SandboxSettings());

        Assert.Equal(12, (await driver.ProbeAsync(CancellationToken.None)).Guarantees.Count);
    }

    [Fact]
    public async Task Check_OtherLimits_TriesAgain()
    {
        await CheckOrSkipAsync();

        Assert.NotEmpty((await CheckAsync(new SandboxSettings { MemoryMiB = 512 })).Guarantees);
    }

    [Fact]
    public async Task Check_OtherGuest_TriesAgain()
    {
        await CheckOrSkipAsync();
        var guest = Directory.CreateDirectory(Path.Join(_data, "guest")).FullName;
        foreach (var file in Directory.GetFiles(new SandboxSettings().GuestDirectory))
        {
            File.Copy(file, Path.Join(guest, Path.GetFileName(file)));
        }

        var settings = new SandboxSettings { GuestDirectory = guest };
        Assert.Empty((await CheckAsync(settings)).Guarantees);

        await File.WriteAllTextAsync(Path.Join(guest, "something-new"), "else");
        Assert.NotEmpty((await CheckAsync(settings)).Guarantees);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000")]
    public async Task Check_ProofOfSomethingElse_TriesAgain(string content)
    {
        await CheckOrSkipAsync();
        await File.WriteAllTextAsync(Proof, content);

        Assert.NotEmpty((await CheckAsync(new SandboxSettings())).Guarantees);
        Assert.Empty((await CheckAsync(new SandboxSettings())).Guarantees);
    }

    [Fact]
    public async Task Start_FailsInSpiteOfTheProof_VoidsIt()
    {
        await CheckOrSkipAsync();
        using var driver = Driver(new SandboxSettings());
        Assert.Empty((await driver.CheckAsync(CancellationToken.None)).Guarantees);
        var mounts = new Dictionary<string, string> { ["/mnt/x"] = "/does/not/exist" };

        await Assert.ThrowsAsync<SandboxException>(() => driver.StartAsync(TestDrivers.Spec() with { Mounts = mounts }, CancellationToken.None));

        Assert.False(File.Exists(Proof));
        Assert.NotEmpty((await driver.CheckAsync(CancellationToken.None)).Guarantees);
    }

    [Fact]
    public async Task Start_Works_KeepsTheProof()
    {
        await CheckOrSkipAsync();
        using var driver = Driver(new SandboxSettings());
        await driver.CheckAsync(CancellationToken.None);

        await using (var sandbox = await driver.StartAsync(TestDrivers.Spec(), CancellationToken.None))
        {
            Assert.Equal(0, (await sandbox.ShAsync("true")).ExitCode);
        }

        Assert.True(File.Exists(Proof));
    }

    [Fact]
    public async Task Check_DoesNotWork_LeavesNoProof()
    {
        var check = await CheckAsync(new SandboxSettings { GuestDirectory = "/nowhere" });

        Assert.False(check.Works);
        Assert.False(File.Exists(Proof));
    }

    private async Task<SandboxProbe> CheckOrSkipAsync()
    {
        await TestDrivers.SkipUnlessWorksAsync(TestDrivers.Process);
        return await CheckAsync(new SandboxSettings());
    }

    private async Task<SandboxProbe> CheckAsync(SandboxSettings settings)
    {
        using var driver = Driver(settings);
        return await driver.CheckAsync(CancellationToken.None);
    }

    private ProcessDriver Driver(SandboxSettings settings) => new(_data, settings, TimeProvider.System, IdSource.System);
}
