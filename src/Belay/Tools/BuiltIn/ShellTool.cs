using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Sandboxes;

namespace Belay.Tools.BuiltIn;

/// <summary>The built-in tool <c>shell</c>: one command line in the session's sandbox. Nothing but files lasts between calls.</summary>
public sealed class ShellTool : ITool
{
    private const int DefaultSeconds = 300;
    private const int LongestSeconds = 3600;
    private const int LongestCommand = 1024 * 1024;
    private const int LongestOutput = 512 * 1024;
    private const string TimedOutWords = "Error: command timed out after ";

    /// <inheritdoc/>
    public ToolSpec Spec { get; } = new()
    {
        Name = "shell",
        Description =
            "Run a bash command in the session environment and get its stdout, stderr and exit code. Each call is a fresh bash process " +
            "that starts in the session's working directory; files stay between calls, shell variables and the current directory do not. " +
            "There is no terminal and no standard input.",
        InputSchema = JsonElement.Parse(
            """
            {"type":"object","properties":{
              "command":{"type":"string","description":"the command line for bash"},
              "timeout":{"type":"integer","description":"seconds after which the command and everything it started is killed, 1 to 3600, default 300","minimum":1,"maximum":3600}},
             "required":["command"]}
            """),
        Server = AllowedTools.BuiltIn,
        Kind = HarnessToolUseType.ToolUse,
    };

    /// <inheritdoc/>
    public async Task<ToolResult> RunAsync(ToolCall call, ToolContext context, CancellationToken cancellationToken)
    {
        var arguments = new Arguments(call.Input);
        var command = arguments.Text("command", required: true, LongestCommand);
        var seconds = arguments.Number("timeout", required: false, 1, LongestSeconds) ?? DefaultSeconds;
        if (command is not null && (command.Length == 0 || command.Contains('\0')))
        {
            arguments.Problem("'command' must not be empty and must contain no NUL character");
        }

        if (command is null || arguments.Refusal is not null)
        {
            return arguments.Refusal!;
        }

        var timeout = TimeSpan.FromSeconds(seconds);
        timeout = context.Remaining < timeout ? context.Remaining : timeout;
        if (timeout <= TimeSpan.Zero)
        {
            return TimedOut(timeout);
        }

        var sandbox = await context.Sandbox.GetAsync(cancellationToken);
        var request = SandboxCommand.Request(command, login: true, timeout) with { Environment = context.Environment };
        request = await SandboxCommand.ShortenAsync(sandbox, request, cancellationToken);
        var stdout = new CappedText(LongestOutput);
        var stderr = new CappedText(LongestOutput);
        await foreach (var happened in sandbox.ExecuteAsync(request, cancellationToken))
        {
            switch (happened)
            {
                case ExecEvent.Output output:
                    (output.Kind == OutputKind.Stdout ? stdout : stderr).Append(output.Bytes.Span);
                    break;
                case ExecEvent.Exited { TimedOut: true }:
                    return TimedOut(timeout);
                case ExecEvent.Exited exited:
                    return Result(stdout.ToString(), stderr.ToString(), exited.ExitCode);
                default:
                    throw new UnreachableException();
            }
        }

        throw new UnreachableException();
    }

    /// <summary>How the command of a call ended, as far as the call's result says; null when none ran.</summary>
    internal static (int? ExitCode, bool TimedOut)? ExitOf(Agents.Block.ToolResult result) => result switch
    {
        { Status: HarnessToolUseStatus.Success, Content: [ToolContent.Json { Value: var value }, ..] } =>
            (value.TryGetProperty("exit_code", out var code) && code.TryGetInt32(out var exitCode) ? exitCode : null, false),

        // A result that was too long is the text of its beginning and end.
        { Status: HarnessToolUseStatus.Success } => (null, false),
        { Content: [ToolContent.Text { Value: var text }, ..] } when text.StartsWith(TimedOutWords, StringComparison.Ordinal) => (null, true),
        _ => null,
    };

    private static ToolResult Result(string stdout, string stderr, int exitCode)
    {
        var result = new JsonObject { ["stdout"] = stdout, ["stderr"] = stderr, ["exit_code"] = exitCode };
        return new ToolResult(HarnessToolUseStatus.Success, [new ToolContent.Json(JsonElement.Parse(result.ToJsonString()))]);
    }

    private static ToolResult TimedOut(TimeSpan timeout) =>
        ToolResult.Error($"{TimedOutWords}{Math.Max(Math.Ceiling(timeout.TotalSeconds), 0):0} seconds");
}
