using System.Runtime.CompilerServices;
using Belay.Contracts.Harnesses;
using Belay.Sandboxes;
using Belay.Sessions;
using Belay.Storage;
using Belay.Testing;
using Belay.Testing.Sandboxes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Tests.Sandboxes;

public sealed class SessionSandboxesTests : IAsyncDisposable
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(30);
    private static readonly SessionKey Session = new(new Scope("000000000000", "us-west-2"), "agent-0123456789", "session-0123456789-0123456789-012345");

    private readonly string _data = Directory.CreateTempSubdirectory("belay-sessions-").FullName;
    private readonly ManualTime _time = new();
    private readonly InMemoryDriver _driver = new(TimeProvider.System);
    private readonly List<string> _reports = [];
    private readonly SessionSandboxes _sandboxes;

    public SessionSandboxesTests() =>
        _sandboxes = new SessionSandboxes(_driver, new SandboxSettings(), _data, _time, IdSource.System, NullLogger<SessionSandboxes>.Instance);

    public async ValueTask DisposeAsync()
    {
        await _sandboxes.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }

    [Fact]
    public async Task Get_StartsOnceAndReports()
    {
        var session = For();
        Assert.False(session.IsRunning);
        var got = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => session.GetAsync(CancellationToken.None).AsTask()));

        Assert.Single(got.Distinct());
        Assert.Single(_driver.Started);
        Assert.True(session.IsRunning);
        Assert.Equal(["started memory"], _reports);
        Assert.Same(session, For());
    }

    [Fact]
    public async Task Get_AfterFailure_TriesAgain()
    {
        _driver.Failure = new SandboxException("no namespaces");
        var session = For();

        Assert.Equal("no namespaces", (await Assert.ThrowsAsync<SandboxException>(() => session.GetAsync(CancellationToken.None).AsTask())).Message);
        _driver.Failure = null;
        await session.GetAsync(CancellationToken.None);

        Assert.Equal(["started memory"], _reports);
    }

    [Fact]
    public async Task Get_OneGivesUp_TheOtherGetsIt()
    {
        _driver.Hold = new TaskCompletionSource();
        var session = For();
        using var impatient = new CancellationTokenSource();
        var first = session.GetAsync(impatient.Token).AsTask();
        var second = session.GetAsync(CancellationToken.None).AsTask();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        _driver.Hold.SetResult();

        Assert.NotNull(await second.WaitAsync(Generous));
    }

    [Fact]
    public async Task Get_WhileReaping_WaitsForItsEnd()
    {
        var reaping = new TaskCompletionSource<int>();
        _driver.Reaping = reaping.Task;
        _sandboxes.BeginReaping();
        var getting = For().GetAsync(CancellationToken.None).AsTask();
        Assert.False(getting.IsCompleted);
        Assert.Empty(_driver.Started);

        reaping.SetResult(1);

        Assert.NotNull(await getting.WaitAsync(Generous));
    }

    [Fact]
    public async Task Get_ReapingFailed_StartsNothing()
    {
        _driver.Reaping = Task.FromException<int>(new IOException("cannot be read"));
        _sandboxes.BeginReaping();

        var refusal = await Assert.ThrowsAsync<SandboxException>(() => For().GetAsync(CancellationToken.None).AsTask());

        Assert.Contains("could not be removed", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(_driver.Started);
        Assert.Equal(0, _sandboxes.Running);
    }

    [Fact]
    public async Task Get_SlowStart_TimesOut()
    {
        _driver.Hold = new TaskCompletionSource();
        var starting = For().GetAsync(CancellationToken.None).AsTask();
        await UntilAsync(() => _time.ArmedTimers > 0);
        _time.Advance(TimeSpan.FromSeconds(300));

        Assert.Equal("Sandbox start timed out", (await Assert.ThrowsAsync<SandboxException>(() => starting.WaitAsync(Generous))).Message);
    }

    [Fact]
    public async Task Idle_CountsFromTheEndOfTheLastWork()
    {
        var session = For();
        var first = session.Work();
        var second = session.Work();
        await session.GetAsync(CancellationToken.None);
        _time.Advance(TimeSpan.FromSeconds(2000));
        first.Dispose();
        first.Dispose();
        _time.Advance(TimeSpan.FromSeconds(2000));
        Assert.True(session.IsRunning);

        second.Dispose();
        _time.Advance(TimeSpan.FromSeconds(899));
        session.Work().Dispose();
        _time.Advance(TimeSpan.FromSeconds(899));
        Assert.True(session.IsRunning);
        _time.Advance(TimeSpan.FromSeconds(1));
        await UntilAsync(() => !session.IsRunning);

        Assert.Equal(["started memory", "ended idle"], _reports);
        Assert.True(_driver.Started[0].Ended.IsCompleted);
    }

    [Fact]
    public async Task Idle_NeverUsedForWork_EndsToo()
    {
        var session = For();
        await session.GetAsync(CancellationToken.None);
        _time.Advance(TimeSpan.FromSeconds(900));
        await UntilAsync(() => !session.IsRunning);

        Assert.Equal(["started memory", "ended idle"], _reports);
    }

    [Fact]
    public async Task MaxLifetime_EndsWhateverRuns_AndTheNextCallStartsAnother()
    {
        var session = For();
        using var work = session.Work();
        var old = await session.GetAsync(CancellationToken.None);
        _time.Advance(TimeSpan.FromSeconds(28_800));
        await UntilAsync(() => !session.IsRunning);
        var fresh = await session.GetAsync(CancellationToken.None);

        Assert.NotSame(old, fresh);
        Assert.Equal(["started memory", "ended maxLifetime", "started memory"], _reports);
    }

    [Fact]
    public async Task Ended_IsReportedBeforeTheSandboxGoes()
    {
        var disposed = true;
        var session = _sandboxes.For(Session, Harness(), entry =>
        {
            disposed = entry is not SandboxEnded || _driver.Started[0].Ended.IsCompleted;
            return Task.CompletedTask;
        });
        await session.GetAsync(CancellationToken.None);
        await session.StopAsync("stopped", CancellationToken.None);

        Assert.False(disposed);
        Assert.True(_driver.Started[0].Ended.IsCompleted);
    }

    [Fact]
    public async Task Crash_IsReportedAndTheNextCallStartsAnother()
    {
        var session = For();
        await session.GetAsync(CancellationToken.None);
        _driver.Started[0].End("out of memory");
        await UntilAsync(() => !session.IsRunning);
        await session.GetAsync(CancellationToken.None);

        Assert.Equal(["started memory", "ended crashed", "started memory"], _reports);
    }

    [Fact]
    public async Task Stop_WhileStarting_StopsWhatWasStarted()
    {
        _driver.Hold = new TaskCompletionSource();
        var session = For();
        var starting = session.GetAsync(CancellationToken.None).AsTask();
        var stopping = session.StopAsync("stopped", CancellationToken.None);
        _driver.Hold.SetResult();
        await starting.WaitAsync(Generous);
        await stopping.WaitAsync(Generous);

        Assert.Equal(["started memory", "ended stopped"], _reports);
        Assert.False(session.IsRunning);
    }

    [Fact]
    public async Task Stop_NothingRuns_DoesNothing()
    {
        await For().StopAsync("stopped", CancellationToken.None);

        Assert.Empty(_reports);
    }

    [Fact]
    public async Task Dispose_EndsAllAndStartsNoMore()
    {
        var session = For();
        await session.GetAsync(CancellationToken.None);
        await _sandboxes.DisposeAsync();

        Assert.Equal(["started memory", "ended shutdown"], _reports);
        await Assert.ThrowsAsync<SandboxException>(() => session.GetAsync(CancellationToken.None).AsTask());
    }

    [Fact]
    public async Task Spec_IsWhatTheHarnessSays()
    {
        var harness = Harness(
            new LifecycleConfiguration { IdleRuntimeSessionTimeout = 60, MaxLifetime = 120 },
            new Dictionary<string, string> { ["MINE"] = "1", ["PATH"] = "/evil", ["HOME"] = "/evil", ["BEDROCK_AGENTCORE_SESSION_ID"] = "evil" },
            [new FilesystemConfiguration { SessionStorage = new SessionStorageConfiguration { MountPath = "/mnt/data/" } }]);
        var session = _sandboxes.For(Session, harness, Report);
        await session.GetAsync(CancellationToken.None);
        var spec = _driver.Specs[0];

        Assert.Equal(
            new Dictionary<string, string>
            {
                ["AWS_REGION"] = "us-west-2",
                ["BEDROCK_AGENTCORE_HARNESS_ARN"] = harness.Arn,
                ["BEDROCK_AGENTCORE_SESSION_ID"] = Session.SessionId,
                ["HOME"] = "/root",
                ["LANG"] = "C.UTF-8",
                ["MINE"] = "1",
                ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            },
            spec.Environment.OrderBy(pair => pair.Key, StringComparer.Ordinal).ToDictionary());
        Assert.StartsWith(Path.Join(_data, "workspaces", "agent-0123456789") + "/", spec.Workspace, StringComparison.Ordinal);
        Assert.Equal(["/mnt/data"], spec.Mounts.Keys);
        Assert.True(Directory.Exists(spec.Workspace));
        Assert.True(Directory.Exists(spec.Mounts["/mnt/data"]));

        // What people make inside belongs to no other user of the machine, setuid files included.
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.Join(_data, "workspaces")));
        _time.Advance(TimeSpan.FromSeconds(60));
        await UntilAsync(() => !session.IsRunning);
        Assert.Equal("ended idle", _reports[^1]);
    }

    [Theory]
    [InlineData(null, null, 900, 28_800)]
    [InlineData(null, 300, 300, 300)]
    [InlineData(120, null, 120, 28_800)]
    [InlineData(100, 200, 100, 200)]
    public void Lifetimes_FollowFromEachOther(int? idle, int? life, int expectedIdle, int expectedLife) =>
        Assert.Equal(
            (TimeSpan.FromSeconds(expectedIdle), TimeSpan.FromSeconds(expectedLife)),
            SandboxEnvironment.Lifetimes(Harness(new LifecycleConfiguration { IdleRuntimeSessionTimeout = idle, MaxLifetime = life }), new SandboxSettings()));

    [Theory]
    [InlineData("/mnt/.")]
    [InlineData("/mnt/./")]
    [InlineData("/mnt/..")]
    [InlineData("/mnt/../")]
    public void Mounts_NoDirectoryOfItsOwn_IsRefused(string path)
    {
        var harness = Harness(systems: [new FilesystemConfiguration { SessionStorage = new SessionStorageConfiguration { MountPath = path } }]);

        Assert.Contains(path, Assert.Throws<SandboxException>(() => SandboxEnvironment.Mounts(harness, "/s", new SandboxSettings())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Mounts_UnknownAccessPoint_IsNamed()
    {
        var harness = Harness(systems: [new FilesystemConfiguration { EfsAccessPoint = new EfsAccessPointConfiguration { AccessPointArn = "arn:efs", MountPath = "/mnt/efs" } }]);

        Assert.Contains("arn:efs", Assert.Throws<SandboxException>(() => SandboxEnvironment.Mounts(harness, "/s", new SandboxSettings())).Message, StringComparison.Ordinal);
        var mounts = SandboxEnvironment.Mounts(harness, "/s", new SandboxSettings { Mounts = new Dictionary<string, string> { ["arn:efs"] = "/srv/efs" } });
        Assert.Equal("/srv/efs", mounts["/mnt/efs"]);
    }

    [Theory]
    [InlineData("../../etc")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("")]
    [InlineData("a\0b")]
    public void Directory_HostileIds_StayBelowTheFolder(string id)
    {
        var path = SandboxEnvironment.Directory("/data/workspaces", Session with { HarnessId = id, SessionId = id });

        Assert.Equal(path, Path.GetFullPath(path));
        Assert.Equal(5, path.Split('/').Length);
        Assert.StartsWith("/data/workspaces/", path, StringComparison.Ordinal);
    }

    [Fact]
    public void Directory_DiffersWithEveryPart()
    {
        var paths = new[]
        {
            Session,
            Session with { SessionId = Session.SessionId.ToUpperInvariant() },
            Session with { HarnessId = "other-0123456789" },
            Session with { Scope = new Scope("111111111111", "us-west-2") },
            Session with { Scope = new Scope("000000000000", "eu-west-1") },
        }.Select(session => SandboxEnvironment.Directory("/w", session));

        Assert.Equal(5, paths.Distinct().Count());
    }

    [Fact]
    public void Settings_ReportEveryProblem()
    {
        var problems = new SandboxSettings { Cpus = 0, MemoryMiB = 1, Pids = 1, StartTimeout = TimeSpan.Zero, Mounts = new Dictionary<string, string> { ["arn"] = "relative" } }.Problems();

        Assert.Equal(5, problems.Count());
        Assert.Empty(new SandboxSettings().Problems());
    }

    private SessionSandbox For() => _sandboxes.For(Session, Harness(), Report);

    private Task Report(EntryBody entry)
    {
        _reports.Add(entry switch
        {
            SandboxStarted started => "started " + started.Driver,
            SandboxEnded ended => "ended " + ended.Reason,
            _ => throw new InvalidOperationException(),
        });
        return Task.CompletedTask;
    }

    private static Harness Harness(
        LifecycleConfiguration? lifecycle = null, IReadOnlyDictionary<string, string>? variables = null, IReadOnlyList<FilesystemConfiguration>? systems = null) => new()
        {
            HarnessId = Session.HarnessId,
            HarnessName = "agent",
            Arn = "arn:aws:bedrock-agentcore:us-west-2:000000000000:harness/agent-0123456789",
            Status = HarnessStatus.Ready,
            ExecutionRoleArn = "arn:aws:iam::000000000000:role/r",
            CreatedAt = DateTimeOffset.UnixEpoch,
            UpdatedAt = DateTimeOffset.UnixEpoch,
            Model = new HarnessModelConfiguration(),
            SystemPrompt = [],
            Tools = [],
            Skills = [],
            AllowedTools = [],
            Truncation = (HarnessTruncationConfiguration)RuntimeHelpers.GetUninitializedObject(typeof(HarnessTruncationConfiguration)),
            EnvironmentVariables = variables,
            Environment = new HarnessEnvironmentProvider
            {
                AgentCoreRuntimeEnvironment = new HarnessAgentCoreRuntimeEnvironment
                {
                    AgentRuntimeArn = "a",
                    AgentRuntimeName = "n",
                    AgentRuntimeId = "i",
                    LifecycleConfiguration = lifecycle ?? new LifecycleConfiguration(),
                    NetworkConfiguration = new NetworkConfiguration { NetworkMode = NetworkMode.Public },
                    FilesystemConfigurations = systems,
                },
            },
        };

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(Generous);
        while (!condition())
        {
            deadline.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
