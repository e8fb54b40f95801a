using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Telemetry;

namespace Belay.Agents;

/// <summary>One invocation, resolved: a version and the overrides of one call, merged once. Nothing later reads a nullable override.</summary>
public sealed record Invocation
{
    /// <summary>Its id.</summary>
    public required string Id { get; init; }

    /// <summary>The trace that it belongs to.</summary>
    public required TraceContext Trace { get; init; }

    /// <summary>The caller's <c>baggage</c>, when the operator passes it on to model providers; null otherwise.</summary>
    public string? Baggage { get; init; }

    /// <summary>The harness as it serves.</summary>
    public required Harness Harness { get; init; }

    /// <summary>Endpoint that was invoked.</summary>
    public required string Endpoint { get; init; }

    /// <summary>The model.</summary>
    public required IModel Model { get; init; }

    /// <summary>Its sampling parameters.</summary>
    public required ModelParameters Parameters { get; init; }

    /// <summary>Refuses the invocation when the key of its model is not there; asked before anything is written.</summary>
    public Func<CancellationToken, ValueTask> RequireKeyAsync { get; init; } = _ => ValueTask.CompletedTask;

    /// <summary>Models that take over, one after the other, when the one before fails.</summary>
    public IReadOnlyList<ResolvedModel> Fallbacks { get; init; } = [];

    /// <summary>Instructions.</summary>
    public required IReadOnlyList<string> System { get; init; }

    /// <summary>The model configuration that the call gave in place of the version's; null when it gave none.</summary>
    public HarnessModelConfiguration? GivenModel { get; init; }

    /// <summary>Whether the call gave the instructions.</summary>
    public bool SystemGiven { get; init; }

    /// <summary>Tool entries, each with its name.</summary>
    public required IReadOnlyList<HarnessTool> Tools { get; init; }

    /// <summary>Whether the call named the entries itself; otherwise those of a paused invocation go on.</summary>
    public required bool ToolsGiven { get; init; }

    /// <summary>Tool patterns.</summary>
    public required IReadOnlyList<string> AllowedTools { get; init; }

    /// <summary>Whether the call named the patterns itself.</summary>
    public required bool AllowedToolsGiven { get; init; }

    /// <summary>Limits.</summary>
    public required InvocationLimits Limits { get; init; }

    /// <summary>How the conversation is cut.</summary>
    public required HarnessTruncationConfiguration Truncation { get; init; }

    /// <summary>Estimated tokens above which a tool's result is stored as a file and shown in part; null for never.</summary>
    public int? OffloadAbove { get; init; }

    /// <summary>What the client sent, for its session to check.</summary>
    public required IReadOnlyList<HarnessMessage> Sent { get; init; }

    /// <summary>Actor that the call names; null means the session's.</summary>
    public required string? ActorId { get; init; }

    /// <summary>Actor of a session that has none yet, when the call names none.</summary>
    public required string DefaultActorId { get; init; }

    /// <summary>Tools of one message that run side by side.</summary>
    public required int ToolConcurrency { get; init; }

    /// <summary>Whether it goes on when its client leaves.</summary>
    public required bool Detached { get; init; }
}
