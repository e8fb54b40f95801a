using System.Text.Json.Nodes;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Testing.Models;

namespace Belay.Testing.Providers;

/// <summary>Writes the frames of a ConverseStream reply.</summary>
internal sealed class ConverseWriter(ReceivedCall call) : ReplyWriter
{
    private bool _thinking;

    public override string ContentType => "application/vnd.amazon.eventstream";

    public override IEnumerable<ReplyPiece> Begin() => [Frame("messageStart", new JsonObject { ["role"] = "assistant" }, content: false)];

    public override IEnumerable<ReplyPiece> Write(ModelEvent one)
    {
        _thinking = one is ModelEvent.Reasoning || (_thinking && one is ModelEvent.BlockClosed);
        switch (one)
        {
            case ModelEvent.Text text:
                yield return Delta(text.Block, new JsonObject { ["text"] = text.Value });
                break;
            case ModelEvent.Reasoning reasoning:
                yield return Delta(reasoning.Block, new JsonObject { ["reasoningContent"] = new JsonObject { ["text"] = reasoning.Value } });
                break;
            case ModelEvent.ToolOpened tool:
                var use = new JsonObject { ["toolUseId"] = tool.Id.Length > 0 ? tool.Id : $"tooluse_{call.Number}_{tool.Block}", ["name"] = tool.Name };
                yield return Frame("contentBlockStart", new JsonObject { ["contentBlockIndex"] = tool.Block, ["start"] = new JsonObject { ["toolUse"] = use } }, content: true);
                break;
            case ModelEvent.ToolInput input:
                yield return Delta(input.Block, new JsonObject { ["toolUse"] = new JsonObject { ["input"] = input.Fragment } });
                break;
            case ModelEvent.BlockClosed closed:
                if (_thinking)
                {
                    yield return Delta(closed.Block, new JsonObject { ["reasoningContent"] = new JsonObject { ["signature"] = Signatures.Of(call.Format, call.ModelId) } });
                }

                yield return Frame("contentBlockStop", new JsonObject { ["contentBlockIndex"] = closed.Block }, content: false);
                break;
            default:
                break;
        }
    }

    public override IEnumerable<ReplyPiece> End(HarnessStopReason reason, TokenUsage usage)
    {
        yield return Frame("messageStop", new JsonObject { ["stopReason"] = ModelEventText.Name(reason) }, content: false);
        var tokens = new JsonObject { ["inputTokens"] = usage.Input, ["outputTokens"] = usage.Output, ["totalTokens"] = usage.Input + usage.Output };
        yield return Frame("metadata", new JsonObject { ["usage"] = tokens, ["metrics"] = new JsonObject { ["latencyMs"] = 1 } }, content: false);
    }

    public override IEnumerable<ReplyPiece> Fail(ModelFailure failure, string message) =>
        [new(ProviderBytes.ExceptionFrame(Lower(Type(failure)), Text(Body(failure, message))), Content: false)];

    public override ReplyPiece Garbage() => new("this is no frame, however long one waits for more of it"u8.ToArray(), Content: false);

    public override ReplyError Error(int status, ModelFailure failure, string message) =>
        new(Body(failure, message), new Dictionary<string, string> { ["x-amzn-ErrorType"] = status == 500 ? "InternalServerException" : Type(failure) });

    private static JsonObject Body(ModelFailure failure, string message) =>
        new() { ["message"] = failure is ModelFailure.ContextTooLong ? $"Input is too long for requested model. {message}" : message };

    private static string Type(ModelFailure failure) => failure is ModelFailure.Throttled ? "ThrottlingException" : "ValidationException";

    private static string Lower(string name) => char.ToLowerInvariant(name[0]) + name[1..];

    private static ReplyPiece Delta(int block, JsonObject delta) => Frame("contentBlockDelta", new JsonObject { ["contentBlockIndex"] = block, ["delta"] = delta }, content: true);

    private static ReplyPiece Frame(string type, JsonObject json, bool content) => new(ProviderBytes.Frame("event", ":event-type", type, Text(json)), content);
}
