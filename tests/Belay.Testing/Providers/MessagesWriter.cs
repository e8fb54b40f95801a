using System.Text.Json.Nodes;
using Belay.Contracts.Invocations;
using Belay.Models;

namespace Belay.Testing.Providers;

/// <summary>Writes the events of a message.</summary>
internal sealed class MessagesWriter(ReceivedCall call) : ReplyWriter
{
    private int _open = -1;
    private bool _thinking;

    public override IEnumerable<ReplyPiece> Begin()
    {
        var message = new JsonObject
        {
            ["id"] = $"msg_{call.Number}",
            ["type"] = "message",
            ["role"] = "assistant",
            ["model"] = call.ModelId,
            ["content"] = new JsonArray(),
            ["stop_reason"] = null,
            // What was read is known before anything is said; the end says both numbers again, and neither is to be added.
            ["usage"] = new JsonObject { ["input_tokens"] = 1, ["output_tokens"] = 1 },
        };
        yield return Event("message_start", ("message", message));
        yield return Event("ping");
    }

    public override IEnumerable<ReplyPiece> Write(ModelEvent one)
    {
        var block = one switch
        {
            ModelEvent.Text text => (text.Block, Start: new JsonObject { ["type"] = "text", ["text"] = "" }),
            ModelEvent.Reasoning reasoning => (reasoning.Block, Start: new JsonObject { ["type"] = "thinking", ["thinking"] = "", ["signature"] = "" }),
            ModelEvent.ToolOpened tool => (tool.Block, Start: new JsonObject
            {
                ["type"] = "tool_use",
                ["id"] = tool.Id.Length > 0 ? tool.Id : $"toolu_{call.Number}_{tool.Block}",
                ["name"] = tool.Name,
                ["input"] = new JsonObject(),
            }),
            _ => (Block: _open, Start: []),
        };
        if (block.Block != _open)
        {
            (_open, _thinking) = (block.Block, one is ModelEvent.Reasoning);
            yield return Event("content_block_start", content: one is ModelEvent.ToolOpened, ("index", _open), ("content_block", block.Start));
        }

        var delta = one switch
        {
            ModelEvent.Text text => new JsonObject { ["type"] = "text_delta", ["text"] = text.Value },
            ModelEvent.Reasoning reasoning => new JsonObject { ["type"] = "thinking_delta", ["thinking"] = reasoning.Value },
            ModelEvent.ToolInput input => new JsonObject { ["type"] = "input_json_delta", ["partial_json"] = input.Fragment },
            ModelEvent.BlockClosed when _thinking => new JsonObject { ["type"] = "signature_delta", ["signature"] = Signatures.Of(call.Format, call.ModelId) },
            _ => null,
        };
        if (delta is not null)
        {
            yield return Event("content_block_delta", content: true, ("index", _open), ("delta", delta));
        }

        if (one is ModelEvent.BlockClosed)
        {
            yield return Event("content_block_stop", ("index", _open));
        }
    }

    public override IEnumerable<ReplyPiece> End(HarnessStopReason reason, TokenUsage usage)
    {
        var stop = reason switch
        {
            HarnessStopReason.ToolUse => "tool_use",
            HarnessStopReason.MaxTokens => "max_tokens",
            HarnessStopReason.StopSequence => "stop_sequence",
            HarnessStopReason.ContentFiltered => "refusal",
            HarnessStopReason.ModelContextWindowExceeded => "model_context_window_exceeded",
            _ => "end_turn",
        };
        yield return Event(
            "message_delta",
            ("delta", new JsonObject { ["stop_reason"] = stop, ["stop_sequence"] = null }),
            ("usage", new JsonObject { ["input_tokens"] = usage.Input, ["output_tokens"] = usage.Output }));
        yield return Event("message_stop");
    }

    public override IEnumerable<ReplyPiece> Fail(ModelFailure failure, string message) => [Event(Error(0, failure, message).Body, content: false, "error")];

    public override ReplyError Error(int status, ModelFailure failure, string message) => new(new JsonObject
    {
        ["type"] = "error",
        ["error"] = new JsonObject
        {
            ["type"] = failure switch { ModelFailure.Throttled => "overloaded_error", _ => "invalid_request_error" },
            ["message"] = failure is ModelFailure.ContextTooLong ? $"prompt is too long: {message}" : message,
        },
    });

    private static ReplyPiece Event(string type, params ReadOnlySpan<(string Name, JsonNode? Value)> members) => Event(type, content: false, members);

    private static ReplyPiece Event(string type, bool content, params ReadOnlySpan<(string Name, JsonNode? Value)> members)
    {
        var json = new JsonObject { ["type"] = type };
        foreach (var (name, value) in members)
        {
            json[name] = value;
        }

        return Event(json, content, type);
    }
}
