using Belay.Agents;
using Belay.Storage;
using Belay.Telemetry;
using Belay.Tools;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Sessions;

/// <summary>What every session of a server shares.</summary>
/// <param name="Loop">The loop.</param>
/// <param name="BuiltIns">Built-in tools, in the order in which models see them.</param>
/// <param name="Settings">Settings of sessions.</param>
/// <param name="Invocations">Settings of invocations.</param>
/// <param name="Time">The clock.</param>
/// <param name="Ids">Where ids come from.</param>
/// <param name="Logger">Where a session reports what we broke.</param>
public sealed record SessionServices(
    AgentLoop Loop,
    IReadOnlyList<ITool> BuiltIns,
    SessionSettings Settings,
    InvocationSettings Invocations,
    TimeProvider Time,
    IdSource Ids,
    ILogger Logger)
{
    /// <summary>Who is told what happens; nobody by default.</summary>
    public Instrumentation Telemetry { get; init; } = Instrumentation.None;

    /// <summary>Which sessions are damaged.</summary>
    public Quarantine Quarantine { get; init; } = new(NullLogger.Instance);
}
