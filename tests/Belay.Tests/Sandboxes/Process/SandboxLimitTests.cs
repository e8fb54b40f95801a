using System.Globalization;
using Belay.Sandboxes;
using Belay.Sandboxes.Guest;
using Belay.Storage;
using Belay.Testing.Sandboxes;

namespace Belay.Tests.Sandboxes.Process;

/// <summary>What a sandbox may use, as the operator sets it. Where the machine lets no control group be written, the probe says so and nothing holds.</summary>
public sealed class SandboxLimitTests
{
    private static readonly SandboxLimits Small = new SandboxSettings { Cpus = 0.5, MemoryMiB = 256, Pids = 64 }.Limits;

    [Fact]
    public void Default_IsTwoCoresEightGibibytesAndAThousandProcesses() =>
        Assert.Equal(new SandboxLimits { Cpus = 2, MemoryMiB = 8192, Processes = 1024 }, new SandboxSettings().Limits);

    [Fact]
    public async Task Processes_BeyondTheLimit_DoNotStart()
    {
        await SkipUnlessHoldsAsync("process limit");
        await using var sandbox = await TestDrivers.StartAsync(TestDrivers.Process, Small);

        var result = await sandbox.ShAsync("i=0; while [ $i -lt 100 ]; do sleep 30 & i=$((i+1)); echo $i; done 2>/dev/null; kill $(jobs -p)");

        var started = result.Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length;
        Assert.InRange(started, 1, 63);
        Assert.Equal("alive\n", (await sandbox.ShAsync("echo alive")).Stdout);
    }

    [Fact]
    public async Task Memory_BeyondTheLimit_KillsWhoeverTakesIt()
    {
        await SkipUnlessHoldsAsync("memory limit");
        await using var sandbox = await TestDrivers.StartAsync(TestDrivers.Process, Small);

        Assert.Equal(0, (await sandbox.ShAsync("dd if=/dev/zero of=/dev/null bs=100M count=1 2>/dev/null")).ExitCode);
        Assert.Equal(137, (await sandbox.ShAsync("dd if=/dev/zero of=/dev/null bs=400M count=1 2>/dev/null")).ExitCode);
        Assert.Equal("alive\n", (await sandbox.ShAsync("echo alive")).Stdout);
    }

    [Fact]
    public async Task Processor_IsLimitedByAQuota()
    {
        await SkipUnlessHoldsAsync("processor limit");
        var group = ControlGroup.Create(IdSource.System.NewUuid(), Small);
        try
        {
            var (quota, period) = Quota(group);

            Assert.Equal(Small.Cpus, quota / period);
        }
        finally
        {
            Assert.True(await group.RemoveAsync(TimeProvider.System, CancellationToken.None));
        }
    }

    // Version 1 has two files, version 2 one with both.
    private static (double Quota, double Period) Quota(ControlGroup group)
    {
        string[] Read(string name) => [.. group.Directories.Select(directory => Path.Join(directory, name)).Where(File.Exists).Select(path => File.ReadAllText(path).Trim())];
        string[] parts = Read("cpu.max") is [var both] ? both.Split(' ') : [.. Read("cpu.cfs_quota_us"), .. Read("cpu.cfs_period_us")];
        return (double.Parse(parts[0], CultureInfo.InvariantCulture), double.Parse(parts[1], CultureInfo.InvariantCulture));
    }

    private static async Task SkipUnlessHoldsAsync(string name)
    {
        await TestDrivers.SkipUnlessWorksAsync(TestDrivers.Process);
        var probe = await TestDrivers.Process.ProbeAsync(CancellationToken.None);
        var guarantee = probe.Guarantees.Single(guarantee => guarantee.Name == name);
        Assert.SkipUnless(guarantee.Holds, guarantee.Detail);
    }
}
