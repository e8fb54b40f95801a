using System.Collections.Immutable;
using System.Diagnostics;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;

namespace Belay.Agents;

/// <summary>
/// The conversation of a session: a fold over its journal, and nothing else. What a running loop sees and what a server sees
/// after a crash come from the same code.
/// </summary>
public sealed class Conversation
{
    private readonly List<Message> _context = [];
    private readonly HashSet<string> _commands = new(StringComparer.Ordinal);
    private readonly HashSet<string> _callIds = new(StringComparer.Ordinal);
    private ImmutableDictionary<string, int> _offloaded = ImmutableDictionary<string, int>.Empty;
    private ImmutableList<Steered> _steers = [];
    private ImmutableHashSet<string> _steerIds = [];
    private InvocationStarted? _started;
    private HarnessStopReason? _lastWord;

    /// <summary>The messages that a model is shown, whole: every call in them has its result.</summary>
    public IReadOnlyList<Message> Context => _context;

    /// <summary>The first message of what the last reduction left, such as a summary; null when there was none.</summary>
    public Message? Reduced { get; private set; }

    /// <summary>Whether the model failed to summarise the conversation since it last answered.</summary>
    public bool SummaryFailed { get; private set; }

    /// <summary>Results that are shown in part: UTF-16 characters of their texts, by the path of the file that holds them. Tools read it while it changes.</summary>
    public IReadOnlyDictionary<string, int> Offloaded => _offloaded;

    /// <summary>UTF-16 characters of all of them.</summary>
    public long OffloadedCharacters { get; private set; }

    /// <summary>Calls that wait for results; null when there are none.</summary>
    public OpenCalls? Open { get; private set; }

    /// <summary>Ids of every call so far, whoever made it and whether or not the context still holds it: a new call takes none of them.</summary>
    public IReadOnlySet<string> CallIds => _callIds;

    /// <summary>The invocation that has begun and not ended; null when none has.</summary>
    public InvocationStarted? Unfinished => _started;

    /// <summary>The model call that has begun and not ended; null when none has.</summary>
    public ModelIntent? Asking { get; private set; }

    /// <summary>How the model ended its answer, when the invocation that has begun needs nothing but its end any more; null when more is to be done.</summary>
    public HarnessStopReason? Answered =>
        _started is not null && _lastWord is { } reason && !(Budget.IsAnswer(reason) && _steers.Count > 0) ? reason : null;

    /// <summary>Messages for the running invocation that no model call has taken yet, the oldest first.</summary>
    public IReadOnlyList<Steered> Steers => _steers;

    /// <summary>Ids of the messages that steered the invocation that began last.</summary>
    public IReadOnlySet<string> SteerIds => _steerIds;

    /// <summary>Where the session came from; null when it began by itself.</summary>
    public SessionForked? Forked { get; private set; }

    /// <summary>Tokens of the invocation that began last.</summary>
    public TokenUsage Usage { get; private set; }

    /// <summary>Model calls of the invocation that began last.</summary>
    public int Iterations { get; private set; }

    /// <summary>Which fallback of its model the invocation that began last is at, from 1; 0 while it has the model that it began with.</summary>
    public int Fallback { get; private set; }

    /// <summary>The sandbox that was started and has not been seen to end; null when there is none.</summary>
    public string? SandboxId { get; private set; }

    /// <summary>Commands that have begun and not been seen to end.</summary>
    public IReadOnlyCollection<string> Commands => _commands;

    /// <summary>Whether an invocation needs the tool that reads more of such results: its own may become some, or there are some, whatever its harness says now.</summary>
    /// <param name="above">What the invocation's harness says.</param>
    public bool Offloads(int? above) => above is not null || !_offloaded.IsEmpty;

    /// <summary>Takes the next entry.</summary>
    public void Apply(EntryBody body)
    {
        switch (body)
        {
            case InvocationStarted started:
                Start(started);
                break;
            case HistoryRepaired repaired:
                Repair(repaired);
                break;
            case ContextReduced reduced:
                _context.Clear();
                _context.AddRange(reduced.Messages);
                Reduced = reduced.Messages is [var first, ..] ? first : null;
                break;
            case ModelIntent intent:
                Ask(intent);
                break;
            case ModelOutcome outcome:
                var asked = Asking;
                Asking = null;
                Answer(outcome, asked);
                break;
            case ModelVoided:
                Asking = null;
                break;
            case ModelSwitched switched:
                // What an import brings may say anything. The model that takes over has not failed to summarise anything yet.
                Fallback = Math.Max(0, switched.Fallback);
                SummaryFailed = false;
                break;
            case ToolIntent { Verdict: "run" } intent when Open is not null:
                Open = Open with { Begun = Open.Begun.Add(intent.ToolUseId) };
                break;
            case Steered steered when _started is not null:
                _steers = _steers.Add(steered);
                _steerIds = _steerIds.Add(steered.SteerId);
                break;
            case SessionForked forked:
                Fork(forked);
                break;
            case ToolOutcome outcome:
                Settle([Shown(outcome)]);
                break;
            case InvocationPaused paused when Open is not null:
                Open = Open with { Offered = Open.Offered.Union(paused.Offered), Paused = true };
                break;
            case InvocationEnded:
                _started = null;
                Asking = null;
                Take(_steers.Count);
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
            case InvocationPaused or ToolIntent or Steered or WorkspaceSaved:
                break;
            default:
                throw new UnreachableException($"The conversation does not know entries of {body.GetType().Name}.");
        }
    }

    private void Ask(ModelIntent intent)
    {
        Asking = intent;
        _lastWord = null;
        Take(intent.Steers);
    }

    // What steers joins the conversation where a model is shown it, or where nobody will be any more.
    private void Take(int steers)
    {
        if (steers == 0)
        {
            return;
        }

        var messages = _steers.Take(steers).Select(steer => steer.Message);
        if (Open is null)
        {
            _context.AddRange(messages);
        }
        else
        {
            Open = Open with { After = Open.After.AddRange(messages) };
        }

        _steers = _steers.RemoveRange(0, Math.Min(steers, _steers.Count));
    }

    // The past is shared up to here; what ran there runs there.
    private void Fork(SessionForked forked)
    {
        Forked = forked;
        _started = null;
        Asking = null;
        SandboxId = null;
        _commands.Clear();
        Take(_steers.Count);
    }

    private void Start(InvocationStarted started)
    {
        _started = started;
        _lastWord = null;
        _steerIds = [];
        SummaryFailed = false;
        Usage = default;
        Iterations = 0;
        Fallback = 0;
        AddCallIds(started.Messages);
        if (Open is null)
        {
            _context.AddRange(started.Messages);
            return;
        }

        // Whoever appends an invocation while calls are open has made sure that it answers them.
        var resume = Resumption.Match(Open, started.Messages) ?? throw new UnreachableException("An invocation began on open calls without answering them.");
        Open = Open with
        {
            Paused = false,
            Assistant = resume.Assistant,
            Tools = started.Tools,
            AllowedTools = started.AllowedTools,
            Trailing = Open.Trailing.AddRange(resume.Trailing),
            After = Open.After.AddRange(resume.After),
        };
    }

    private void Repair(HistoryRepaired repaired)
    {
        if (Open is null)
        {
            _context.AddRange(repaired.Messages);
            return;
        }

        Settle(repaired.Messages.SelectMany(message => message.Blocks).OfType<Block.ToolResult>());
    }

    private void Answer(ModelOutcome outcome, ModelIntent? asked)
    {
        Usage += outcome.Usage;
        SummaryFailed = outcome.Iteration == 0 && (SummaryFailed || (asked?.Iteration == 0 && ContextWindow.SummaryOf(outcome) is null));
        AddCallIds(outcome.Message is { } said ? [said] : []);
        if (outcome.Iteration == 0)
        {
            return;
        }

        Iterations = outcome.Iteration;
        _lastWord = outcome.StopReason == HarnessStopReason.ToolUse ? null : outcome.StopReason;
        if (History.Kept(outcome) is not { } message)
        {
            return;
        }

        if (outcome.StopReason == HarnessStopReason.ToolUse)
        {
            Open = new() { Assistant = message, Tools = _started?.Tools ?? [], AllowedTools = _started?.AllowedTools ?? [] };
        }
        else
        {
            _context.Add(message);
        }
    }

    // A session may begin with a thousand messages, hence without a query for each.
    private void AddCallIds(IReadOnlyList<Message> messages)
    {
        for (var i = 0; i < messages.Count; i++)
        {
            var blocks = messages[i].Blocks;
            for (var j = 0; j < blocks.Count; j++)
            {
                if (blocks[j] is Block.ToolUse call)
                {
                    _callIds.Add(call.Id);
                }
            }
        }
    }

    // The journal has the whole result, and the session a file with it; the model is shown a part.
    private Block.ToolResult Shown(ToolOutcome outcome)
    {
        if (outcome.Offloaded is not { } offloaded)
        {
            return outcome.Result;
        }

        _offloaded = _offloaded.SetItem(offloaded.Path, offloaded.Characters);
        OffloadedCharacters += offloaded.Characters;

        return OffloadedText.Preview(outcome.Result, offloaded);
    }

    private void Settle(IEnumerable<Block.ToolResult> results)
    {
        if (Open is null)
        {
            return;
        }

        var open = Open with { Results = Open.Results.SetItems(results.Select(result => KeyValuePair.Create(result.ToolUseId, result))) };
        if (open.Unanswered.Any())
        {
            Open = open;
            return;
        }

        _context.AddRange(open.Messages());
        Open = null;
    }
}
