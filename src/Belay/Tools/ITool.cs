using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Tools.Schemas;

namespace Belay.Tools;

/// <summary>Something that a model can ask for.</summary>
public interface ITool
{
    /// <summary>How the model knows the tool.</summary>
    ToolSpec Spec { get; }

    /// <summary>
    /// Runs one call. What the model can correct comes back as a result with error status. Cancellation means stop at once and
    /// leave nothing running.
    /// </summary>
    Task<ToolResult> RunAsync(ToolCall call, ToolContext context, CancellationToken cancellationToken);

    /// <summary>What may be done about a call whose run began and whose end nobody knows. <see cref="ToolRecovery.Unknown"/> unless the tool
    /// can promise more for these arguments.</summary>
    ToolRecovery RecoveryOf(JsonElement input) => ToolRecovery.Unknown;
}

/// <summary>How the model knows a tool.</summary>
public sealed record ToolSpec
{
    /// <summary>1 to 64 of letters, digits, <c>_</c> and <c>-</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What it does, for the model.</summary>
    public required string Description { get; init; }

    /// <summary>JSON Schema of the arguments, in the plain form that every provider reads, whatever it was given in.</summary>
    public required JsonElement InputSchema { get; init => field = ToolSchema.Plain(value); }

    /// <summary>Entry that provides it; <c>builtin</c> for built-ins.</summary>
    public required string Server { get; init; }

    /// <summary>How the stream labels its calls.</summary>
    public required HarnessToolUseType Kind { get; init; }

    /// <summary>Whether the caller executes it.</summary>
    public bool HandedToClient { get; init; }
}

/// <summary>One call of a tool.</summary>
/// <param name="ToolUseId">Id of the call; also the idempotency key of tools that have one.</param>
/// <param name="Input">Arguments: always a JSON object.</param>
public sealed record ToolCall(string ToolUseId, JsonElement Input);

/// <summary>What a tool may use while it runs.</summary>
/// <param name="Sandbox">The session's sandbox, started on first use.</param>
/// <param name="Remaining">Time that is left of the invocation.</param>
public sealed record ToolContext(Sandboxes.ISandboxSource Sandbox, TimeSpan Remaining)
{
    /// <summary>Variables of this invocation that tools add to the sandbox's environment, such as the actor's id.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Results of the session that the model is shown in part; null when there are none.</summary>
    public OffloadedResults? Offloads { get; init; }
}

/// <summary>What a tool answered.</summary>
/// <param name="Status">Whether it worked.</param>
/// <param name="Content">The answer.</param>
/// <param name="Metadata">For the stream's tool-result metadata; not shown to the model.</param>
public sealed record ToolResult(HarnessToolUseStatus Status, IReadOnlyList<ToolContent> Content, JsonElement? Metadata = null)
{
    /// <summary>How long the run took, where whoever ran it knows; else it is measured from outside.</summary>
    public TimeSpan? Took { get; init; }

    /// <summary>The file that holds it already, where whoever ran it knows one.</summary>
    public OffloadedResult? Offloaded { get; init; }

    /// <summary>An error that the model can read and act on.</summary>
    public static ToolResult Error(string text) => new(HarnessToolUseStatus.Error, [new ToolContent.Text(text)]);
}

/// <summary>What is decided about a tool call before it runs. The set is closed.</summary>
public abstract record ToolVerdict
{
    private ToolVerdict()
    {
    }

    /// <summary>Run it.</summary>
    public sealed record Run(ITool Tool) : ToolVerdict;

    /// <summary>Do not run it; the model reads the reason.</summary>
    public sealed record Deny(string Reason) : ToolVerdict;

    /// <summary>Ask a person first.</summary>
    public sealed record Ask(ITool Tool, string Question) : ToolVerdict;

    /// <summary>The caller executes it: the invocation pauses.</summary>
    public sealed record HandToClient(ToolSpec Spec) : ToolVerdict;
}
