using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Models;
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
/// <param name="RestoreAsync">Finds out what an invocation is that a crash cut off. Throws <see cref="ServiceException"/> when it cannot go on here.</param>
public sealed record SessionServices(
    AgentLoop Loop,
    IReadOnlyList<ITool> BuiltIns,
    SessionSettings Settings,
    InvocationSettings Invocations,
    TimeProvider Time,
    IdSource Ids,
    ILogger Logger,
    Func<SessionKey, InvocationStarted, CancellationToken, Task<RestoredInvocation>> RestoreAsync)
{
    /// <summary>Who is told what happens; nobody by default.</summary>
    public Instrumentation Telemetry { get; init; } = Instrumentation.None;

    /// <summary>Which sessions are damaged.</summary>
    public Quarantine Quarantine { get; init; } = new(NullLogger.Instance);

    /// <summary>Finds the model, for an account and region, of a configuration that a session's beginning holds. Throws <see cref="ServiceException"/> when it cannot be reached here.</summary>
    public required Func<Scope, HarnessModelConfiguration, ResolvedModel> ResolveModel { get; init; }

    /// <summary>Who is told what commands print.</summary>
    public CommandOutputs Outputs { get; init; } = new();

    /// <summary>Who keeps the files of sessions; null where nobody does.</summary>
    public SessionFiles? Files { get; init; }
}

/// <summary>An invocation as it goes on after a crash.</summary>
/// <param name="Invocation">What it is.</param>
/// <param name="Recovery">What its harness says about running tools again, by name, in place of what the tools say.</param>
public sealed record RestoredInvocation(Invocation Invocation, IReadOnlyDictionary<string, ToolRecovery> Recovery);
