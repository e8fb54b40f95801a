using Belay.Sandboxes;
using Belay.Sandboxes.Process;
using Belay.Sandboxes.Unconfined;
using Belay.Storage;

namespace Belay.Tests.Sandboxes;

/// <summary>Drivers on a data directory of the test run, and sandboxes from them.</summary>
internal static class TestDrivers
{
    public static readonly string Data = Directory.CreateTempSubdirectory("belay-sandboxes-").FullName;

    public static readonly ProcessDriver Process = new(Data, new SandboxSettings(), TimeProvider.System, IdSource.System);

    public static readonly UnconfinedDriver Unconfined = new(Data, new SandboxSettings(), TimeProvider.System, IdSource.System);

    static TestDrivers() => AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(Data, recursive: true);

    public static async Task<ISandbox> StartAsync(ISandboxDriver driver, SandboxLimits? limits = null)
    {
        await SkipUnlessWorksAsync(driver);
        return await driver.StartAsync(Spec(limits), CancellationToken.None);
    }

    /// <summary>Skips where no sandbox can be started; one that starts and does not hold what it promises is a failure.</summary>
    public static async Task SkipUnlessWorksAsync(ISandboxDriver driver)
    {
        var probe = await driver.ProbeAsync(CancellationToken.None);
        Assert.SkipWhen(!probe.Works && probe.Guarantees.Count == 0, probe.Reason);
        Assert.True(probe.Works, probe.Reason);
    }

    public static SandboxSpec Spec(SandboxLimits? limits = null)
    {
        var id = IdSource.System.NewUuid();
        return new SandboxSpec
        {
            Id = id,
            Workspace = Directory.CreateDirectory(Path.Join(Data, "workspaces", id)).FullName,
            Limits = limits ?? new SandboxLimits(),
            Environment = new Dictionary<string, string>
            {
                ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                ["HOME"] = "/root",
                ["VISIBLE"] = "yes",
            },
        };
    }
}
