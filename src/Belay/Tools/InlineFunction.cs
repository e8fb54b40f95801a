using System.Diagnostics;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;

namespace Belay.Tools;

/// <summary>A function that the caller executes. The model sees it like any tool; a call of it pauses the invocation.</summary>
public sealed class InlineFunction(string name, HarnessInlineFunctionConfig config) : ITool
{
    /// <inheritdoc/>
    public ToolSpec Spec { get; } = new()
    {
        Name = name,
        Description = config.Description,
        InputSchema = config.InputSchema,
        Server = name,
        Kind = HarnessToolUseType.ToolUse,
        HandedToClient = true,
    };

    /// <inheritdoc/>
    public Task<ToolResult> RunAsync(ToolCall call, ToolContext context, CancellationToken cancellationToken) =>
        throw new UnreachableException("An inline function is handed to the caller, never run here.");
}
