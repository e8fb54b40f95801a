using Belay.Sandboxes;
using Belay.Sessions;

namespace Belay.Testing.Sandboxes;

/// <summary>What the sandbox of a session does over all its lives, whoever starts it.</summary>
public abstract class SessionSandboxContract
{
    private readonly List<string> _reports = [];

    /// <summary>The sandbox of a session that has none yet.</summary>
    protected abstract ISessionSandbox Create(Func<EntryBody, Task> report);

    /// <summary>Makes starts fail; null lets them succeed again.</summary>
    protected abstract void Refuse(SandboxException? refusal);

    [Fact]
    public async Task Get_ManyAtOnce_StartOne()
    {
        var session = Create(Report);

        var got = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => session.GetAsync(CancellationToken.None).AsTask()));

        Assert.Single(got.Distinct());
        Assert.Equal(["started"], _reports);
    }

    [Fact]
    public async Task Stop_EndsIt_AndTheNextGetStartsAnother()
    {
        var session = Create(Report);
        var first = await session.GetAsync(CancellationToken.None);

        await session.StopAsync("stopped", CancellationToken.None);
        Assert.True(first.Ended.IsCompleted);
        var second = await session.GetAsync(CancellationToken.None);

        Assert.NotSame(first, second);
        Assert.Equal(["started", "ended stopped", "started"], _reports);
    }

    [Fact]
    public async Task Stop_OfNone_IsNothing()
    {
        await Create(Report).StopAsync("stopped", CancellationToken.None);

        Assert.Empty(_reports);
    }

    [Fact]
    public async Task End_IsReportedBeforeTheSandboxGoes()
    {
        ISandbox? sandbox = null;
        var wasGone = false;
        var session = Create(entry =>
        {
            wasGone |= entry is SandboxEnded && sandbox!.Ended.IsCompleted;
            return Task.CompletedTask;
        });
        sandbox = await session.GetAsync(CancellationToken.None);

        await session.StopAsync("stopped", CancellationToken.None);

        Assert.False(wasGone);
        Assert.True(sandbox.Ended.IsCompleted);
    }

    [Fact]
    public async Task Crash_IsReported_AndTheNextGetStartsAnother()
    {
        var session = Create(Report);
        var first = await session.GetAsync(CancellationToken.None);
        await first.DisposeAsync();

        // The news of an end takes its time; until it is there, the dead one may be given out.
        var second = first;
        for (var i = 0; ReferenceEquals(second, first); i++)
        {
            Assert.True(i < 1_000_000, "It stays dead.");
            await Task.Yield();
            second = await session.GetAsync(CancellationToken.None);
        }

        Assert.Equal(["started", "ended crashed", "started"], _reports);
    }

    [Fact]
    public async Task Refusal_IsTold_AndTheNextGetTriesAgain()
    {
        var session = Create(Report);
        Refuse(new SandboxException("No room."));
        Assert.Equal("No room.", (await Assert.ThrowsAsync<SandboxException>(() => session.GetAsync(CancellationToken.None).AsTask())).Message);

        Refuse(null);
        await session.GetAsync(CancellationToken.None);

        Assert.Equal(["started"], _reports);
    }

    [Fact]
    public async Task Cancelled_StartsNothing()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Create(Report).GetAsync(new CancellationToken(canceled: true)).AsTask());

        Assert.Empty(_reports);
    }

    private Task Report(EntryBody entry)
    {
        _reports.Add(entry switch { SandboxStarted => "started", SandboxEnded ended => $"ended {ended.Reason}", _ => $"{entry}" });
        return Task.CompletedTask;
    }
}
