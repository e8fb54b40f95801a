using System.Text.Json;
using Belay.Contracts.Invocations;
using Belay.Sandboxes;
using Belay.Tools;
using Belay.Tools.BuiltIn;

namespace Belay.Testing.Sandboxes;

/// <summary>A tool named <c>shell</c> that runs its command in the session's sandbox; what engine tests need of the real one.</summary>
public sealed class SandboxShell : ITool
{
    // More than the dispatch lets through, so that engine tests see it cut.
    private const int LongestOutput = 3 * 512 * 1024;

    public ToolSpec Spec { get; } = new()
    {
        Name = "shell",
        Description = "Runs a command.",
        InputSchema = JsonElement.Parse("""{"type":"object","properties":{"command":{"type":"string"}},"required":["command"]}"""),
        Server = AllowedTools.BuiltIn,
        Kind = HarnessToolUseType.ToolUse,
    };

    public async Task<ToolResult> RunAsync(ToolCall call, ToolContext context, CancellationToken cancellationToken)
    {
        var arguments = new Arguments(call.Input);
        var command = arguments.Text("command", required: true, 1024 * 1024);
        if (arguments.Refusal is { } refusal)
        {
            return refusal;
        }

        var sandbox = await context.Sandbox.GetAsync(cancellationToken);
        var output = new CappedText(LongestOutput);
        var request = new ExecRequest { Command = ["bash", "-lc", command!], Timeout = context.Remaining + TimeSpan.FromMinutes(1) };
        await foreach (var item in sandbox.ExecuteAsync(request, cancellationToken))
        {
            switch (item)
            {
                case ExecEvent.Output chunk:
                    output.Append(chunk.Bytes.Span);
                    break;
                case ExecEvent.Exited { ExitCode: not 0 } exited:
                    return ToolResult.Error($"exit {exited.ExitCode}");
            }
        }

        return new(HarnessToolUseStatus.Success, [new Belay.Agents.ToolContent.Text(output.ToString())]);
    }
}
