using System.Collections.Concurrent;
using Belay.Contracts.Harnesses;
using Belay.Sessions;
using Belay.Storage;
using Belay.Telemetry;
using Microsoft.Extensions.Logging;

namespace Belay.Sandboxes;

/// <summary>The sandboxes of this server's sessions. Workspaces and session storage lie in the data directory and outlive them.</summary>
/// <param name="driver">Makes them.</param>
/// <param name="settings">Settings.</param>
/// <param name="dataDirectory">The server's data directory.</param>
/// <param name="time">Clock.</param>
/// <param name="ids">Ids of sandboxes.</param>
/// <param name="logger">Log.</param>
public sealed class SessionSandboxes(
    ISandboxDriver driver, SandboxSettings settings, string dataDirectory, TimeProvider time, IdSource ids, ILogger<SessionSandboxes> logger) : IAsyncDisposable
{
    private const UnixFileMode OnlyOwner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly ConcurrentDictionary<SessionKey, SessionSandbox> _running = new();
    private readonly string _data = Path.GetFullPath(dataDirectory);
    private Task _reaped = Task.CompletedTask;
    private volatile bool _closed;

    /// <summary>Who is told what happens; nobody by default.</summary>
    public Instrumentation Telemetry { get; init; } = Instrumentation.None;

    /// <summary>Sandboxes that run now.</summary>
    public int Running => _running.Count;

    /// <summary>
    /// The sandbox of a session; nothing is started. <paramref name="harness"/> is the version whose environment the next start
    /// uses; a sandbox that runs keeps its own. <paramref name="report"/> is told when one has started and when one ends, and is
    /// awaited.
    /// </summary>
    public SessionSandbox For(SessionKey session, Harness harness, Func<EntryBody, Task> report)
    {
        if (_running.TryGetValue(session, out var running))
        {
            running.Hand(harness, report);
            return running;
        }

        return new SessionSandbox(this, session, harness, report, time, logger);
    }

    /// <summary>Begins to end what an earlier server left behind. No sandbox starts before that is done: an old one could still be at work
    /// in the same files.</summary>
    public void BeginReaping() => _reaped = Task.Run(() => driver.ReapAsync(CancellationToken.None));

    /// <summary>Ends all of them.</summary>
    public async ValueTask DisposeAsync()
    {
        _closed = true;
        await _reaped.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        await Task.WhenAll(_running.Values.Select(sandbox => sandbox.StopAsync("shutdown", CancellationToken.None)));
    }

    internal async Task<(ISandbox Sandbox, TimeSpan Idle, TimeSpan Life, string Driver)> StartAsync(
        SessionSandbox owner, SessionKey session, Harness harness, CancellationToken cancellationToken)
    {
        if (_closed)
        {
            throw new SandboxException("The server is shutting down.");
        }

        if (!_running.TryAdd(session, owner))
        {
            throw new SandboxException("The session's sandbox is held elsewhere. Try again.");
        }

        using var deadline = new CancellationTokenSource(settings.StartTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        var started = false;
        try
        {
            await ReapedAsync(either.Token);
            var (workspaces, storages) = (Path.Join(_data, SandboxEnvironment.Workspaces), Path.Join(_data, SandboxEnvironment.Storages));
            var storage = SandboxEnvironment.Directory(storages, session);
            var spec = new SandboxSpec
            {
                Id = ids.NewUuid(),
                Workspace = SandboxEnvironment.Directory(workspaces, session),
                Mounts = SandboxEnvironment.Mounts(harness, storage, settings),
                Environment = SandboxEnvironment.Variables(session, harness),
                Limits = settings.Limits,
            };
            MakePrivate(workspaces, spec.Workspace);
            if (spec.Mounts.Values.Contains(storage))
            {
                MakePrivate(storages, storage);
            }

            var sandbox = await driver.StartAsync(spec, either.Token);
            started = true;
            var (idle, life) = SandboxEnvironment.Lifetimes(harness, settings);
            return (new TracedSandbox(sandbox, Telemetry, session.SessionId), idle, life, driver.Name);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new SandboxException("Sandbox start timed out");
        }
        finally
        {
            if (!started)
            {
                Forget(session, owner);
            }
        }
    }

    private async Task ReapedAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _reaped.WaitAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SandboxException("What an earlier server left running could not be removed. The server's log says why.", exception);
        }
    }

    // The directory itself is the sandbox's to open up to everyone, setuid programs in it included; the folder above is not.
    private static void MakePrivate(string folder, string directory)
    {
        Directory.CreateDirectory(folder, OnlyOwner);
        Directory.CreateDirectory(directory, OnlyOwner);
    }

    internal void Forget(SessionKey session, SessionSandbox owner) => _running.TryRemove(KeyValuePair.Create(session, owner));
}
