using System.Diagnostics;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Contracts.Sessions;

namespace Belay.Sessions;

/// <summary>One event of a session.</summary>
/// <param name="Id">Where it stands; <see cref="SessionEventId.Start"/>, where nothing stands, when it is not stored.</param>
/// <param name="InvocationId">The invocation that it belongs to; null when it is the session's.</param>
/// <param name="Event">What it tells.</param>
public sealed record ToldEvent(SessionEventId Id, string? InvocationId, InvocationEvent Event)
{
    /// <summary>Its id as clients know it; null when it is not stored, and cannot be asked for again.</summary>
    public string? WireId => Id > SessionEventId.Start ? Id.ToString() : null;
}

/// <summary>
/// The events of a session: a fold over its journal. For an invocation whose reader stayed they are what that reader was sent, with notices between.
/// The events of a model call belong to its intent, so what is stored while it runs is told after it: events come in the order
/// of their ids. What sandbox and commands do belongs to the session. The fold may begin at any <see cref="InvocationStarted"/>.
/// </summary>
public sealed class SessionEvents
{
    private readonly List<ToldEvent> _waiting = [];
    private readonly HashSet<string> _group = new(StringComparer.Ordinal);
    private StreamGrammar _grammar = new();
    private int _results;

    /// <summary>The model call that has begun and not ended; null when none has. Its events are not told yet.</summary>
    public (long Entry, string InvocationId)? Asking { get; private set; }

    /// <summary>Takes the next entry, and answers the events that it makes known.</summary>
    public IReadOnlyList<ToldEvent> Apply(Entry entry)
    {
        switch (entry.Body)
        {
            case InvocationStarted started:
                var before = GiveUp();
                Begin();
                return [.. before, .. Tell(entry.Sequence, started.InvocationId, Notice(started, entry.At))];
            case ModelIntent intent:
                var given = GiveUp();
                Asking = (entry.Sequence, intent.InvocationId);
                return given;
            case ModelOutcome outcome:
                var said = Tell(Asking?.Entry ?? entry.Sequence, outcome.InvocationId, Reply(outcome));
                return [.. said, .. GiveUp()];
            case ModelVoided voided:
                return [.. GiveUp(), .. Tell(entry.Sequence, voided.InvocationId, new ModelVoidedNotice { Void = voided.Intent })];
            case ModelSwitched switched:
                return Tell(entry.Sequence, switched.InvocationId, Notice(switched));
            case ToolIntent { Verdict: not "handToClient" } intent:
                _group.Add(intent.ToolUseId);
                return [];
            case ToolOutcome outcome:
                return Tell(entry.Sequence, outcome.InvocationId, Result(outcome));
            case InvocationPaused paused:
                return Tell(entry.Sequence, paused.InvocationId, new InvocationPausedNotice { ToolUseIds = paused.Offered });
            case Steered steered:
                return Beside(entry, steered.InvocationId, new SteeredNotice { SteerId = steered.SteerId, Text = TextOf(steered.Message) });
            case SandboxStarted sandbox:
                return Beside(entry, null, new SandboxStartedNotice { SandboxId = sandbox.SandboxId, Driver = sandbox.Driver, DurationMs = sandbox.DurationMs });
            case SandboxEnded sandbox:
                return Beside(entry, null, new SandboxEndedNotice { SandboxId = sandbox.SandboxId, Reason = sandbox.Reason });
            case CommandIntent command:
                return Beside(entry, null, new CommandStartedNotice { CommandId = command.CommandId, Command = command.Command, TimeoutSeconds = command.TimeoutSeconds });
            case CommandOutcome command:
                return Beside(entry, null, Notice(command));
            case InvocationEnded ended:
                var left = GiveUp();
                var last = Tell(entry.Sequence, ended.InvocationId, End(ended));
                Begin();
                return [.. left, .. last];
            case HistoryRepaired or ContextReduced or ToolIntent or SessionForked or WorkspaceSaved:
                return [];
            default:
                throw new UnreachableException($"The events of a session do not know entries of {entry.Body.GetType().Name}.");
        }
    }

    // What happens beside a model call is told after it.
    private ToldEvent[] Beside(Entry entry, string? invocationId, SessionNotice notice)
    {
        var told = Tell(entry.Sequence, invocationId, notice);
        if (Asking is null)
        {
            return told;
        }

        _waiting.AddRange(told);
        return [];
    }

    private void Begin()
    {
        _grammar = new();
        _group.Clear();
        _results = 0;
    }

    // The call that ran is over, whether or not it has an outcome.
    private ToldEvent[] GiveUp()
    {
        Asking = null;
        ToldEvent[] waited = [.. _waiting];
        _waiting.Clear();
        return waited;
    }

    private static ToldEvent[] Tell(long entry, string? invocationId, params IEnumerable<InvocationEvent> events) =>
        [.. events.Select((item, i) => new ToldEvent(new(entry, i), invocationId, item))];

    private List<InvocationEvent> Reply(ModelOutcome outcome)
    {
        var events = Sent(ReplyEvents.Of(outcome));
        if (outcome is { Iteration: not 0, StopReason: { } reason })
        {
            events.AddRange(Sent(_grammar.Closing(reason)));
        }

        return events;
    }

    // Only what a tool of ours answered is shown; what the caller answered, it knows.
    private List<InvocationEvent> Result(ToolOutcome outcome)
    {
        if (!_group.Remove(outcome.Result.ToolUseId))
        {
            return [];
        }

        var events = new List<InvocationEvent>();
        if (_results == 0)
        {
            events.Add(new HarnessMessageStartEvent { Role = HarnessConversationRole.User });
        }

        events.AddRange(ToolResultEvents.Of(outcome.Result, _results++));
        if (_group.Count == 0)
        {
            events.Add(new HarnessMessageStopEvent { StopReason = HarnessStopReason.ToolResult });
            _results = 0;
        }

        return Sent(events);
    }

    private List<InvocationEvent> End(InvocationEnded ended)
    {
        var events = new List<InvocationEvent>();
        if (ended is { Fault: null, StopReason: { } reason })
        {
            events.AddRange(_grammar.Closing(reason));
            events.Add(new HarnessMetadataEvent { Usage = Usage.ToWire(ended.Usage), Metrics = new() { LatencyMs = ended.LatencyMs } });
        }

        events.Add(new InvocationEndedNotice
        {
            StopReason = ended.StopReason,
            Fault = ended.Fault,
            Why = ended.Why,
            Iterations = ended.Iterations,
            LatencyMs = ended.LatencyMs,
        });
        return events;
    }

    private List<InvocationEvent> Sent(IEnumerable<InvocationEvent> events)
    {
        var sent = events.ToList();
        sent.ForEach(_grammar.Take);
        return sent;
    }

    private static InvocationStartedNotice Notice(InvocationStarted started, DateTimeOffset at) => new()
    {
        Endpoint = started.Endpoint,
        HarnessVersion = started.Version,
        StartedAt = at,
        TraceId = started.TraceId,
        Detached = started.Detached,
    };

    private static ModelSwitchedNotice Notice(ModelSwitched switched) => new()
    {
        Fallback = switched.Fallback,
        FromProvider = switched.FromProvider,
        FromModelId = switched.FromModelId,
        Provider = switched.Provider,
        ModelId = switched.ModelId,
        Failure = switched.Failure.ToString(),
        Why = switched.Why,
    };

    private static CommandEndedNotice Notice(CommandOutcome command) => new()
    {
        CommandId = command.CommandId,
        ExitCode = command.ExitCode,
        Status = command.Status,
        StdoutBytes = command.StdoutBytes,
        StderrBytes = command.StderrBytes,
    };

    private static string TextOf(Message message) => string.Join('\n', message.Blocks.OfType<Block.Text>().Select(block => block.Value));
}
