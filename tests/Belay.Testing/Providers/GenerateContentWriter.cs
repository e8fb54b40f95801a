using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Contracts.Invocations;
using Belay.Models;

namespace Belay.Testing.Providers;

/// <summary>Writes generated content. Calls come whole here, and the first of a reply is signed.</summary>
internal sealed class GenerateContentWriter(ReceivedCall call) : ReplyWriter
{
    private readonly StringBuilder _input = new();
    private ModelEvent.ToolOpened? _tool;
    private int _calls;
    private bool _malformed;

    public override IEnumerable<ReplyPiece> Write(ModelEvent one)
    {
        switch (one)
        {
            case ModelEvent.Text text:
                return [Candidate(new JsonObject { ["text"] = text.Value })];
            case ModelEvent.Reasoning reasoning:
                return [Candidate(new JsonObject { ["text"] = reasoning.Value, ["thought"] = true })];
            case ModelEvent.ToolOpened tool:
                _tool = tool;
                _input.Clear();
                return [];
            case ModelEvent.ToolInput input:
                _input.Append(input.Fragment);
                return [];
            case ModelEvent.BlockClosed when _tool is not null:
                return Call();
            default:
                return [];
        }
    }

    public override IEnumerable<ReplyPiece> End(HarnessStopReason reason, TokenUsage usage)
    {
        var chunk = Chunk(new JsonArray(), _malformed ? "MALFORMED_FUNCTION_CALL" : reason switch
        {
            HarnessStopReason.MaxTokens => "MAX_TOKENS",
            HarnessStopReason.ContentFiltered => "SAFETY",
            HarnessStopReason.MalformedToolUse => "MALFORMED_FUNCTION_CALL",
            _ => "STOP",
        });
        chunk["usageMetadata"] = new JsonObject { ["promptTokenCount"] = usage.Input, ["candidatesTokenCount"] = usage.Output, ["totalTokenCount"] = usage.Input + usage.Output };
        yield return Event(chunk, content: false);
    }

    public override IEnumerable<ReplyPiece> Fail(ModelFailure failure, string message) =>
        [Event(Error(failure is ModelFailure.Throttled ? 503 : 400, failure, message).Body, content: false)];

    public override ReplyError Error(int status, ModelFailure failure, string message) => new(new JsonObject
    {
        ["error"] = new JsonObject
        {
            ["code"] = status,
            ["message"] = failure is ModelFailure.ContextTooLong ? $"The input token count (9) exceeds the maximum number of tokens allowed (8). {message}" : message,
            ["status"] = status switch { 429 => "RESOURCE_EXHAUSTED", >= 500 => "UNAVAILABLE", _ => "INVALID_ARGUMENT" },
        },
    });

    private IEnumerable<ReplyPiece> Call()
    {
        var tool = _tool!;
        _tool = null;
        JsonNode? input = null;
        try
        {
            input = JsonNode.Parse(_input.Length > 0 ? _input.ToString() : "{}");
        }
        catch (JsonException)
        {
            // This provider cannot say what is not an object; it ends the reply with a reason of its own.
        }

        if (input is not JsonObject)
        {
            _malformed = true;
            yield break;
        }

        var function = new JsonObject { ["name"] = tool.Name, ["args"] = input };
        if (tool.Id.Length > 0)
        {
            function["id"] = tool.Id;
        }

        var part = new JsonObject { ["functionCall"] = function };
        if (_calls++ == 0)
        {
            part["thoughtSignature"] = Signatures.Of(call.Format, call.ModelId);
        }

        yield return Candidate(part);
    }

    private ReplyPiece Candidate(JsonObject part) => Event(Chunk(new JsonArray(part), finish: null), content: true);

    private JsonObject Chunk(JsonArray parts, string? finish)
    {
        var candidate = new JsonObject { ["content"] = new JsonObject { ["parts"] = parts, ["role"] = "model" }, ["index"] = 0 };
        if (finish is not null)
        {
            candidate["finishReason"] = finish;
        }

        return new JsonObject { ["candidates"] = new JsonArray(candidate), ["modelVersion"] = call.ModelId, ["responseId"] = $"r-{call.Number}" };
    }
}
