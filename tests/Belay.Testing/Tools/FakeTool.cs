using System.Text.Json;
using Belay.Contracts.Invocations;
using Belay.Tools;

namespace Belay.Testing.Tools;

/// <summary>A built-in tool that does what a test tells it to, whatever its arguments are.</summary>
public sealed class FakeTool(string name, Func<ToolCall, ToolContext, CancellationToken, Task<ToolResult>> run) : ITool
{
    /// <summary>Completes when the tool is called for the first time.</summary>
    public TaskCompletionSource Called { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What it says about a second run.</summary>
    public ToolRecovery Recovery { get; init; }

    public ToolSpec Spec { get; } = new()
    {
        Name = name,
        Description = $"The tool {name}.",
        InputSchema = JsonElement.Parse("""{"type":"object"}"""),
        Server = AllowedTools.BuiltIn,
        Kind = HarnessToolUseType.ToolUse,
    };

    public ToolRecovery RecoveryOf(JsonElement input) => Recovery;

    public async Task<ToolResult> RunAsync(ToolCall call, ToolContext context, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Called.TrySetResult();
        return await run(call, context, cancellationToken);
    }
}
