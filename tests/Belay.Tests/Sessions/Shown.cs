using System.Diagnostics;
using Belay.Contracts.Invocations;

namespace Belay.Tests.Sessions;

/// <summary>Events of the wire as one line each, so that a test reads like the stream.</summary>
internal static class Shown
{
    public static string Of(InvocationEvent item) => item switch
    {
        HarnessMessageStartEvent start => $"messageStart {(start.Role == HarnessConversationRole.User ? "user" : "assistant")}",
        HarnessContentBlockStartEvent { Start.ToolUse: { } use } start => $"start {start.ContentBlockIndex} toolUse {use.ToolUseId} {use.Name} {use.Type}",
        HarnessContentBlockStartEvent { Start.ToolResult: { } result } start => $"start {start.ContentBlockIndex} toolResult {result.ToolUseId} {result.Status}",
        HarnessContentBlockDeltaEvent delta => $"delta {delta.ContentBlockIndex} {Of(delta.Delta)}",
        HarnessContentBlockStopEvent stop => $"stop {stop.ContentBlockIndex}",
        HarnessMessageStopEvent stop => $"messageStop {stop.StopReason}",
        HarnessMetadataEvent metadata => $"metadata {metadata.Usage.InputTokens}/{metadata.Usage.OutputTokens}",
        _ => throw new UnreachableException(),
    };

    private static string Of(HarnessContentBlockDelta delta) => delta switch
    {
        { Text: { } text } => $"text {text}",
        { ToolUse: { } use } => $"input {use.Input}",
        { ToolResult: [{ Text: { } text }] } => $"result {text}",
        { ToolResult: [{ Json: { } json }] } => $"json {json.GetRawText()}",
        { ReasoningContent: { Text: { } text } } => $"reasoning {text}",
        { ReasoningContent: { Signature: { } signature } } => $"signature {signature}",
        { ReasoningContent: { RedactedContent: { } bytes } } => $"redacted {bytes.Length}",
        { ToolResultMetadata: { } metadata } => $"metadata {metadata.Metadata}",
        _ => throw new UnreachableException(),
    };
}
