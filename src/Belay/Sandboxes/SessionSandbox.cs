using Belay.Contracts.Harnesses;
using Belay.Sessions;
using Belay.Telemetry;
using Microsoft.Extensions.Logging;

namespace Belay.Sandboxes;

/// <summary>
/// The sandbox of one session over all its lives: started on first need, ended when idle, old, stopped or broken, and started again
/// when it is needed again. Work that is under way keeps it from being idle, never from growing old.
/// </summary>
public sealed partial class SessionSandbox : ISessionSandbox, IAsyncDisposable
{
    private readonly SessionSandboxes _owner;
    private readonly SessionKey _session;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private Harness _harness;
    private Func<EntryBody, Task> _report;
    private Task<Life>? _starting;
    private Life? _life;
    private int _working;

    internal SessionSandbox(SessionSandboxes owner, SessionKey session, Harness harness, Func<EntryBody, Task> report, TimeProvider time, ILogger logger) =>
        (_owner, _session, _harness, _report, _time, _logger) = (owner, session, harness, report, time, logger);

    /// <summary>Whether one runs.</summary>
    public bool IsRunning
    {
        get
        {
            lock (_gate)
            {
                return _life is not null;
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask<ISandbox> GetAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            // Who has given up starts nothing: a start that is quick would not notice.
            cancellationToken.ThrowIfCancellationRequested();
            Task<Life>? starting;
            Task? ending = null;
            lock (_gate)
            {
                if (_life is { } life)
                {
                    if (!life.Leaving)
                    {
                        return life.Sandbox;
                    }

                    ending = life.Over;
                }

                // Whoever comes first starts it, with their own patience; whoever waits beside them tries again when they gave up.
                starting = ending is null ? _starting : null;
                if (ending is null && starting is null)
                {
                    starting = _starting = StartAsync(cancellationToken);
                }
            }

            if (ending is not null)
            {
                await ending.WaitAsync(cancellationToken);
                continue;
            }

            try
            {
                return (await starting!.WaitAsync(cancellationToken)).Sandbox;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
            }
        }
    }

    /// <inheritdoc/>
    public IDisposable Work()
    {
        lock (_gate)
        {
            _working++;
            _life?.Idle.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        return new Activity(this);
    }

    /// <inheritdoc/>
    public async Task StopAsync(string reason, CancellationToken cancellationToken)
    {
        Task<Life>? starting;
        Life? life;
        lock (_gate)
        {
            (starting, life) = (_starting, _life);
        }

        if (starting is not null)
        {
            try
            {
                life = await starting.WaitAsync(cancellationToken);
            }
            catch (Exception exception) when (exception is SandboxException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                // It did not start, so there is nothing to end.
                return;
            }
        }

        if (life is not null)
        {
            life.Leave(reason);
            await life.Over.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Ends it.</summary>
    public async ValueTask DisposeAsync() => await StopAsync("shutdown", CancellationToken.None);

    internal void Hand(Harness harness, Func<EntryBody, Task> report)
    {
        lock (_gate)
        {
            (_harness, _report) = (harness, report);
        }
    }

    private async Task<Life> StartAsync(CancellationToken cancellationToken)
    {
        // The caller holds the gate, which starting must not.
        await Task.Yield();
        try
        {
            var began = _time.GetTimestamp();
            Harness harness;
            Func<EntryBody, Task> report;
            lock (_gate)
            {
                (harness, report) = (_harness, _report);
            }

            var (sandbox, idle, longest, driver) = await StartTracedAsync(harness, cancellationToken);
            var took = (long)_time.GetElapsedTime(began).TotalMilliseconds;
            Log.Started(_logger, sandbox.Id, driver, took);
            Life life;
            lock (_gate)
            {
                life = new Life(sandbox, idle);
                life.Idle = _time.CreateTimer(_ => WhenIdle(life), null, _working > 0 ? Timeout.InfiniteTimeSpan : idle, Timeout.InfiniteTimeSpan);
                life.Age = _time.CreateTimer(_ => life.Leave("maxLifetime"), null, longest, Timeout.InfiniteTimeSpan);
                life.Over = LiveAsync(life);
                _life = life;
            }

            await report(new SandboxStarted(sandbox.Id, driver, took));
            return life;
        }
        catch (SandboxException exception)
        {
            Log.StartFailed(_logger, _session.HarnessId, exception);
            throw;
        }
        finally
        {
            lock (_gate)
            {
                _starting = null;
            }
        }
    }

    private async Task<(ISandbox Sandbox, TimeSpan Idle, TimeSpan Life, string Driver)> StartTracedAsync(Harness harness, CancellationToken cancellationToken)
    {
        using var span = new SandboxStartSpan(_owner.Telemetry, _session.SessionId);
        try
        {
            var started = await _owner.StartAsync(this, _session, harness, cancellationToken);
            span.Started(started.Sandbox.Id, started.Driver);
            return started;
        }
        catch (SandboxException exception)
        {
            span.Failed(exception);
            throw;
        }
    }

    private async Task LiveAsync(Life life)
    {
        // 1. It ends by itself, or someone decides that it ends. Whoever starts the life holds the gate, which ending must not.
        await Task.Yield();
        await Task.WhenAny(life.Sandbox.Ended, life.Left);
        life.Leave("crashed");
        var reason = await life.Left;
        await life.Idle.DisposeAsync();
        await life.Age.DisposeAsync();
        if (reason == "crashed")
        {
            Log.Crashed(_logger, life.Sandbox.Id, await life.Sandbox.Ended);
        }

        // 2. Reported before it is taken away, so that an invocation learns why its tools are about to fail.
        try
        {
            await _report(new SandboxEnded(life.Sandbox.Id, reason));
        }
        finally
        {
            // 3. Gone, with everything in it; then the next one may start.
            await life.Sandbox.DisposeAsync();
            Log.Ended(_logger, life.Sandbox.Id, reason);

            // Before the next life may begin, which needs the place.
            _owner.Forget(_session, this);
            lock (_gate)
            {
                _life = null;
            }
        }
    }

    private void WhenIdle(Life life)
    {
        lock (_gate)
        {
            if (_working == 0)
            {
                life.Leave("idle");
            }
        }
    }

    private void Done()
    {
        lock (_gate)
        {
            if (--_working == 0 && _life is { } life)
            {
                life.Idle.Change(life.IdleTime, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <summary>One life: from a start to an end.</summary>
    private sealed class Life(ISandbox sandbox, TimeSpan idleTime)
    {
        private readonly TaskCompletionSource<string> _left = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ISandbox Sandbox { get; } = sandbox;

        public TimeSpan IdleTime { get; } = idleTime;

        public ITimer Idle { get; set; } = null!; // Set before anyone else sees the life; the timer's callback needs the life.

        public ITimer Age { get; set; } = null!; // As above.

        /// <summary>Completes when nothing of it is left.</summary>
        public Task Over { get; set; } = Task.CompletedTask;

        /// <summary>Completes with the reason when it is to end.</summary>
        public Task<string> Left => _left.Task;

        public bool Leaving => _left.Task.IsCompleted;

        /// <summary>Decides that it ends; the first reason holds.</summary>
        public void Leave(string reason) => _left.TrySetResult(reason);
    }

    private sealed class Activity(SessionSandbox owner) : IDisposable
    {
        private SessionSandbox? _owner = owner;

        public void Dispose() => Interlocked.Exchange(ref _owner, null)?.Done();
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Sandbox {SandboxId} was started by the driver {Driver} in {Milliseconds} ms.")]
        public static partial void Started(ILogger logger, string sandboxId, string driver, long milliseconds);

        [LoggerMessage(LogLevel.Error, "No sandbox could be started for a session of harness {HarnessId}.")]
        public static partial void StartFailed(ILogger logger, string harnessId, Exception exception);

        [LoggerMessage(LogLevel.Information, "Sandbox {SandboxId} has ended: {Reason}.")]
        public static partial void Ended(ILogger logger, string sandboxId, string reason);

        [LoggerMessage(LogLevel.Warning, "Sandbox {SandboxId} ended by itself: {Cause}.")]
        public static partial void Crashed(ILogger logger, string sandboxId, string cause);
    }
}
