using System.Diagnostics;
using Belay.Contracts.Invocations;
using Belay.Models;

namespace Belay.Sessions;

/// <summary>
/// What a list, a trace search and a bill want to know of a session: a fold over its journal that goes on where it ended. It holds counts, times
/// and ids, and nothing that was said.
/// </summary>
public sealed class SessionFold
{
    private readonly List<InvocationFold> _invocations = [];
    private readonly List<ModelCall> _calls = [];
    private readonly List<DateTimeOffset> _toolCalls = [];
    private readonly HashSet<string> _commands = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Provider, string ModelId), (string Provider, string ModelId)> _models = [];
    private (string Provider, string ModelId) _model = ("", "");
    private bool _paused;

    /// <summary>Sequence of the last entry that was taken; 0 before the first.</summary>
    public long LastSequence { get; private set; }

    /// <summary>The actor, where an invocation named one.</summary>
    public string? ActorId { get; private set; }

    /// <summary>The sandbox that was started and has not been seen to end.</summary>
    public string? SandboxId { get; private set; }

    /// <summary>Where it was forked; null when it began by itself.</summary>
    public ForkOrigin? Forked { get; private set; }

    /// <summary>Its invocations, the oldest first.</summary>
    public IReadOnlyList<InvocationFold> Invocations => _invocations;

    /// <summary>Its model calls that ended, the oldest first.</summary>
    public IReadOnlyList<ModelCall> Calls => _calls;

    /// <summary>When tool calls began, the oldest first.</summary>
    public IReadOnlyList<DateTimeOffset> ToolCalls => _toolCalls;

    /// <summary>Whether the caller was given calls to answer and did not go on yet.</summary>
    public bool Waiting => _paused;

    /// <summary>Whether an invocation or a command began and did not end.</summary>
    public bool Unfinished => _commands.Count > 0 || _invocations is [.., { Ended: null }];

    /// <summary>About how much memory it holds.</summary>
    public long ApproximateBytes => 512 + (_invocations.Count * 512L) + (_calls.Count * 48L) + (_toolCalls.Count * 16L) + (_models.Count * 256L);

    /// <summary>Takes the next entry.</summary>
    public void Apply(Entry entry)
    {
        LastSequence = entry.Sequence;
        switch (entry.Body)
        {
            case InvocationStarted started:
                _paused = false;
                ActorId ??= started.ActorId;
                _invocations.Add(new(entry.Sequence, entry.At, started.InvocationId, started.TraceId, started.Endpoint, started.Version));
                break;
            case ModelIntent intent:
                _model = Interned((intent.Provider, intent.ModelId));
                break;
            case ModelOutcome outcome:
                _calls.Add(new(entry.At, _model.Provider, _model.ModelId, outcome.Usage));
                Of(outcome.InvocationId)?.Take(outcome, _model);
                break;
            case ToolIntent intent:
                _toolCalls.Add(entry.At);
                Of(intent.InvocationId)?.TakeToolCall();
                break;
            case InvocationPaused:
                _paused = true;
                break;
            case InvocationEnded ended:
                Of(ended.InvocationId)?.End(entry.At, ended);
                break;
            case HistoryRepaired:
                _paused = false;
                break;
            case SandboxStarted sandbox:
                SandboxId = sandbox.SandboxId;
                break;
            case SandboxEnded:
                SandboxId = null;
                break;
            case CommandIntent command:
                _commands.Add(command.CommandId);
                break;
            case CommandOutcome command:
                _commands.Remove(command.CommandId);
                break;
            case SessionForked forked:
                Forked = new(forked.SessionId, forked.Sequence);
                _paused = forked.Waiting;
                break;
            case ContextReduced or ToolOutcome or ModelVoided or Steered or WorkspaceSaved or ModelSwitched:
                break;
            default:
                throw new UnreachableException($"The summary of a session does not know entries of {entry.Body.GetType().Name}.");
        }
    }

    // Entries of an invocation follow its beginning, and invocations of a session follow each other.
    private InvocationFold? Of(string invocationId) => _invocations is [.., var last] && last.Id == invocationId ? last : null;

    private (string Provider, string ModelId) Interned((string Provider, string ModelId) model)
    {
        if (!_models.TryGetValue(model, out var known))
        {
            _models.Add(model, known = model);
        }

        return known;
    }
}

/// <summary>Where a session was forked.</summary>
/// <param name="SessionId">The other session.</param>
/// <param name="Sequence">Its last entry that is shared.</param>
public sealed record ForkOrigin(string SessionId, long Sequence);

/// <summary>One model call that ended.</summary>
/// <param name="At">When it ended.</param>
/// <param name="Provider">Provider.</param>
/// <param name="ModelId">Model id.</param>
/// <param name="Usage">Tokens.</param>
public readonly record struct ModelCall(DateTimeOffset At, string Provider, string ModelId, TokenUsage Usage);

/// <summary>One invocation inside a <see cref="SessionFold"/>.</summary>
/// <param name="Sequence">Of its first entry.</param>
/// <param name="StartedAt">When it was accepted.</param>
/// <param name="Id">Its id.</param>
/// <param name="TraceId">Its trace.</param>
/// <param name="Endpoint">Endpoint that was invoked.</param>
/// <param name="Version">Version that served.</param>
public sealed record InvocationFold(long Sequence, DateTimeOffset StartedAt, string Id, string? TraceId, string Endpoint, string Version)
{
    private readonly List<ModelTotal> _models = [];

    /// <summary>What each model used.</summary>
    public IReadOnlyList<ModelTotal> Models => _models;

    /// <summary>Model calls that counted as iterations.</summary>
    public int Iterations { get; private set; }

    /// <summary>Tool calls.</summary>
    public int ToolCalls { get; private set; }

    /// <summary>When its end was written; null until then.</summary>
    public DateTimeOffset? EndedAt { get; private set; }

    /// <summary>Its end; null until it is written.</summary>
    public InvocationEnd? Ended { get; private set; }

    internal void Take(ModelOutcome outcome, (string Provider, string ModelId) model)
    {
        Iterations = Math.Max(Iterations, outcome.Iteration);
        var index = _models.FindIndex(total => total.Provider == model.Provider && total.ModelId == model.ModelId);
        if (index < 0)
        {
            _models.Add(new(model.Provider, model.ModelId));
            index = _models.Count - 1;
        }

        _models[index] = _models[index].With(outcome.Usage);
    }

    internal void TakeToolCall() => ToolCalls++;

    internal void End(DateTimeOffset at, InvocationEnded ended)
    {
        EndedAt = at;
        Ended = new(ended.StopReason, ended.Why, ended.LatencyMs, ended.Fault, SessionRepair.IsRepair(ended));
    }
}

/// <summary>How an invocation ended.</summary>
/// <param name="StopReason">Last stop reason; null after a fault.</param>
/// <param name="Why">In words.</param>
/// <param name="LatencyMs">Wall time.</param>
/// <param name="Fault">Code of the fault.</param>
/// <param name="CutOff">Whether a crash cut it off, so that nobody knows when it ended.</param>
public sealed record InvocationEnd(HarnessStopReason? StopReason, string Why, long LatencyMs, string? Fault, bool CutOff);

/// <summary>What calls of one model used; <paramref name="Fresh"/> is what of the input a bill counts as such.</summary>
public readonly record struct ModelTotal(
    string Provider, string ModelId, long Calls = 0, long Input = 0, long Output = 0, long CacheRead = 0, long CacheWrite = 0, long Fresh = 0)
{
    /// <summary>As a bill counts it.</summary>
    public BilledTokens Billed => new(Provider, ModelId, Fresh, Output, CacheRead, CacheWrite);

    /// <summary>With one more call.</summary>
    public ModelTotal With(TokenUsage usage) => this with
    {
        Calls = Calls + 1,
        Input = Input + usage.Input,
        Output = Output + usage.Output,
        CacheRead = CacheRead + usage.CacheRead,
        CacheWrite = CacheWrite + usage.CacheWrite,
        Fresh = Fresh + usage.Fresh(Provider),
    };

    /// <summary>With everything of another.</summary>
    public ModelTotal With(ModelTotal other) => this with
    {
        Calls = Calls + other.Calls,
        Input = Input + other.Input,
        Output = Output + other.Output,
        CacheRead = CacheRead + other.CacheRead,
        CacheWrite = CacheWrite + other.CacheWrite,
        Fresh = Fresh + other.Fresh,
    };
}
