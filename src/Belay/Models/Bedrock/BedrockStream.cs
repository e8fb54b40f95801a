using System.Text;
using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.EventStream;
using Belay.Contracts.Invocations;

namespace Belay.Models.Bedrock;

/// <summary>Reads a ConverseStream reply.</summary>
internal sealed class BedrockStream : IReplyParser
{
    private const int MaxBlocks = 1024;
    private const int MaxHeldBytes = 32 * 1024 * 1024;
    private static readonly JsonDocumentOptions Json = new() { MaxDepth = BelayJson.MaxDepth };
    private readonly EventStreamReader _frames = new();
    private readonly Dictionary<int, Part> _parts = [];
    private readonly Dictionary<string, Part> _serverTools = new(StringComparer.Ordinal);
    private int _blocks;
    private int _calls;
    private bool _served;
    private long _heldBytes;
    private string? _stop;
    private TokenUsage? _usage;

    private enum Kind
    {
        Text,
        Reasoning,
        Tool,
        ServerTool,
        ServerResult,
        Image,
    }

    /// <inheritdoc/>
    public bool Finished => _stop is not null;

    /// <inheritdoc/>
    public bool Ended => _stop is not null && _usage is not null;

    /// <inheritdoc/>
    public void Feed(ReadOnlySpan<byte> bytes, List<ModelEvent> events)
    {
        _frames.Append(bytes);
        while (!Ended && TryRead(out var frame))
        {
            Take(frame, events);
        }
    }

    /// <inheritdoc/>
    public void End(List<ModelEvent> events)
    {
        if (_stop is null)
        {
            throw Failure(ModelFailure.Broken, _frames.InFrame ? "the stream ended inside a frame" : "the stream ended without a stop reason");
        }

        CloseAll(events);
        if (_usage is { } usage)
        {
            events.Add(new ModelEvent.Usage(usage));
        }

        events.Add(new ModelEvent.Stopped(Reason(_stop)));
    }

    private bool TryRead(out EventStreamMessage frame)
    {
        try
        {
            return _frames.TryRead(out frame);
        }
        catch (EventStreamException exception)
        {
            throw Failure(ModelFailure.Malformed, $"the stream is damaged. {exception.Message}", exception);
        }
    }

    private void Take(EventStreamMessage frame, List<ModelEvent> events)
    {
        switch (frame.MessageType)
        {
            case "event" or null:
                break;
            case "exception":
                throw Exception(frame);
            case "error":
                throw ProviderError.FromStream(BedrockModel.ProviderName, null, frame.Text(":error-code") ?? "", frame.Text(":error-message") ?? "");
            default:
                throw Failure(ModelFailure.Malformed, "a frame is of an unknown kind");
        }

        try
        {
            if (frame.EventType == "contentBlockDelta" && TakeText(frame.Payload.Span, events))
            {
                return;
            }

            using var document = JsonDocument.Parse(frame.Payload, Json);
            TakeEvent(frame.EventType, document.RootElement, events);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw Failure(ModelFailure.Malformed, "an event of the stream is not what it should be", exception);
        }
    }

    /// <summary>
    /// Nearly every event of a stream is a text delta, so that shape is read without a document. False when the delta is of
    /// another shape.
    /// </summary>
    private bool TakeText(ReadOnlySpan<byte> payload, List<ModelEvent> events)
    {
        var reader = new Utf8JsonReader(payload, new JsonReaderOptions { MaxDepth = BelayJson.MaxDepth });
        string? text = null;
        int? index = null;
        reader.Read();
        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("contentBlockIndex"u8))
            {
                reader.Read();
                index = reader.TryGetInt32(out var number) ? number : null;
            }
            else if (reader.ValueTextEquals("delta"u8))
            {
                reader.Read();
                if (reader.TokenType is not JsonTokenType.StartObject
                    || !reader.Read()
                    || reader.TokenType is not JsonTokenType.PropertyName
                    || !reader.ValueTextEquals("text"u8))
                {
                    return false;
                }

                reader.Read();
                text = ProviderText.Read(ref reader);
                if (!reader.Read() || reader.TokenType is not JsonTokenType.EndObject)
                {
                    return false;
                }
            }
            else
            {
                reader.Skip();
            }
        }

        if (text is null || index is not { } at)
        {
            return false;
        }

        AddText(at, Kind.Text, text, events);
        return true;
    }

    private void TakeEvent(string? type, JsonElement json, List<ModelEvent> events)
    {
        switch (type)
        {
            case "contentBlockStart":
                TakeStart(json.GetProperty("contentBlockIndex").GetInt32(), json.GetProperty("start"), events);
                break;
            case "contentBlockDelta":
                TakeDelta(json.GetProperty("contentBlockIndex").GetInt32(), json.GetProperty("delta"), events);
                break;
            case "contentBlockStop":
                Close(json.GetProperty("contentBlockIndex").GetInt32(), events);
                break;
            case "messageStop":
                TakeStop(json.GetProperty("stopReason").GetString());
                break;
            case "metadata":
                TakeUsage(json);
                break;
            default:
                // messageStart says what is known; what is newer than this code is not for it.
                break;
        }
    }

    private void TakeStart(int index, JsonElement start, List<ModelEvent> events)
    {
        if (start.TryGetProperty("toolUse", out var tool))
        {
            var server = Text(tool, "type") == "server_tool_use";
            var part = Open(index, server ? Kind.ServerTool : Kind.Tool, events);
            part.Id = Text(tool, "toolUseId") ?? "";
            part.Name = Text(tool, "name") is { Length: > 0 } name ? name : throw Failure(ModelFailure.Malformed, "a tool call has no name");
            _served |= server;
            if (!server)
            {
                _calls++;
                events.Add(new ModelEvent.ToolOpened(part.Block, part.Id, part.Name));
            }
        }
        else if (start.TryGetProperty("toolResult", out var result))
        {
            var part = Open(index, Kind.ServerResult, events);
            part.Id = Text(result, "toolUseId") ?? "";
            part.Name = Text(result, "status") ?? "";
        }
        else if (start.TryGetProperty("image", out var image))
        {
            Open(index, Kind.Image, events).Name = Text(image, "format") ?? "png";
        }
    }

    private void TakeDelta(int index, JsonElement delta, List<ModelEvent> events)
    {
        if (delta.TryGetProperty("text", out var text))
        {
            AddText(index, Kind.Text, text.GetString() ?? "", events);
        }
        else if (delta.TryGetProperty("toolUse", out var tool))
        {
            AddInput(index, Text(tool, "input") ?? "", events);
        }
        else if (delta.TryGetProperty("reasoningContent", out var reasoning))
        {
            TakeReasoning(index, reasoning, events);
        }
        else if (delta.TryGetProperty("citation", out var citation))
        {
            TakeCitation(index, citation, events);
        }
        else if (delta.TryGetProperty("image", out var image))
        {
            var part = Find(index, Kind.Image) ?? Open(index, Kind.Image, events);
            if (image.TryGetProperty("source", out var source) && source.TryGetProperty("bytes", out var bytes))
            {
                Hold(part, bytes.GetBytesFromBase64());
            }
        }
        else if (delta.TryGetProperty("toolResult", out var result) && Find(index, Kind.ServerResult) is { } answer)
        {
            foreach (var piece in result.EnumerateArray())
            {
                var bytes = Encoding.UTF8.GetBytes(piece.GetRawText());
                Hold(answer, answer.Held is { Length: > 0 } ? [(byte)',', .. bytes] : bytes);
            }
        }
    }

    private void TakeReasoning(int index, JsonElement reasoning, List<ModelEvent> events)
    {
        if (reasoning.TryGetProperty("text", out var text))
        {
            AddText(index, Kind.Reasoning, text.GetString() ?? "", events);
        }
        else if (Text(reasoning, "signature") is { Length: > 0 } signature)
        {
            var part = Find(index, Kind.Reasoning) ?? Open(index, Kind.Reasoning, events);
            events.Add(new ModelEvent.Signature(part.Block, signature));
        }
        else if (reasoning.TryGetProperty("redactedContent", out var redacted) && redacted.GetBytesFromBase64() is { Length: > 0 } bytes)
        {
            var part = Find(index, Kind.Reasoning) ?? Open(index, Kind.Reasoning, events);
            events.Add(new ModelEvent.Redacted(part.Block, bytes));
        }
    }

    private void TakeCitation(int index, JsonElement citation, List<ModelEvent> events)
    {
        var title = Text(citation, "title");
        var source = Text(citation, "source");
        if (string.IsNullOrEmpty(source) && citation.TryGetProperty("location", out var location) && location.TryGetProperty("web", out var web))
        {
            source = Text(web, "url");
        }

        string? quote = null;
        if (citation.TryGetProperty("sourceContent", out var contents) && contents.ValueKind is JsonValueKind.Array)
        {
            quote = string.Concat(contents.EnumerateArray().Select(content => Text(content, "text")));
        }

        var part = Find(index, Kind.Text) ?? Open(index, Kind.Text, events);
        events.Add(new ModelEvent.Citation(part.Block, source is { Length: > 0 } ? source : title ?? "", title, quote is { Length: > 0 } ? quote : null));
    }

    private void TakeStop(string? reason)
    {
        if (reason == "model_context_window_exceeded" && _blocks == 0)
        {
            throw Failure(ModelFailure.ContextTooLong, "the conversation does not fit the model's context window");
        }

        _stop = reason ?? "";
    }

    private void TakeUsage(JsonElement metadata)
    {
        if (metadata.TryGetProperty("usage", out var usage))
        {
            _usage = new TokenUsage(
                Number(usage, "inputTokens"),
                Number(usage, "outputTokens"),
                Number(usage, "cacheReadInputTokens"),
                Number(usage, "cacheWriteInputTokens"));
        }
    }

    private void AddText(int index, Kind kind, string piece, List<ModelEvent> events)
    {
        if (piece.Length == 0)
        {
            return;
        }

        var part = Find(index, kind) ?? Open(index, kind, events);
        var text = ProviderText.Join(ref part.Half, piece);
        if (text.Length > 0)
        {
            events.Add(kind is Kind.Text ? new ModelEvent.Text(part.Block, text) : new ModelEvent.Reasoning(part.Block, text));
        }
    }

    private void AddInput(int index, string fragment, List<ModelEvent> events)
    {
        if (fragment.Length == 0)
        {
            return;
        }

        if (Find(index, Kind.ServerTool) is { } server)
        {
            Hold(server, Encoding.UTF8.GetBytes(fragment));
            return;
        }

        var part = Find(index, Kind.Tool) ?? throw Failure(ModelFailure.Malformed, "arguments came for a tool call that was not opened");
        var text = ProviderText.Join(ref part.Half, fragment);
        if (text.Length > 0)
        {
            events.Add(new ModelEvent.ToolInput(part.Block, text));
        }
    }

    private void Hold(Part part, byte[] bytes)
    {
        _heldBytes += bytes.Length;
        if (_heldBytes > MaxHeldBytes)
        {
            throw Failure(ModelFailure.Malformed, $"the reply's images and server tools have more than {MaxHeldBytes} bytes");
        }

        (part.Held ??= new MemoryStream()).Write(bytes);
    }

    private Part? Find(int index, Kind kind) => _parts.TryGetValue(index, out var part) && part.Kind == kind ? part : null;

    private Part Open(int index, Kind kind, List<ModelEvent> events)
    {
        // Some models put reasoning and text under one index; they are two blocks.
        Close(index, events);
        var opens = kind is not Kind.ServerResult;
        if (_blocks >= MaxBlocks || _parts.Count >= MaxBlocks)
        {
            throw Failure(ModelFailure.Malformed, $"the reply has more than {MaxBlocks} blocks");
        }

        return _parts[index] = new Part(kind, opens ? _blocks++ : -1);
    }

    private void Close(int index, List<ModelEvent> events)
    {
        if (!_parts.Remove(index, out var part))
        {
            return;
        }

        if (part.Half != default)
        {
            events.Add(part.Kind switch
            {
                Kind.Text => new ModelEvent.Text(part.Block, "\uFFFD"),
                Kind.Reasoning => new ModelEvent.Reasoning(part.Block, "\uFFFD"),
                _ => new ModelEvent.ToolInput(part.Block, "\uFFFD"),
            });
        }

        switch (part.Kind)
        {
            case Kind.Reasoning:
                // Marks who made it; the model's family decides whether it may go back.
                events.Add(new ModelEvent.State(part.Block, BedrockRequest.NoState));
                break;
            case Kind.Image when part.Held is { Length: > 0 } image:
                events.Add(new ModelEvent.Image(part.Block, $"image/{part.Name}", image.ToArray()));
                break;
            case Kind.ServerTool:
                events.Add(new ModelEvent.ServerTool(part.Block, part.Id, part.Name, Arguments(part)));
                if (_serverTools.TryAdd(part.Id, part))
                {
                    // Stays open: the provider's own result belongs to it as state.
                    return;
                }

                break;
            case Kind.ServerResult:
                if (_serverTools.Remove(part.Id, out var call))
                {
                    events.Add(new ModelEvent.State(call.Block, BedrockRequest.StateOf(part.Name, part.Held?.ToArray() ?? [])));
                    events.Add(new ModelEvent.BlockClosed(call.Block));
                }

                return;
            default:
                break;
        }

        events.Add(new ModelEvent.BlockClosed(part.Block));
    }

    private void CloseAll(List<ModelEvent> events)
    {
        foreach (var index in _parts.OrderBy(pair => pair.Value.Block).Select(pair => pair.Key).ToList())
        {
            Close(index, events);
        }

        foreach (var part in _serverTools.Values.OrderBy(part => part.Block))
        {
            events.Add(new ModelEvent.BlockClosed(part.Block));
        }
    }

    private static JsonElement Arguments(Part part)
    {
        if (part.Held is not { Length: > 0 } held)
        {
            return BedrockRequest.NoState;
        }

        try
        {
            using var document = JsonDocument.Parse(held.ToArray(), Json);
            return document.RootElement.Clone();
        }
        catch (JsonException exception)
        {
            throw Failure(ModelFailure.Malformed, "the arguments of a server tool are not JSON", exception);
        }
    }

    private HarnessStopReason Reason(string stop) => stop switch
    {
        "tool_use" when _calls == 0 && !_served => throw Failure(ModelFailure.Malformed, "the reply says that it calls tools, but calls none"),
        "tool_use" => _calls > 0 ? HarnessStopReason.ToolUse : HarnessStopReason.EndTurn,
        "end_turn" => _calls > 0 ? HarnessStopReason.ToolUse : HarnessStopReason.EndTurn,
        "max_tokens" => HarnessStopReason.MaxTokens,
        "stop_sequence" => HarnessStopReason.StopSequence,
        "content_filtered" or "guardrail_intervened" => HarnessStopReason.ContentFiltered,
        "malformed_model_output" => HarnessStopReason.MalformedModelOutput,
        "malformed_tool_use" => HarnessStopReason.MalformedToolUse,
        "model_context_window_exceeded" => HarnessStopReason.ModelContextWindowExceeded,
        _ => throw Failure(ModelFailure.Malformed, "the reply ended for a reason that is not known"),
    };

    private static ModelException Exception(EventStreamMessage frame)
    {
        var type = frame.ExceptionType ?? "";
        string message = "";
        int? status = type switch
        {
            "throttlingException" => 429,
            "serviceUnavailableException" or "modelNotReadyException" => 503,
            "internalServerException" => 500,
            "modelTimeoutException" => 408,
            "validationException" => 400,
            _ => null,
        };
        try
        {
            using var document = JsonDocument.Parse(frame.Payload, Json);
            var json = document.RootElement;
            message = Text(json, "message") ?? Text(json, "originalMessage") ?? "";
            // modelStreamErrorException repeats what the model's own server said.
            if (status is null && Number(json, "originalStatusCode") is > 0 and var original)
            {
                status = original is 408 or 409 or 429 or 500 or 502 or 503 or 504 or 529 ? original : null;
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // The exception's name says enough.
        }

        return ProviderError.FromStream(BedrockModel.ProviderName, status, type, message);
    }

    private static ModelException Failure(ModelFailure failure, string what, Exception? cause = null) =>
        new(failure, $"{BedrockModel.ProviderName}: {what}", cause: cause);

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind is JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String
            ? value.GetString()
            : null;

    private static int Number(JsonElement element, string name) =>
        element.ValueKind is JsonValueKind.Object
        && element.TryGetProperty(name, out var value)
        && value.ValueKind is JsonValueKind.Number
        && value.TryGetDouble(out var number)
            ? (int)Math.Clamp(number, 0, int.MaxValue)
            : 0;

    /// <summary>A block that is open, known by the provider's index.</summary>
    private sealed class Part(Kind kind, int block)
    {
        public char Half;

        public Kind Kind { get; } = kind;

        public int Block { get; } = block;

        public string Id { get; set; } = "";

        public string Name { get; set; } = "";

        public MemoryStream? Held { get; set; }
    }
}
