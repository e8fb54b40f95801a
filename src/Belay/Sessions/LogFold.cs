using System.Diagnostics;
using System.Globalization;
using Belay.Contracts.Invocations;
using Belay.Contracts.Sessions;

namespace Belay.Sessions;

/// <summary>
/// An entry as a line for an operator: one line for each entry, made of nothing but the entry. It has names, sizes, times, reasons and, cut to
/// one short line, what an error or a command line says; never what a person or a model said. Pure and total.
/// </summary>
public static class LogFold
{
    /// <summary>The line of an entry.</summary>
    public static LogLine Line(SessionKey session, Entry entry)
    {
        var (level, message) = Say(entry.Body);
        return Line(session, entry.Sequence, entry.At, JournalJson.KindOf(entry.Body).ToString(), level, message) with { InvocationId = InvocationOf(entry.Body) };
    }

    /// <summary>The line of an entry that cannot be read.</summary>
    public static LogLine Line(StoredEntry stored, JournalException problem) =>
        Line(problem.Session, stored.Sequence, stored.At, stored.Kind.ToString(), LogLineLevel.Warn, problem.Message);

    private static LogLine Line(SessionKey session, long sequence, DateTimeOffset at, string kind, LogLineLevel level, string message) => new()
    {
        At = at,
        Level = level,
        HarnessId = session.HarnessId,
        SessionId = session.SessionId,
        Sequence = sequence,
        Kind = kind,
        Message = message,
    };

    private static (LogLineLevel Level, string Message) Say(EntryBody body) => body switch
    {
        InvocationStarted started => (LogLineLevel.Info, Text($"Invocation began on {started.Endpoint}, version {started.Version}: {Count(started.Messages.Count, "message")}.")),
        HistoryRepaired repaired => (LogLineLevel.Warn, Text($"The conversation was repaired with {Count(repaired.Messages.Count, "message")}: {OneLine.Of(repaired.Reason)}")),
        ContextReduced reduced => (LogLineLevel.Info, Text($"The conversation was shortened to {Count(reduced.Messages.Count, "message")}: {OneLine.Of(reduced.Reason)}")),
        ModelIntent intent => (
            intent.LeftOut == 0 ? LogLineLevel.Warn : LogLineLevel.Debug,
            Text($"Asking {intent.ModelId} of {intent.Provider}, {(intent.Iteration == 0 ? "beside the turn" : $"iteration {intent.Iteration}")}: {Count(intent.MessageCount, "message")}{LeftOut(intent)}.")),
        ModelOutcome outcome => Say(outcome),
        ToolIntent { Verdict: "deny" } intent => (LogLineLevel.Warn, Text($"Tool {intent.Tool} was refused.")),
        ToolIntent { Verdict: "handToClient" } intent => (LogLineLevel.Debug, Text($"Tool {intent.Tool} is handed to the caller: {EntrySizes.Of(intent.Input)} bytes.")),
        ToolIntent intent => (LogLineLevel.Debug, Text($"Calling tool {intent.Tool}: {EntrySizes.Of(intent.Input)} bytes.")),
        ToolOutcome { Result.Status: HarnessToolUseStatus.Error } outcome =>
            (LogLineLevel.Warn, Text($"Tool {outcome.Tool ?? outcome.Result.ToolUseId} failed after {outcome.DurationMs} ms: {EntrySizes.TextOf(outcome.Result)}")),
        ToolOutcome outcome => (
            LogLineLevel.Info,
            Text($"Tool {outcome.Tool ?? outcome.Result.ToolUseId} answered after {outcome.DurationMs} ms: {EntrySizes.Of(outcome.Result)} bytes{(outcome.Offloaded is { } file ? $", stored in {file.Path} and shown in part" : "")}.")),
        InvocationPaused paused => (LogLineLevel.Info, Text($"Waiting for the caller to answer {Count(paused.Offered.Count, "tool call")}.")),
        InvocationEnded ended => Say(ended),
        SandboxStarted sandbox => (LogLineLevel.Info, Text($"Sandbox {sandbox.SandboxId} started with {sandbox.Driver} after {sandbox.DurationMs} ms.")),
        SandboxEnded sandbox => (sandbox.Reason is "crashed" or "serverRestarted" ? LogLineLevel.Warn : LogLineLevel.Info, Text($"Sandbox {sandbox.SandboxId} ended: {sandbox.Reason}.")),
        CommandIntent command => (LogLineLevel.Debug, Text($"Running a command for at most {command.TimeoutSeconds} s: {OneLine.Of(command.Command)}")),
        CommandOutcome command => (
            command is { Status: "COMPLETED", ExitCode: 0 } ? LogLineLevel.Info : LogLineLevel.Warn,
            Text($"Command ended with exit code {command.ExitCode}, {command.Status}: {command.StdoutBytes} bytes of output, {command.StderrBytes} of errors.")),
        ModelVoided => (LogLineLevel.Warn, "The server ended during a model call; what was streamed of it is void."),
        ModelSwitched switched => (LogLineLevel.Warn, Text($"{switched.ModelId} of {switched.Provider} takes over from {switched.FromModelId} of {switched.FromProvider}: {OneLine.Of(switched.Why)}")),
        Steered steered => (LogLineLevel.Info, Text($"The running invocation was sent a message: {EntrySizes.Of(steered.Message)} bytes.")),
        SessionForked forked => (LogLineLevel.Info, Text($"Forked from session {forked.SessionId} of harness {forked.HarnessId} at entry {forked.Sequence}.")),
        WorkspaceSaved saved => (LogLineLevel.Debug, Text($"The workspace was saved as {saved.Id}: {Count(saved.Files, "file")}, {saved.Bytes} bytes.")),
        _ => throw new UnreachableException($"The log does not know entries of {body.GetType().Name}."),
    };

    private static (LogLineLevel, string) Say(ModelOutcome outcome)
    {
        var attempts = outcome.Attempts > 1 ? string.Create(CultureInfo.InvariantCulture, $" and {outcome.Attempts} attempts") : "";
        var tokens = Text($"{outcome.Usage.Input} tokens in, {outcome.Usage.Output} out");
        return outcome switch
        {
            { Failure: { } failure } => (LogLineLevel.Warn, Text($"The model failed after {outcome.DurationMs} ms{attempts}: {OneLine.Of(failure)}")),
            { StopReason: { } reason } => (
                outcome.Attempts > 1 ? LogLineLevel.Warn : LogLineLevel.Info,
                Text($"The model answered {SessionView.Text(reason)} after {outcome.DurationMs} ms{attempts}: {tokens}.")),
            _ => (LogLineLevel.Warn, Text($"The model was cut off after {outcome.DurationMs} ms{attempts}: {tokens}.")),
        };
    }

    private static (LogLineLevel, string) Say(InvocationEnded ended)
    {
        var cost = Text($"{Count(ended.Iterations, "iteration")}, {ended.Usage.Input} tokens in, {ended.Usage.Output} out, {ended.LatencyMs} ms");
        return ended switch
        {
            { Fault: { } fault } => (LogLineLevel.Error, Text($"Invocation ended with {fault}: {OneLine.Of(ended.Why)} ({cost})")),
            { StopReason: HarnessStopReason.EndTurn or HarnessStopReason.ToolUse or HarnessStopReason.StopSequence } => (LogLineLevel.Info, Text($"Invocation ended with {SessionView.Text(ended.StopReason.Value)}: {cost}.")),
            _ => (LogLineLevel.Warn, Text($"Invocation ended with {(ended.StopReason is { } reason ? SessionView.Text(reason) : "nothing")}: {OneLine.Of(ended.Why)} ({cost})")),
        };
    }

    private static string LeftOut(ModelIntent intent) => intent.LeftOut switch
    {
        null => "",
        0 => ", more than the window holds; none can be left out without parting a call from its result",
        var count => string.Create(CultureInfo.InvariantCulture, $", the oldest {count} left out"),
    };

    private static string? InvocationOf(EntryBody body) => body switch
    {
        InvocationStarted one => one.InvocationId,
        ContextReduced one => one.InvocationId,
        ModelIntent one => one.InvocationId,
        ModelOutcome one => one.InvocationId,
        ToolIntent one => one.InvocationId,
        ToolOutcome one => one.InvocationId,
        InvocationPaused one => one.InvocationId,
        InvocationEnded one => one.InvocationId,
        ModelVoided one => one.InvocationId,
        Steered one => one.InvocationId,
        ModelSwitched one => one.InvocationId,
        SessionForked or WorkspaceSaved => null,
        HistoryRepaired or SandboxStarted or SandboxEnded or CommandIntent or CommandOutcome => null,
        _ => throw new UnreachableException($"The log does not know entries of {body.GetType().Name}."),
    };

    private static string Count(int count, string what) => string.Create(CultureInfo.InvariantCulture, $"{count} {what}{(count == 1 ? "" : "s")}");

    private static string Text(FormattableString text) => OneLine.Bounded(FormattableString.Invariant(text));
}
