using System.Threading.Channels;
using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sandboxes;
using Belay.Telemetry;
using Belay.Tools;

namespace Belay.Sessions;

/// <summary>
/// A session that this server holds: its journal, its conversation, its sandbox. One invocation at a time; commands beside it. Everything
/// that is written goes through one mailbox.
/// </summary>
public sealed partial class LiveSession : IAsyncDisposable
{
    private static readonly TimeSpan DefaultIdle = TimeSpan.FromSeconds(900);

    private readonly SessionServices _services;
    private readonly SessionJournal _journal;
    private readonly Conversation _conversation;
    private readonly WrittenMessages _written = new();
    private readonly SessionMailbox _mailbox;
    private readonly SessionSandboxFactory _sandboxes;
    private readonly Lock _gate = new();
    private ISessionSandbox _sandbox;
    private string? _version;
    private TimeSpan _idleTime;
    private RunningInvocation? _running;
    private TaskCompletionSource? _reserved;
    private StopCause? _stopping;
    private bool _up;
    private int _commands;
    private TaskCompletionSource? _quiet;
    private long _lastActivity;
    private string? _stopToken;

    private LiveSession(SessionJournal journal, Conversation conversation, Harness harness, SessionSandboxFactory sandboxes, SessionServices services)
    {
        _journal = journal;
        _conversation = conversation;
        _services = services;
        _mailbox = new(journal, conversation, Live, services.Settings.MailboxDepth, services.Telemetry) { Broke = StopRunning };
        _sandboxes = sandboxes;
        (_sandbox, _idleTime, _version) = EnvironmentOf(harness);
        _lastActivity = services.Time.GetTimestamp();
    }

    /// <summary>Its name.</summary>
    public SessionKey Key => _journal.Session;

    /// <summary>What the model call that runs now has said.</summary>
    public LiveReply Live { get; } = new();

    /// <summary>Whether it occupies a slot: something runs, or its sandbox does.</summary>
    public bool Active
    {
        get
        {
            lock (_gate)
            {
                return _reserved is not null || _stopping is not null || _commands > 0 || _conversation.SandboxId is not null || !_saving.IsCompleted;
            }
        }
    }

    /// <summary>Whether an invocation or a command runs.</summary>
    public bool Busy
    {
        get
        {
            lock (_gate)
            {
                return _reserved is not null || _commands > 0;
            }
        }
    }

    /// <summary>Whether its journal failed, so that it must be opened again.</summary>
    public bool Broken => _mailbox.Broken is not null;

    /// <summary>Opens a session: takes its lease, folds its journal page by page, ends what ran in a server that died (step 3). An invocation that
    /// was cut off is still unfinished; <see cref="RecoverAsync"/> comes next.</summary>
    public static async Task<LiveSession> OpenAsync(SessionJournal journal, Harness harness, SessionSandboxFactory sandboxes, SessionServices services, CancellationToken cancellationToken)
    {
        if (journal.LastSequence == 0)
        {
            services.Telemetry.Sessions.Add(1);
        }

        var conversation = new Conversation();
        var (asking, startedAt) = (0L, default(DateTimeOffset));
        await foreach (var (entry, own) in journal.ReadWithPastAsync(cancellationToken))
        {
            conversation.Apply(entry.Body);
            if (!own)
            {
                continue;
            }

            asking = entry.Body is ModelIntent ? entry.Sequence : asking;
            startedAt = entry.Body is InvocationStarted ? entry.At : startedAt;
        }

        var session = new LiveSession(journal, conversation, harness, sandboxes, services) { _startedAt = startedAt };
        if (SessionRepair.Over(conversation, asking) is { Count: > 0 } over)
        {
            await session._mailbox.AppendAsync(over, Durability.Queued);
        }

        return session;
    }

    /// <summary>
    /// Accepts an invocation and starts it (steps 3 to 10). What can be refused is refused here, before anything is written.
    /// <paramref name="hold"/> is disposed when it is over.
    /// </summary>
    public async Task<AcceptedInvocation> InvokeAsync(Invocation invocation, IDisposable hold, CancellationToken cancellationToken)
    {
        await SavedAsync(cancellationToken);
        invocation = Held(invocation);
        Reserve(invocation.Harness);
        RunningInvocation? running = null;
        Task safe;
        try
        {
            await ThrowIfAnothersAsync(invocation, cancellationToken);
            await invocation.RequireKeyAsync(cancellationToken);
            var (entries, accepted) = Acceptance.Of(invocation, _conversation.Open);
            var actor = await TakeForActorAsync(invocation, cancellationToken);

            // The disk and the first model call work side by side; only the client's stream waits for both.
            await _mailbox.AppendAsync([.. entries.Select(entry => entry is InvocationStarted started ? started with { ActorId = actor } : entry)], Durability.Queued);
            safe = _mailbox.SyncAsync();
            running = Start(accepted with { ActorId = actor });
        }
        finally
        {
            if (running is null)
            {
                Free();
            }
        }

        running.Work = new InvocationWork(_services, Key, _sandbox, running).RunAsync(Free, hold);
        try
        {
            // Once the client sees its stream begin, what it said is history, whatever happens next.
            await safe;
            return new(running);
        }
        catch
        {
            running.Abandon();
            await running.Work;
            throw;
        }
    }

    /// <summary>Starts a command in the session's sandbox. <paramref name="hold"/> is disposed when its stream is.</summary>
    public async Task<StartedCommand> RunCommandAsync(Harness harness, string command, int timeoutSeconds, IDisposable hold, CancellationToken cancellationToken)
    {
        IDisposable work;
        ISessionSandbox source;
        lock (_gate)
        {
            ThrowIfStopping(FaultCode.RetryableConflictException);
            if (_commands >= _services.Settings.MaxCommands)
            {
                throw new ServiceException(
                    FaultCode.RetryableConflictException, $"Session {Key.SessionId} already runs {_commands} commands, which is the most at a time. Try again when one has ended.");
            }

            Follow(harness);
            _commands++;
            _up = true;
            source = _sandbox;
            work = source.Work();
        }

        var released = new Release(() =>
        {
            work.Dispose();
            lock (_gate)
            {
                _lastActivity = _services.Time.GetTimestamp();
                if (--_commands == 0)
                {
                    _quiet?.TrySetResult();
                }
            }

            hold.Dispose();
        });
        try
        {
            var sandbox = await source.GetAsync(cancellationToken);
            var id = _services.Ids.NewUuid();
            await _mailbox.AppendAsync([new CommandIntent(id, command, timeoutSeconds)], Durability.Synced);
            var request = SandboxCommand.Request(command, login: false, TimeSpan.FromSeconds(timeoutSeconds));
            var stored = _journal.LastSequence;
            var started = new StartedCommand(
                id,
                SandboxCommand.RunAsync(sandbox, request, cancellationToken),
                JournalCommandAsync,
                WhyCommandEnded,
                (kind, offset, text) => _services.Outputs.Add(Key, new(stored, id, kind, offset, text)),
                released);
            released = null;
            return started;
        }
        catch (SandboxException exception)
        {
            throw new ServiceException(FaultCode.RuntimeClientError, exception.Message, exception);
        }
        finally
        {
            released?.Dispose();
        }
    }

    /// <summary>
    /// Ends the session's compute and interrupts what runs. False when there is nothing to end; a repeated token is answered like the
    /// first time.
    /// </summary>
    public async Task<bool> StopAsync(string? clientToken, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            ThrowIfStopping(FaultCode.RetryableConflictException);
            if (!IsUp())
            {
                return clientToken is not null && clientToken == _stopToken;
            }

            _stopping = StopCause.Stopped;
        }

        try
        {
            await EndAsync(StopCause.Stopped, "stopped", Task.CompletedTask, cancellationToken);
            _stopToken = clientToken;
            return true;
        }
        finally
        {
            lock (_gate)
            {
                _stopping = null;
                _up = false;
            }
        }
    }

    /// <summary>The server shuts down: what runs ends so that the session can go on elsewhere.</summary>
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        var quiet = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _stopping = StopCause.ShuttingDown;
            _quiet = quiet;
            if (_commands == 0)
            {
                quiet.SetResult();
            }
        }

        await EndAsync(StopCause.ShuttingDown, "shutdown", quiet.Task, cancellationToken);
    }

    /// <summary>Gives the session back. Nothing may run.</summary>
    public async ValueTask DisposeAsync()
    {
        await EndSavingAsync();
        await _mailbox.DisposeAsync();
        _oneSteer.Dispose();
    }

    // Whoever calls has made sure that nothing new begins. An invocation that has been taken and does not run yet is told when it does.
    private async Task EndAsync(StopCause cause, string reason, Task commands, CancellationToken cancellationToken)
    {
        RunningInvocation? running;
        TaskCompletionSource? reserved;
        lock (_gate)
        {
            (running, reserved) = (_running, _reserved);
        }

        using var deadline = new CancellationTokenSource(_services.Settings.StopTime, _services.Time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        running?.Run.Signal.Fire(cause);
        try
        {
            await _sandbox.StopAsync(reason, both.Token);
            if (reserved is not null)
            {
                await reserved.Task.WaitAsync(both.Token);
            }

            // What commands still have to record goes through the mailbox, which a drained session closes.
            await commands.WaitAsync(both.Token);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            throw new ServiceException(FaultCode.RetryableConflictException, $"Session {Key.SessionId} takes longer to stop than {_services.Settings.StopTime.TotalSeconds:0} s. Try again.");
        }
    }

    private void Reserve(Harness harness)
    {
        lock (_gate)
        {
            ThrowIfStopping(FaultCode.RuntimeClientError);
            if (_reserved is not null)
            {
                throw new ServiceException(
                    FaultCode.RuntimeClientError, $"Session {Key.SessionId} is already processing a request. Concurrent invocations are not supported.");
            }

            Follow(harness);
            _reserved = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _up = true;
        }
    }

    // The environment belongs to a sandbox's start: a newer version holds from the next one on. While something runs, nothing changes hands.
    private void Follow(Harness harness)
    {
        if (harness.HarnessVersion != _version && _reserved is null && _commands == 0)
        {
            (_sandbox, _idleTime, _version) = EnvironmentOf(harness);
        }
    }

    private (ISessionSandbox Sandbox, TimeSpan IdleTime, string? Version) EnvironmentOf(Harness harness)
    {
        var idle = harness.Environment.AgentCoreRuntimeEnvironment is { LifecycleConfiguration.IdleRuntimeSessionTimeout: { } seconds }
            ? TimeSpan.FromSeconds(seconds)
            : DefaultIdle;
        return (_sandboxes(Key, harness, ReportAsync), idle, harness.HarnessVersion);
    }

    private void Free()
    {
        TaskCompletionSource? reserved;
        lock (_gate)
        {
            reserved = _reserved;
            BeginSaving();
            _running = null;
            _reserved = null;
            _lastActivity = _services.Time.GetTimestamp();
        }

        reserved?.SetResult();
    }

    // A session belongs to the actor of its first invocation, for good: one person's files are never another's.
    private async Task ThrowIfAnothersAsync(Invocation invocation, CancellationToken cancellationToken)
    {
        if (invocation.ActorId is { } actor && !await _journal.BelongsToAsync(actor, cancellationToken))
        {
            throw ServiceException.Invalid(ValidationReason.ResourceConflict, $"Session {Key.SessionId} belongs to another actor. Use a session of your own, or leave actorId out.");
        }
    }

    // Answers with the actor's id where it is known. Only a reference is kept, so a later call that names nobody knows it only when it is
    // the one that a call without a name has.
    private async Task<string?> TakeForActorAsync(Invocation invocation, CancellationToken cancellationToken)
    {
        var actor = invocation.ActorId ?? invocation.DefaultActorId;
        if (_journal.ActorRef is not null)
        {
            return await _journal.BelongsToAsync(actor, cancellationToken) ? actor : null;
        }

        await _journal.FixActorAsync(actor, cancellationToken);
        return actor;
    }

    private RunningInvocation Start(Invocation invocation, TimeSpan already = default)
    {
        var events = Channel.CreateBounded<InvocationEvent>(new BoundedChannelOptions(_services.Invocations.BufferedEvents) { SingleReader = true });
        var toolbox = Toolbox.For(_services.BuiltIns, invocation.Tools, invocation.AllowedTools, _conversation.Offloads(invocation.OffloadAbove));
        var running = new RunningInvocation(
            new()
            {
                Invocation = invocation,
                Toolbox = toolbox,
                Telemetry = InvocationTelemetry.Begin(_services.Telemetry, invocation, Key.SessionId, toolbox),
                Conversation = _conversation,
                Written = _written,
                Journal = _mailbox.AppendAsync,
                Events = new(events.Writer),
                Live = Live,
                Signal = new(_services.Time, TimeSpan.FromSeconds(invocation.Limits.TimeoutSeconds), already),
                Sandbox = _sandbox,
                Offloads = OffloadsOf(invocation, toolbox),
            },
            events);
        lock (_gate)
        {
            _running = running;
            if (_stopping is { } cause)
            {
                running.Run.Signal.Fire(cause);
            }
        }

        return running;
    }

    private async Task ReportAsync(EntryBody entry)
    {
        RunningInvocation? running = null;
        lock (_gate)
        {
            _touched |= entry is SandboxStarted;
            if (entry is SandboxEnded)
            {
                running = _running;
                _up = _up && running is not null;
            }
        }

        if (entry is SandboxEnded { Reason: "maxLifetime" })
        {
            running?.Run.Signal.Fire(StopCause.Stopped);
        }

        await _mailbox.AppendAsync([entry], Durability.Queued);
    }

    // The record of what runs cannot be kept any more.
    private void StopRunning()
    {
        RunningInvocation? running;
        lock (_gate)
        {
            running = _running;
        }

        running?.Run.Signal.Fire(StopCause.Stopped);
    }

    // Null when nobody ended it.
    private string? WhyCommandEnded()
    {
        lock (_gate)
        {
            return _stopping is { } cause ? $"The command did not finish. {StopSignal.Describe(cause)}" : null;
        }
    }

    private Task JournalCommandAsync(CommandOutcome outcome) => _mailbox.AppendAsync([outcome], Durability.Queued);

    // Without a sandbox there is nothing that could end by itself; then the idle time decides whether the session is still up.
    private bool IsUp() =>
        _reserved is not null || _commands > 0 || _conversation.SandboxId is not null || (_up && _services.Time.GetElapsedTime(_lastActivity) < _idleTime);

    private void ThrowIfStopping(FaultCode code)
    {
        if (_stopping is not null)
        {
            throw new ServiceException(code, $"Session {Key.SessionId} is being stopped. Try again in a moment.");
        }
    }
}
