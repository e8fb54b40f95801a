using Belay.Models;
using Belay.Sandboxes;
using Belay.Sessions;
using Belay.Telemetry;
using Belay.Tools;

namespace Belay.Agents;

/// <summary>A running invocation: what it is, what it may use, and where what happens goes.</summary>
public sealed class InvocationRun
{
    /// <summary>What was asked for.</summary>
    public required Invocation Invocation { get; init; }

    /// <summary>The tools in force.</summary>
    public required Toolbox Toolbox { get; init; }

    /// <summary>The session's conversation; it changes when an append completes, and only then.</summary>
    public required Conversation Conversation { get; init; }

    /// <summary>Appends to the session's journal, through the session's mailbox.</summary>
    public required Func<IReadOnlyList<EntryBody>, Durability, Task> Journal { get; init; }

    /// <summary>The stream to the client.</summary>
    public required EventWriter Events { get; init; }

    /// <summary>What its model call that runs now has said, for those who read the session.</summary>
    public LiveReply Live { get; init; } = new();

    /// <summary>Who may still steer it.</summary>
    public Steering Steering { get; } = new();

    /// <summary>When and why it must stop.</summary>
    public required StopSignal Signal { get; init; }

    /// <summary>The session's sandbox.</summary>
    public required ISandboxSource Sandbox { get; init; }

    /// <summary>Where its large tool results go; null when they stay in the conversation.</summary>
    public OffloadedResults? Offloads { get; init; }

    /// <summary>What adapters keep of the conversation's written messages; it goes with the conversation.</summary>
    public WrittenMessages Written { get; init; } = new();

    /// <summary>What is told about it.</summary>
    public InvocationTelemetry Telemetry { get; init; } = InvocationTelemetry.None;

    /// <summary>Whether it stops here to go on with the next start of a server: then what is cut off gets no outcome, and no end is written.</summary>
    public bool GoesOnLater => Invocation.Detached && Signal.Cause == StopCause.ShuttingDown;

    /// <summary>The model that is asked next. Which one that is, the journal says; a version that came without its fallbacks has its last one.</summary>
    public ResolvedModel Model => Math.Min(Conversation.Fallback, Invocation.Fallbacks.Count) is > 0 and var fallback
        ? Invocation.Fallbacks[fallback - 1]
        : new(Invocation.Model, Invocation.Parameters);

    /// <summary>The model that takes over when that one fails; null when there is none.</summary>
    public ResolvedModel? NextModel => Conversation.Fallback < Invocation.Fallbacks.Count ? Invocation.Fallbacks[Conversation.Fallback] : null;

    /// <summary>Tokens of its model calls so far.</summary>
    public TokenUsage Usage => Conversation.Usage;

    /// <summary>Appends entries; nothing happens when there are none.</summary>
    public Task AppendAsync(Durability durability, params IReadOnlyList<EntryBody> entries) =>
        entries.Count == 0 ? Task.CompletedTask : Journal(entries, durability);
}
