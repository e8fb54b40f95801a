using System.Text.Json.Nodes;
using Belay.Contracts.Invocations;
using Belay.Models;

namespace Belay.Testing.Providers;

/// <summary>Writes the chunks of a chat completion.</summary>
internal sealed class ChatCompletionsWriter(ReceivedCall call) : ReplyWriter
{
    private readonly Dictionary<int, int> _calls = [];

    public override IEnumerable<ReplyPiece> Begin() => [Chunk(new JsonObject { ["role"] = "assistant", ["content"] = "" }, content: false)];

    public override IEnumerable<ReplyPiece> Write(ModelEvent one)
    {
        var delta = one switch
        {
            ModelEvent.Text text => new JsonObject { ["content"] = text.Value },
            ModelEvent.Reasoning reasoning => new JsonObject { ["reasoning_content"] = reasoning.Value },
            ModelEvent.ToolOpened tool => Call(tool),
            ModelEvent.ToolInput input => Calls(new JsonObject { ["index"] = _calls[input.Block], ["function"] = new JsonObject { ["arguments"] = input.Fragment } }),
            _ => null,
        };
        return delta is null ? [] : [Chunk(delta, content: true)];
    }

    public override IEnumerable<ReplyPiece> End(HarnessStopReason reason, TokenUsage usage)
    {
        yield return Chunk([], content: false, reason switch
        {
            HarnessStopReason.ToolUse => "tool_calls",
            HarnessStopReason.MaxTokens => "length",
            HarnessStopReason.ContentFiltered => "content_filter",
            _ => "stop",
        });
        if (RequestReader.IsMistral(call.Request) || (call.Body.TryGetProperty("stream_options", out var options) && options.GetProperty("include_usage").GetBoolean()))
        {
            var last = Body([]);
            last["usage"] = new JsonObject { ["prompt_tokens"] = usage.Input, ["completion_tokens"] = usage.Output, ["total_tokens"] = usage.Input + usage.Output };
            yield return Event(last, content: false);
        }

        yield return new ReplyPiece("data: [DONE]\n\n"u8.ToArray(), Content: false);
    }

    public override IEnumerable<ReplyPiece> Fail(ModelFailure failure, string message) => [Event(Error(0, failure, message).Body, content: false)];

    public override ReplyError Error(int status, ModelFailure failure, string message)
    {
        var (type, code) = failure switch
        {
            ModelFailure.ContextTooLong => ("invalid_request_error", "context_length_exceeded"),
            ModelFailure.Throttled => ("server_error", "rate_limit_exceeded"),
            _ => ("invalid_request_error", "invalid_request"),
        };
        return new ReplyError(new JsonObject { ["error"] = new JsonObject { ["message"] = message, ["type"] = type, ["param"] = null, ["code"] = code } });
    }

    private static JsonObject Calls(JsonObject one) => new() { ["tool_calls"] = new JsonArray(one) };

    private JsonObject Call(ModelEvent.ToolOpened tool)
    {
        var index = _calls.Count;
        _calls.Add(tool.Block, index);
        return Calls(new JsonObject
        {
            ["index"] = index,
            ["id"] = tool.Id.Length > 0 ? tool.Id : $"call_{call.Number}_{index}",
            ["type"] = "function",
            ["function"] = new JsonObject { ["name"] = tool.Name, ["arguments"] = "" },
        });
    }

    private JsonObject Body(JsonArray choices) => new()
    {
        ["id"] = $"chatcmpl-{call.Number}",
        ["object"] = "chat.completion.chunk",
        ["created"] = 1,
        ["model"] = call.ModelId,
        ["choices"] = choices,
    };

    private ReplyPiece Chunk(JsonObject delta, bool content, string? finish = null) =>
        Event(Body([new JsonObject { ["index"] = 0, ["delta"] = delta, ["finish_reason"] = finish }]), content);
}
