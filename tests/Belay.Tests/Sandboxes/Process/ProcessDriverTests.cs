using System.Diagnostics;
using System.Globalization;
using Belay.Sandboxes;
using Belay.Sandboxes.Guest;
using Belay.Sandboxes.Process;
using Belay.Storage;
using Belay.Testing.Sandboxes;

namespace Belay.Tests.Sandboxes.Process;

public sealed class ProcessDriverTests
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Probe_SaysWhatHoldsHere()
    {
        await StartOrSkipAsync();
        var probe = await TestDrivers.Process.ProbeAsync(CancellationToken.None);

        Assert.Equal("process isolation, shared kernel", probe.Label);
        Assert.Equal(
            ["file system", "machine settings", "privileges", "system calls", "user namespaces", "network", "processes", "memory limit", "process limit", "processor limit", "disk limit", "own kernel"],
            probe.Guarantees.Select(guarantee => guarantee.Name));
        Assert.All(probe.Guarantees.Take(7), guarantee => Assert.True(guarantee.Holds, guarantee.Name));
        Assert.Same(probe, await TestDrivers.Process.ProbeAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Start_MountsAppearAndOutlive()
    {
        await StartOrSkipAsync();
        var storage = Directory.CreateDirectory(Path.Join(TestDrivers.Data, "storage-" + IdSource.System.NewUuid())).FullName;
        var spec = TestDrivers.Spec() with { Mounts = new Dictionary<string, string> { ["/mnt/data"] = storage } };
        await using (var sandbox = await TestDrivers.Process.StartAsync(spec, CancellationToken.None))
        {
            Assert.Equal(0, (await sandbox.ShAsync("echo kept > /mnt/data/file; echo kept > file; echo lost > /tmp/file; echo lost > ~/file")).ExitCode);
        }

        await using var next = await TestDrivers.Process.StartAsync(spec with { Id = IdSource.System.NewUuid() }, CancellationToken.None);
        Assert.Equal("kept\nkept\n", (await next.ShAsync("cat /mnt/data/file file /tmp/file ~/file 2>/dev/null")).Stdout);
    }

    [Fact]
    public async Task Start_WorkspaceMissing_LeavesNothingBehind()
    {
        await StartOrSkipAsync();
        var spec = TestDrivers.Spec();
        Directory.Delete(spec.Workspace);

        await Assert.ThrowsAsync<SandboxException>(() => TestDrivers.Process.StartAsync(spec, CancellationToken.None));
        AssertNothingLeft(spec.Id);
    }

    [Fact]
    public async Task Start_MountMissing_SaysWhyToTheLogAndLeavesNothingBehind()
    {
        await StartOrSkipAsync();
        var spec = TestDrivers.Spec() with { Mounts = new Dictionary<string, string> { ["/mnt/x"] = "/does/not/exist" } };

        var exception = await Assert.ThrowsAsync<SandboxException>(() => TestDrivers.Process.StartAsync(spec, CancellationToken.None));
        Assert.Equal("The sandbox ended as it started. The server's log says why.", exception.Message);
        Assert.Contains("/does/not/exist", exception.InnerException!.Message, StringComparison.Ordinal);
        AssertNothingLeft(spec.Id);
    }

    [Fact]
    public async Task Start_Cancelled_LeavesNothingBehind()
    {
        await StartOrSkipAsync();
        var spec = TestDrivers.Spec();
        using var cancellation = new CancellationTokenSource();
        var starting = TestDrivers.Process.StartAsync(spec, cancellation.Token);
        await cancellation.CancelAsync();
        try
        {
            await (await starting).DisposeAsync();
        }
        catch (OperationCanceledException)
        {
            // Unless it was faster.
        }

        AssertNothingLeft(spec.Id);
    }

    [Fact]
    public async Task Dispose_LeavesNothingBehind()
    {
        await StartOrSkipAsync();
        var spec = TestDrivers.Spec();
        var marker = "7." + Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        await using (var sandbox = await TestDrivers.Process.StartAsync(spec, CancellationToken.None))
        {
            await sandbox.ShAsync($"setsid nohup sleep 3{marker} > /dev/null 2>&1 & sleep 0.1");
            Assert.Equal(1, Running($"sleep\u00003{marker}"));
        }

        Assert.Equal(0, Running($"sleep\u00003{marker}"));
        AssertNothingLeft(spec.Id);
    }

    [Fact]
    public async Task GuestSignalled_FromInside_Lives()
    {
        await StartOrSkipAsync();
        await using var sandbox = await TestDrivers.Process.StartAsync(TestDrivers.Spec(), CancellationToken.None);

        await sandbox.ShAsync("for s in HUP INT QUIT TERM KILL STOP PIPE USR1; do kill -$s 1; done; kill -TERM -1");

        Assert.Equal("alive\n", (await sandbox.ShAsync("echo alive")).Stdout);
    }

    [Fact]
    public async Task KilledFromOutside_SandboxEndsAndSaysSo()
    {
        await StartOrSkipAsync();
        var spec = TestDrivers.Spec();
        await using var sandbox = await TestDrivers.Process.StartAsync(spec, CancellationToken.None);
        var running = sandbox.ShAsync("sleep 60");
        var first = File.ReadLines(Path.Join(TestDrivers.Data, "sandboxes", "process", spec.Id)).Last().Split(' ')[1];
        using var process = System.Diagnostics.Process.GetProcessById(int.Parse(first, CultureInfo.InvariantCulture));
        process.Kill();

        Assert.Contains("ended", (await Assert.ThrowsAsync<SandboxException>(() => running.WaitAsync(Generous))).Message, StringComparison.Ordinal);
        Assert.NotEmpty(await sandbox.Ended.WaitAsync(Generous));
    }

    [Fact]
    public async Task ServerKilled_SandboxDiesAndIsReaped()
    {
        await StartOrSkipAsync();
        var data = Directory.CreateDirectory(Path.Join(TestDrivers.Data, "dead-" + IdSource.System.NewUuid())).FullName;

        // 1. Another server, in a process of its own, with a sandbox in which something runs.
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(ProcessDriverTests).Assembly.Location);
        }

        foreach (var argument in (string[])["-explicit", "only", "-method", $"{typeof(ProcessDriverTests).FullName}.{nameof(HoldsASandbox)}"])
        {
            start.ArgumentList.Add(argument);
        }

        using var server = System.Diagnostics.Process.Start(start)!;
        await server.StandardInput.WriteLineAsync(data);
        await server.StandardInput.FlushAsync();
        var ready = Path.Join(data, "ready");
        await UntilAsync(() => File.Exists(ready));
        var record = Assert.Single(Directory.GetFiles(Path.Join(data, "sandboxes", "process")));
        var groups = File.ReadLines(record).Where(line => line.StartsWith("group ", StringComparison.Ordinal)).Select(line => line[6..]).ToList();
        var mark = $"sleep\u00004.{server.Id}";
        Assert.Equal(1, Running(mark));

        // 2. It dies without a word. So does the sandbox.
        server.Kill();
        await server.WaitForExitAsync();
        await UntilAsync(() => Running(mark) == 0);

        // 3. The next server on the data directory removes what is left.
        Assert.All(groups, group => Assert.True(Directory.Exists(group)));
        using var next = new ProcessDriver(data, new SandboxSettings(), TimeProvider.System, IdSource.System);
        Assert.Equal(1, await next.ReapAsync(CancellationToken.None));
        Assert.All(groups, group => Assert.False(Directory.Exists(group)));
        Assert.Equal(0, await next.ReapAsync(CancellationToken.None));
    }

    /// <summary>The server that is killed; runs in a process of its own.</summary>
    [Fact(Explicit = true)]
    public async Task HoldsASandbox()
    {
        var data = (await Console.In.ReadLineAsync())!;
        using var driver = new ProcessDriver(data, new SandboxSettings(), TimeProvider.System, IdSource.System);
        var spec = new SandboxSpec
        {
            Id = IdSource.System.NewUuid(),
            Workspace = Directory.CreateDirectory(Path.Join(data, "w")).FullName,
            Environment = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin" },
        };
        await using var sandbox = await driver.StartAsync(spec, CancellationToken.None);
        await sandbox.ShAsync($"setsid sleep 4.{Environment.ProcessId} > /dev/null 2>&1 & sleep 0.2");
        await File.WriteAllTextAsync(Path.Join(data, "ready"), "");
        await Task.Delay(Timeout.Infinite);
    }

    [Fact]
    public async Task LauncherKilled_SandboxDiesThoughItsChannelIsOpen()
    {
        await StartOrSkipAsync();
        var spec = TestDrivers.Spec();
        var (command, filter) = await TestDrivers.Process.CommandAsync(spec);
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var argument in (IEnumerable<string>)["-c", "f=$1; shift; \"$@\" <&0 9<\"$f\" & wait", "sh", filter, .. command])
        {
            start.ArgumentList.Add(argument);
        }

        using var shell = System.Diagnostics.Process.Start(start)!;
        var hello = new byte[12];
        await shell.StandardOutput.BaseStream.ReadExactlyAsync(hello).AsTask().WaitAsync(Generous);
        shell.Kill();

        // The write end of its input is still ours; the end of its output shows that everything that held it is gone.
        var rest = new byte[4096];
        while (await shell.StandardOutput.BaseStream.ReadAsync(rest).AsTask().WaitAsync(Generous) > 0)
        {
        }
    }

    [Fact]
    public async Task GuestThatNeverReads_OnRealPipes_CannotHoldTheHost()
    {
        // Says hello and pong, and never reads a byte: a write fills the pipe and stays in it.
        const string hello = @"\020\0\0\0\0\0\0\0\001\0\0\0BLAY\001\0\001\0\007\0\0\0\0\0\0\0";
        const string pong = @"\0\0\0\0\0\0\0\0\004\0\0\0";
        var id = IdSource.System.NewUuid();
        var place = await ChildPlace.StartAsync(
            id, ["/bin/sh", "-c", $"printf '{hello}{pong}'; exec sleep 600"], "/dev/null", new SandboxLimits(), Path.Join(TestDrivers.Data, "deaf"), TimeProvider.System);
        var settings = new GuestSettings { Workspace = "/", Environment = new Dictionary<string, string>(), Answer = TimeSpan.FromSeconds(1), Kill = TimeSpan.FromSeconds(1) };
        var sandbox = await GuestSandbox.ConnectAsync(id, place, settings, TimeProvider.System, CancellationToken.None);

        await Assert.ThrowsAsync<SandboxException>(() => sandbox.WriteFileAsync("file", new byte[1024 * 1024], CancellationToken.None).WaitAsync(Generous));
        await sandbox.DisposeAsync().AsTask().WaitAsync(Generous);
        AssertNothingLeft(id);
    }

    [Fact]
    public async Task Choose_NothingWeakerIsTakenInItsPlace()
    {
        ISandboxDriver broken = new Broken("process");
        IReadOnlyList<ISandboxDriver> drivers = [broken, TestDrivers.Unconfined];

        Assert.Equal("it is broken", (await Assert.ThrowsAsync<SandboxException>(() => SandboxDrivers.ChooseAsync("auto", drivers, CancellationToken.None))).Message);
        Assert.Equal("it is broken", (await Assert.ThrowsAsync<SandboxException>(() => SandboxDrivers.ChooseAsync("process", drivers, CancellationToken.None))).Message);
        Assert.Equal(
            "There is no sandbox driver 'docker'. There are: auto, process, unconfined.",
            (await Assert.ThrowsAsync<SandboxException>(() => SandboxDrivers.ChooseAsync("docker", drivers, CancellationToken.None))).Message);
        Assert.Same(TestDrivers.Unconfined, await SandboxDrivers.ChooseAsync("unconfined", drivers, CancellationToken.None));
    }

    [Fact]
    public async Task Unconfined_SaysSo()
    {
        var probe = await TestDrivers.Unconfined.ProbeAsync(CancellationToken.None);

        Assert.Equal((true, "no isolation"), (probe.Works, probe.Label));
        Assert.Contains("NONE", probe.Guarantees[0].Detail, StringComparison.Ordinal);
        await Assert.ThrowsAsync<SandboxException>(() =>
            TestDrivers.Unconfined.StartAsync(TestDrivers.Spec() with { Mounts = new Dictionary<string, string> { ["/mnt/x"] = "/tmp" } }, CancellationToken.None));
    }

    [Fact]
    public async Task Guest_Missing_SaysSo()
    {
        using var driver = new ProcessDriver(TestDrivers.Data, new SandboxSettings { GuestDirectory = "/nowhere" }, TimeProvider.System, IdSource.System);
        Assert.SkipUnless(File.Exists("/usr/bin/bwrap"), "bubblewrap is not installed.");

        Assert.Contains("guest program is missing", (await Assert.ThrowsAsync<SandboxException>(() => driver.StartAsync(TestDrivers.Spec(), CancellationToken.None))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reap_OldEmptyGroupsOfAnyServer_AreSwept()
    {
        await StartOrSkipAsync();
        var group = Belay.Sandboxes.Guest.ControlGroup.Create(IdSource.System.NewUuid(), new SandboxLimits());
        Assert.SkipWhen(group.Directories.Count == 0, "Control groups cannot be written here.");

        Belay.Sandboxes.Guest.ControlGroup.SweepEmpty(TimeProvider.System);
        Assert.All(group.Directories, directory => Assert.True(Directory.Exists(directory)));

        // The group is made older, not the clock set forward: that would sweep the groups of sandboxes that start beside this test.
        Assert.All(group.Directories, directory => Directory.SetLastWriteTimeUtc(directory, TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(-11)));
        Belay.Sandboxes.Guest.ControlGroup.SweepEmpty(TimeProvider.System);
        Assert.All(group.Directories, directory => Assert.False(Directory.Exists(directory)));
    }

    private static Task StartOrSkipAsync() => TestDrivers.SkipUnlessWorksAsync(TestDrivers.Process);

    private static void AssertNothingLeft(string id)
    {
        Assert.False(File.Exists(Path.Join(TestDrivers.Data, "sandboxes", "process", id)));
        Assert.DoesNotContain(File.ReadLines("/proc/self/mountinfo"), line => line.Contains(id, StringComparison.Ordinal));
        if (Directory.Exists("/sys/fs/cgroup"))
        {
            Assert.Empty(Directory.EnumerateDirectories("/sys/fs/cgroup", "belay-" + id, new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true }));
        }
    }

    private static int Running(string commandLine) => Directory.EnumerateDirectories("/proc").Count(directory =>
    {
        try
        {
            return File.ReadAllText(Path.Join(directory, "cmdline")).TrimEnd('\0') == commandLine;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    });

    private static async Task UntilAsync(Func<bool> condition)
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(clock.Elapsed < Generous, "It did not happen.");
            await Task.Delay(20);
        }
    }

    private sealed class Broken(string name) : ISandboxDriver
    {
        public string Name => name;

        public Task<SandboxProbe> ProbeAsync(CancellationToken cancellationToken) => Task.FromResult(new SandboxProbe(false, "", "it is broken", []));

        public Task<ISandbox> StartAsync(SandboxSpec spec, CancellationToken cancellationToken) => throw new UnreachableException();

        public Task<int> ReapAsync(CancellationToken cancellationToken) => Task.FromResult(0);
    }
}
