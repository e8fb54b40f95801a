using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Models;

namespace Belay.Sessions;

/// <summary>Everything that can happen in a session. The set is closed: a fold that claims to be total handles every kind.</summary>
public enum EntryKind
{
    /// <summary><see cref="Sessions.InvocationStarted"/>.</summary>
    InvocationStarted = 1,

    /// <summary><see cref="Sessions.HistoryRepaired"/>.</summary>
    HistoryRepaired = 2,

    /// <summary><see cref="Sessions.ContextReduced"/>.</summary>
    ContextReduced = 3,

    /// <summary><see cref="Sessions.ModelIntent"/>.</summary>
    ModelIntent = 4,

    /// <summary><see cref="Sessions.ModelOutcome"/>.</summary>
    ModelOutcome = 5,

    /// <summary><see cref="Sessions.ToolIntent"/>.</summary>
    ToolIntent = 6,

    /// <summary><see cref="Sessions.ToolOutcome"/>.</summary>
    ToolOutcome = 7,

    /// <summary><see cref="Sessions.InvocationPaused"/>.</summary>
    InvocationPaused = 8,

    /// <summary><see cref="Sessions.InvocationEnded"/>.</summary>
    InvocationEnded = 9,

    /// <summary><see cref="Sessions.SandboxStarted"/>.</summary>
    SandboxStarted = 10,

    /// <summary><see cref="Sessions.SandboxEnded"/>.</summary>
    SandboxEnded = 11,

    /// <summary><see cref="Sessions.CommandIntent"/>.</summary>
    CommandIntent = 12,

    /// <summary><see cref="Sessions.CommandOutcome"/>.</summary>
    CommandOutcome = 13,

    /// <summary><see cref="Sessions.ModelVoided"/>.</summary>
    ModelVoided = 14,

    /// <summary><see cref="Sessions.Steered"/>.</summary>
    Steered = 15,

    /// <summary><see cref="Sessions.SessionForked"/>.</summary>
    SessionForked = 16,

    /// <summary><see cref="Sessions.WorkspaceSaved"/>.</summary>
    WorkspaceSaved = 17,

    /// <summary><see cref="Sessions.ModelSwitched"/>.</summary>
    ModelSwitched = 18,
}

/// <summary>An entry with its body open.</summary>
/// <param name="Sequence">From 1, without gaps.</param>
/// <param name="At">When it was appended.</param>
/// <param name="Body">What happened.</param>
public sealed record Entry(long Sequence, DateTimeOffset At, EntryBody Body);

/// <summary>The body of an entry; the concrete record is one of <see cref="EntryKind"/>.</summary>
public abstract record EntryBody
{
    private protected EntryBody()
    {
    }
}

/// <summary>A call arrived and was accepted: what the client sent, and the settings that hold for it.</summary>
/// <param name="InvocationId">Id of the invocation.</param>
/// <param name="Endpoint">Endpoint that was invoked.</param>
/// <param name="Version">Version that serves.</param>
/// <param name="Messages">Messages of the request after clean-up, in order.</param>
/// <param name="Tools">Tool entries in force.</param>
/// <param name="AllowedTools">Tool patterns in force.</param>
/// <param name="Limits">Limits in force.</param>
/// <param name="TraceId">W3C trace id of the invocation; null in journals that knew none.</param>
/// <param name="ActorId">Actor on whose behalf the call was made, where it is known.</param>
/// <param name="Detached">Whether it goes on without its client, and after a restart of the server.</param>
/// <param name="Model">Model configuration that replaces the version's for this invocation; null for the version's.</param>
/// <param name="System">Instructions that replace the version's for this invocation; null for the version's.</param>
/// <param name="OffloadAbove">Estimated tokens above which a tool's result is stored as a file and shown in part; null for never.</param>
public sealed record InvocationStarted(
    string InvocationId,
    string Endpoint,
    string Version,
    IReadOnlyList<Message> Messages,
    IReadOnlyList<HarnessTool> Tools,
    IReadOnlyList<string> AllowedTools,
    InvocationLimits Limits,
    string? TraceId = null,
    string? ActorId = null,
    bool Detached = false,
    HarnessModelConfiguration? Model = null,
    IReadOnlyList<string>? System = null,
    int? OffloadAbove = null) : EntryBody;

/// <summary>Messages that were inserted to make the stored conversation whole again before new ones were appended.</summary>
/// <param name="Messages">What was inserted.</param>
/// <param name="Reason">Why, in words.</param>
public sealed record HistoryRepaired(IReadOnlyList<Message> Messages, string Reason) : EntryBody;

/// <summary>The conversation was shortened for the model; the entries before stay as they are.</summary>
/// <param name="InvocationId">Id of the invocation.</param>
/// <param name="Messages">What the model sees from now on, in full.</param>
/// <param name="Reason">How it was shortened.</param>
public sealed record ContextReduced(string InvocationId, IReadOnlyList<Message> Messages, string Reason) : EntryBody;

/// <summary>A model is about to be called.</summary>
/// <param name="InvocationId">Id of the invocation.</param>
/// <param name="Iteration">From 1; 0 for a call that counts as none, such as a summary.</param>
/// <param name="Provider">Provider name.</param>
/// <param name="ModelId">Model id.</param>
/// <param name="MessageCount">Number of messages that are sent.</param>
/// <param name="Steers">How many of the messages that steered the invocation and were not taken yet are among them, the oldest first.</param>
/// <param name="LeftOut">How many of the oldest messages of a conversation that is longer than its window are not sent; 0 when none could be left out, null when
/// the conversation fits.</param>
public sealed record ModelIntent(string InvocationId, int Iteration, string Provider, string ModelId, int MessageCount, int Steers = 0, int? LeftOut = null) : EntryBody;

/// <summary>A model call ended.</summary>
/// <param name="InvocationId">Id of the invocation.</param>
/// <param name="Iteration">From 1; 0 for a call that counts as none.</param>
/// <param name="Message">What the model said, as it was streamed; what the conversation keeps of it is a fold. Null when it said nothing.</param>
/// <param name="StopReason">How the message ended; null when the call failed or was cut off.</param>
/// <param name="Usage">Tokens.</param>
/// <param name="Deltas">Lengths of the pieces in which each block arrived, in arrival order, so that a replay can be byte-identical.</param>
/// <param name="Attempts">Attempts that were made.</param>
/// <param name="DurationMs">Wall time.</param>
/// <param name="TimeToFirstMs">Wall time to the first delta; null when none came.</param>
/// <param name="Failure">Why the call failed, without secrets; null when it worked.</param>
/// <param name="FailureKind">What kind of failure it was; null when it worked, and in journals that do not say.</param>
/// <param name="Ended">How many blocks of the message the stream had closed when the call was cut off; null when all of them.</param>
public sealed record ModelOutcome(
    string InvocationId,
    int Iteration,
    Message? Message,
    HarnessStopReason? StopReason,
    TokenUsage Usage,
    IReadOnlyList<DeltaSpan> Deltas,
    int Attempts,
    long DurationMs,
    long? TimeToFirstMs,
    string? Failure,
    ModelFailure? FailureKind = null,
    int? Ended = null) : EntryBody;

/// <summary>One piece of a block as it arrived.</summary>
/// <param name="Block">Index of the block.</param>
/// <param name="Length">UTF-16 characters, or bytes of redacted reasoning.</param>
public readonly record struct DeltaSpan(int Block, int Length);

/// <summary>A tool is about to run, or was refused, or is handed to the caller.</summary>
/// <param name="InvocationId">Id of the invocation.</param>
/// <param name="ToolUseId">Id of the call.</param>
/// <param name="Tool">Name as the model knows it.</param>
/// <param name="Server">Entry that provides the tool.</param>
/// <param name="Input">Arguments.</param>
/// <param name="Verdict">What was decided: <c>run</c>, <c>deny</c>, <c>ask</c> or <c>handToClient</c>.</param>
public sealed record ToolIntent(string InvocationId, string ToolUseId, string Tool, string Server, JsonElement Input, string Verdict) : EntryBody;

/// <summary>A tool call ended, or the caller answered it.</summary>
/// <param name="InvocationId">Id of the invocation.</param>
/// <param name="Result">The whole answer.</param>
/// <param name="DurationMs">Wall time; 0 when the caller answered.</param>
/// <param name="Tool">Name as the model knows it, so that the entry can be read by itself; null in journals that do not say.</param>
/// <param name="Shown">False when the invocation was stopped before the stream showed it; null when it was shown.</param>
/// <param name="Offloaded">The file that holds the answer, and how much of it the conversation keeps; null when it keeps all of it.</param>
public sealed record ToolOutcome(
    string InvocationId, Block.ToolResult Result, long DurationMs, string? Tool = null, bool? Shown = null, OffloadedResult? Offloaded = null) : EntryBody;

/// <summary>The invocation ended because the caller must answer tool calls. The pending calls are a fold: tool uses of the last
/// model outcome without an outcome of their own.</summary>
/// <param name="InvocationId">Id of the invocation.</param>
/// <param name="Offered">Ids of the calls that the caller was given.</param>
public sealed record InvocationPaused(string InvocationId, IReadOnlyList<string> Offered) : EntryBody;

/// <summary>An invocation is over.</summary>
/// <param name="InvocationId">Id of the invocation.</param>
/// <param name="StopReason">Last stop reason; null when it ended with a fault.</param>
/// <param name="Why">Why it ended, in words.</param>
/// <param name="Usage">Tokens of all its model calls.</param>
/// <param name="Iterations">Model calls that were made.</param>
/// <param name="LatencyMs">Wall time.</param>
/// <param name="Fault">Code of the fault that ended it; null when it ended normally.</param>
public sealed record InvocationEnded(
    string InvocationId,
    HarnessStopReason? StopReason,
    string Why,
    TokenUsage Usage,
    int Iterations,
    long LatencyMs,
    string? Fault) : EntryBody;

/// <summary>A sandbox was started for the session.</summary>
/// <param name="SandboxId">Its id.</param>
/// <param name="Driver">Driver that made it.</param>
/// <param name="DurationMs">How long the start took.</param>
public sealed record SandboxStarted(string SandboxId, string Driver, long DurationMs) : EntryBody;

/// <summary>The session's sandbox ended.</summary>
/// <param name="SandboxId">Its id.</param>
/// <param name="Reason">Why: <c>idle</c>, <c>maxLifetime</c>, <c>stopped</c>, <c>shutdown</c>, <c>crashed</c> or <c>serverRestarted</c>.</param>
public sealed record SandboxEnded(string SandboxId, string Reason) : EntryBody;

/// <summary>A command of InvokeAgentRuntimeCommand is about to run.</summary>
/// <param name="CommandId">Id of the command.</param>
/// <param name="Command">The command line.</param>
/// <param name="TimeoutSeconds">Its time limit.</param>
public sealed record CommandIntent(string CommandId, string Command, int TimeoutSeconds) : EntryBody;

/// <summary>A command ended.</summary>
/// <param name="CommandId">Id of the command.</param>
/// <param name="ExitCode">As the caller was told.</param>
/// <param name="Status"><c>COMPLETED</c>, <c>TIMED_OUT</c> or <c>FAILED</c>.</param>
/// <param name="StdoutBytes">Bytes of standard output.</param>
/// <param name="StderrBytes">Bytes of standard error.</param>
public sealed record CommandOutcome(string CommandId, int ExitCode, string Status, long StdoutBytes, long StderrBytes) : EntryBody;

/// <summary>A model call that a crash cut off counts as not made: what of it was streamed is void, and the call is made again or given up.</summary>
/// <param name="InvocationId">Id of the invocation.</param>
/// <param name="Intent">Sequence of the call's <see cref="ModelIntent"/>, which is also the entry in the ids of its streamed events.</param>
public sealed record ModelVoided(string InvocationId, long Intent) : EntryBody;

/// <summary>A message for the running invocation. It joins the conversation with the next model call, or at the invocation's end.</summary>
/// <param name="InvocationId">Id of the invocation.</param>
/// <param name="SteerId">Id that the sender chose; a repeated one is not taken twice.</param>
/// <param name="Message">The message.</param>
public sealed record Steered(string InvocationId, string SteerId, Message Message) : EntryBody;

/// <summary>The first entry of a session that shares the past of another one, by reference.</summary>
/// <param name="HarnessId">Harness of the other session.</param>
/// <param name="SessionId">The other session.</param>
/// <param name="Sequence">Its last entry that is shared.</param>
/// <param name="Hash">Hash of that entry.</param>
/// <param name="Model">Model configuration of this session's invocations that name none; null for the version's.</param>
/// <param name="System">Instructions of this session's invocations that name none; null for the version's.</param>
/// <param name="Workspace">Id of the saved workspace that its files began as, among those of the other session; null when there was none.</param>
/// <param name="Waiting">Whether calls wait for the caller's answers there.</param>
public sealed record SessionForked(
    string HarnessId,
    string SessionId,
    long Sequence,
    string Hash,
    HarnessModelConfiguration? Model,
    IReadOnlyList<string>? System,
    string? Workspace,
    bool Waiting = false) : EntryBody;

/// <summary>The session's files were saved.</summary>
/// <param name="Id">Id of the saved workspace: the session's last entry whose effects are in it.</param>
/// <param name="Files">Files in it.</param>
/// <param name="Bytes">Their size.</param>
public sealed record WorkspaceSaved(string Id, int Files, long Bytes) : EntryBody;

/// <summary>A model's call failed before anything of it was shown, and one of its fallbacks takes over for the rest of the invocation.</summary>
/// <param name="InvocationId">Id of the invocation.</param>
/// <param name="Fallback">Which of the fallbacks takes over, from 1.</param>
/// <param name="FromProvider">Provider whose call failed.</param>
/// <param name="FromModelId">Its model.</param>
/// <param name="Provider">Provider that takes over.</param>
/// <param name="ModelId">Its model.</param>
/// <param name="Failure">What kind of failure it was.</param>
/// <param name="Why">Why the call failed, without secrets.</param>
public sealed record ModelSwitched(
    string InvocationId,
    int Fallback,
    string FromProvider,
    string FromModelId,
    string Provider,
    string ModelId,
    ModelFailure Failure,
    string Why) : EntryBody;
