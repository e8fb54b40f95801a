using System.Text;
using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.Invocations;

namespace Belay.Models.Anthropic;

/// <summary>
/// Reads a Messages reply. Blocks are numbered when they say something: one that stays empty never was. Events, blocks and pieces that
/// are newer than this code are passed over; a stop reason that is not known is an error.
/// </summary>
internal sealed class AnthropicStream : IReplyParser
{
    /// <summary>Largest line and event.</summary>
    public const int MaxEventBytes = 4 * 1024 * 1024;

    private const int MaxBlocks = 1024;
    private const int MaxHeld = 16 * 1024 * 1024;
    private static readonly JsonReaderOptions Json = new() { MaxDepth = BelayJson.MaxDepth };
    private readonly SseReader _sse = new(MaxEventBytes, AnthropicModel.ProviderName);
    private readonly Dictionary<int, AnthropicPart> _parts = [];
    private readonly Dictionary<string, AnthropicPart> _serverTools = new(StringComparer.Ordinal);
    private int _blocks;
    private int _calls;
    private long _held;
    private string? _stop;
    private TokenUsage? _usage;

    /// <inheritdoc/>
    public bool Finished => _stop is not null;

    /// <inheritdoc/>
    public bool Ended { get; private set; }

    /// <inheritdoc/>
    public void Feed(ReadOnlySpan<byte> bytes, List<ModelEvent> events)
    {
        while (!Ended && _sse.TryRead(ref bytes, out var data))
        {
            Take(data, events);
        }
    }

    /// <inheritdoc/>
    public void End(List<ModelEvent> events)
    {
        if (!Ended && _sse.TryEnd(out var last))
        {
            TakeLast(last, events);
        }

        Ended = true;
        if (_stop is null)
        {
            throw Failure(ModelFailure.Broken, "the stream ended without a stop reason");
        }

        CloseAll(events);
        if (_usage is { } usage)
        {
            events.Add(new ModelEvent.Usage(usage));
        }

        events.Add(new ModelEvent.Stopped(Reason(_stop)));
    }

    private void TakeLast(ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        try
        {
            Take(data, events);
        }
        catch (ModelException exception) when (exception.Failure is ModelFailure.Malformed && exception.InnerException is JsonException)
        {
            // No blank line ended this event, so it is cut off rather than wrong.
            if (!Finished)
            {
                throw Failure(ModelFailure.Broken, "the stream ended inside an event", exception);
            }
        }
    }

    private void Take(ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        try
        {
            if (AnthropicDelta.TryRead(data, out var delta))
            {
                TakeDelta(delta, events);
                return;
            }

            var reader = new Utf8JsonReader(data, Json);
            using var document = JsonDocument.ParseValue(ref reader);
            // Throws when anything but white space follows.
            reader.Read();
            TakeEvent(document.RootElement, events);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            // All but the first are how a document refuses members that are missing or of another kind, and text that is not valid.
            throw Failure(ModelFailure.Malformed, "an event of the stream is not what it should be", exception);
        }
    }

    private void TakeEvent(JsonElement json, List<ModelEvent> events)
    {
        if (json.TryGetProperty("error", out var error) && error.ValueKind is not JsonValueKind.Null)
        {
            throw Error(error);
        }

        switch (json.GetProperty("type").GetString())
        {
            case "message_start":
                TakeUsage(json.GetProperty("message"));
                break;
            case "content_block_start":
                TakeStart(json.GetProperty("index").GetInt32(), json.GetProperty("content_block"), events);
                break;
            case "content_block_delta":
                TakeOther(json.GetProperty("index").GetInt32(), json.GetProperty("delta"), events);
                break;
            case "content_block_stop":
                Close(json.GetProperty("index").GetInt32(), events);
                break;
            case "message_delta":
                TakeUsage(json);
                TakeStop(json.GetProperty("delta"));
                break;
            case "message_stop":
                Ended = true;
                break;
            default:
                // A ping, or what is newer than this code.
                break;
        }
    }

    private void TakeStart(int index, JsonElement block, List<ModelEvent> events)
    {
        var type = block.GetProperty("type").GetString() ?? "";
        switch (type)
        {
            case "text":
                AddText(Open(index, AnthropicPartKind.Text, events), Text(block, "text") ?? "", events);
                break;
            case "thinking":
                var reasoning = Open(index, AnthropicPartKind.Reasoning, events);
                AddText(reasoning, Text(block, "thinking") ?? "", events);
                AddSignature(reasoning, Text(block, "signature") ?? "", events);
                break;
            case "redacted_thinking":
                var redacted = Open(index, AnthropicPartKind.Reasoning, events);
                if (Text(block, "data") is { Length: > 0 } data)
                {
                    events.Add(new ModelEvent.Redacted(Number(redacted), Encoding.UTF8.GetBytes(data)));
                }

                break;
            case "tool_use":
                var tool = OpenCall(index, AnthropicPartKind.Tool, block, events);
                _calls++;
                events.Add(new ModelEvent.ToolOpened(Number(tool), tool.Id, tool.Name));
                break;
            case "server_tool_use" or "mcp_tool_use":
                OpenCall(index, AnthropicPartKind.ServerTool, block, events).Start = Keep(block);
                break;
            default:
                Open(index, AnthropicPartKind.Unknown, events);
                if (type.EndsWith("_tool_result", StringComparison.Ordinal))
                {
                    TakeServerResult(block, events);
                }

                break;
        }
    }

    private AnthropicPart OpenCall(int index, AnthropicPartKind kind, JsonElement block, List<ModelEvent> events)
    {
        var part = Open(index, kind, events);
        part.Id = Text(block, "id") ?? "";
        part.Name = Text(block, "name") is { Length: > 0 } name ? name : throw Failure(ModelFailure.Malformed, "a tool call has no name");
        // Arguments come in pieces. Some servers have them whole instead, where the protocol has an object without members.
        part.Whole = block.TryGetProperty("input", out var input) && input.ValueKind is JsonValueKind.Object && input.EnumerateObject().Any() ? input.GetRawText() : null;
        return part;
    }

    private void TakeServerResult(JsonElement result, List<ModelEvent> events)
    {
        if (_serverTools.Remove(Text(result, "tool_use_id") ?? "", out var call))
        {
            events.Add(new ModelEvent.State(Number(call), AnthropicRequest.StateOf(call.Start, Arguments(call), Keep(result))));
            events.Add(new ModelEvent.BlockClosed(Number(call)));
        }
    }

    private void TakeDelta(AnthropicDelta delta, List<ModelEvent> events)
    {
        switch (delta.Kind)
        {
            case AnthropicDeltaKind.Text when Find(delta.Index, AnthropicPartKind.Text, events) is { } text:
                AddText(text, delta.Value, events);
                break;
            case AnthropicDeltaKind.Thinking when Find(delta.Index, AnthropicPartKind.Reasoning, events) is { } reasoning:
                AddText(reasoning, delta.Value, events);
                break;
            case AnthropicDeltaKind.Signature when Find(delta.Index, AnthropicPartKind.Reasoning, events) is { } signed:
                AddSignature(signed, delta.Value, events);
                break;
            case AnthropicDeltaKind.Input:
                AddInput(delta.Index, delta.Value, events);
                break;
            default:
                // A piece of a block that is newer than this code.
                break;
        }
    }

    /// <summary>Pieces that are rare, and those of an unexpected shape.</summary>
    private void TakeOther(int index, JsonElement delta, List<ModelEvent> events)
    {
        switch (delta.GetProperty("type").GetString())
        {
            case "citations_delta" when Find(index, AnthropicPartKind.Text, events) is { } part:
                var citation = delta.GetProperty("citation");
                var title = Text(citation, "title") ?? Text(citation, "document_title");
                events.Add(new ModelEvent.Citation(Number(part), Text(citation, "url") ?? Text(citation, "source") ?? title ?? "", title, Text(citation, "cited_text")));
                break;
            case "text_delta" or "input_json_delta" or "thinking_delta" or "signature_delta":
                throw Failure(ModelFailure.Malformed, "a piece of the stream has no text");
            default:
                break;
        }
    }

    private void TakeStop(JsonElement delta)
    {
        if (Text(delta, "stop_reason") is not { Length: > 0 } reason)
        {
            return;
        }

        if (reason == "model_context_window_exceeded" && _blocks == 0)
        {
            throw Failure(ModelFailure.ContextTooLong, "the conversation does not fit the model's context window");
        }

        _stop = reason;
    }

    /// <summary>Counts are those of the whole reply each time; one that is left out is the one before.</summary>
    private void TakeUsage(JsonElement holder)
    {
        if (!holder.TryGetProperty("usage", out var usage) || usage.ValueKind is not JsonValueKind.Object)
        {
            return;
        }

        var before = _usage ?? default;
        _usage = new TokenUsage(
            Count(usage, "input_tokens") ?? before.Input,
            Count(usage, "output_tokens") ?? before.Output,
            Count(usage, "cache_read_input_tokens") ?? before.CacheRead,
            Count(usage, "cache_creation_input_tokens") ?? before.CacheWrite);
    }

    private void AddText(AnthropicPart part, string piece, List<ModelEvent> events)
    {
        if (ProviderText.Join(ref part.Half, piece) is { Length: > 0 } text)
        {
            events.Add(part.Kind is AnthropicPartKind.Text ? new ModelEvent.Text(Number(part), text) : new ModelEvent.Reasoning(Number(part), text));
        }
    }

    private void AddSignature(AnthropicPart part, string piece, List<ModelEvent> events)
    {
        var half = default(char);
        if (ProviderText.Join(ref half, piece) is { Length: > 0 } signature)
        {
            events.Add(new ModelEvent.Signature(Number(part), signature));
        }
    }

    private void AddInput(int index, string fragment, List<ModelEvent> events)
    {
        if (!_parts.TryGetValue(index, out var part) || part.Kind is not (AnthropicPartKind.Tool or AnthropicPartKind.ServerTool or AnthropicPartKind.Unknown))
        {
            throw Failure(ModelFailure.Malformed, "arguments came for a tool call that was not opened");
        }

        if (part.Kind is AnthropicPartKind.Unknown || ProviderText.Join(ref part.Half, fragment) is not { Length: > 0 } text)
        {
            return;
        }

        part.Whole = null;
        if (part.Kind is AnthropicPartKind.Tool)
        {
            events.Add(new ModelEvent.ToolInput(Number(part), text));
            return;
        }

        Hold(text.Length);
        part.Held.Append(text);
    }

    private JsonElement Keep(JsonElement block)
    {
        Hold(block.GetRawText().Length);
        return block.Clone();
    }

    private void Hold(int characters)
    {
        _held += characters;
        if (_held > MaxHeld)
        {
            throw Failure(ModelFailure.Malformed, $"the tools that the provider ran itself have more than {MaxHeld} characters");
        }
    }

    /// <summary>The block that a piece belongs to, opened by it when nothing else did; null for one of a kind that is not known.</summary>
    private AnthropicPart? Find(int index, AnthropicPartKind kind, List<ModelEvent> events) =>
        !_parts.TryGetValue(index, out var part) ? Open(index, kind, events)
        : part.Kind == kind ? part
        : part.Kind is AnthropicPartKind.Unknown ? null
        : throw Failure(ModelFailure.Malformed, "a piece is not of the kind of its block");

    private AnthropicPart Open(int index, AnthropicPartKind kind, List<ModelEvent> events)
    {
        Close(index, events);
        if (_parts.Count >= MaxBlocks)
        {
            throw Failure(ModelFailure.Malformed, $"the reply has more than {MaxBlocks} blocks");
        }

        return _parts[index] = new AnthropicPart(kind);
    }

    private int Number(AnthropicPart part)
    {
        if (part.Block < 0)
        {
            part.Block = _blocks < MaxBlocks ? _blocks++ : throw Failure(ModelFailure.Malformed, $"the reply has more than {MaxBlocks} blocks");
        }

        return part.Block;
    }

    private void Close(int index, List<ModelEvent> events)
    {
        if (!_parts.Remove(index, out var part))
        {
            return;
        }

        CloseText(part, events);
        if (part.Kind is AnthropicPartKind.ServerTool)
        {
            var waits = _serverTools.TryAdd(part.Id, part);
            events.Add(new ModelEvent.ServerTool(Number(part), part.Id, part.Name, Arguments(part)));
            if (waits)
            {
                // Stays open: the provider's own result belongs to it as state.
                return;
            }
        }
        else if (part is { Kind: AnthropicPartKind.Reasoning, Block: >= 0 })
        {
            // Marks who made it; the model's family decides whether it may go back.
            events.Add(new ModelEvent.State(part.Block, AnthropicRequest.NoState));
        }

        if (part.Block >= 0)
        {
            events.Add(new ModelEvent.BlockClosed(part.Block));
        }
    }

    /// <summary>Half a character that nothing followed, and arguments that came whole.</summary>
    private void CloseText(AnthropicPart part, List<ModelEvent> events)
    {
        if (part.Half != default)
        {
            part.Half = default;
            switch (part.Kind)
            {
                case AnthropicPartKind.Text:
                    events.Add(new ModelEvent.Text(Number(part), "\uFFFD"));
                    break;
                case AnthropicPartKind.Reasoning:
                    events.Add(new ModelEvent.Reasoning(Number(part), "\uFFFD"));
                    break;
                case AnthropicPartKind.Tool:
                    part.Whole = "\uFFFD";
                    break;
                default:
                    part.Held.Append('\uFFFD');
                    break;
            }
        }

        if (part is { Kind: AnthropicPartKind.Tool, Whole: { } whole })
        {
            events.Add(new ModelEvent.ToolInput(Number(part), whole));
        }
    }

    private void CloseAll(List<ModelEvent> events)
    {
        foreach (var index in _parts.Keys.ToList())
        {
            Close(index, events);
        }

        foreach (var part in _serverTools.Values.OrderBy(part => part.Block))
        {
            events.Add(new ModelEvent.BlockClosed(part.Block));
        }
    }

    private static JsonElement Arguments(AnthropicPart part)
    {
        var text = part.Held.Length > 0 ? part.Held.ToString() : part.Whole;
        try
        {
            return text is null ? AnthropicRequest.NoState : JsonElement.Parse(text, new JsonDocumentOptions { MaxDepth = BelayJson.MaxDepth });
        }
        catch (JsonException exception)
        {
            throw Failure(ModelFailure.Malformed, "the arguments of a server tool are not JSON", exception);
        }
    }

    private HarnessStopReason Reason(string stop) => stop switch
    {
        "tool_use" when _calls == 0 => throw Failure(ModelFailure.Malformed, "the reply says that it calls tools, but calls none"),
        "tool_use" or "end_turn" or "pause_turn" when _calls > 0 => HarnessStopReason.ToolUse,
        "end_turn" => HarnessStopReason.EndTurn,
        // The provider cut its own tools short: what was said is no whole answer.
        "max_tokens" or "pause_turn" => HarnessStopReason.MaxTokens,
        "stop_sequence" => HarnessStopReason.StopSequence,
        "refusal" => HarnessStopReason.ContentFiltered,
        "model_context_window_exceeded" => HarnessStopReason.ModelContextWindowExceeded,
        _ => throw Failure(ModelFailure.Malformed, "the reply ended for a reason that is not known"),
    };

    /// <summary>An error inside a stream has no status; its type says which one it would have had.</summary>
    private static ModelException Error(JsonElement error)
    {
        var type = Text(error, "type") ?? "";
        int? status = type switch
        {
            "invalid_request_error" => 400,
            "authentication_error" => 401,
            "billing_error" => 402,
            "permission_error" => 403,
            "not_found_error" => 404,
            "request_too_large" => 413,
            "rate_limit_error" => 429,
            "api_error" => 500,
            "timeout_error" => 504,
            "overloaded_error" => 529,
            _ => null,
        };
        var message = error.ValueKind is JsonValueKind.String ? error.GetString() : Text(error, "message");
        return ProviderError.FromStream(AnthropicModel.ProviderName, status, type, message ?? "");
    }

    private static ModelException Failure(ModelFailure failure, string what, Exception? cause = null) =>
        new(failure, $"{AnthropicModel.ProviderName}: {what}", cause: cause);

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind is JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String
            ? value.GetString()
            : null;

    private static int? Count(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.Number && value.TryGetDouble(out var number)
            ? (int)Math.Clamp(number, 0, int.MaxValue)
            : null;
}
