using System.Text;
using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.Invocations;
using static Belay.Models.JsonSteps;

namespace Belay.Models.OpenAi;

/// <summary>
/// Reads a streamed chat completion. It is strict about what makes an answer, a finish reason above all, and lenient about what
/// compatible servers do differently: missing indices and ids, repeated names, a whole message in place of deltas, no
/// <c>[DONE]</c>, no usage.
/// </summary>
internal sealed class OpenAiStream(bool streamed = true, string provider = OpenAiModel.ProviderName) : OpenAiReply(streamed, MaxEventBytes, provider)
{
    /// <summary>Largest line, event or unstreamed answer.</summary>
    public const int MaxEventBytes = 4 * 1024 * 1024;

    private const int MaxBlocks = 1024;
    private static readonly JsonReaderOptions Json = new() { MaxDepth = BelayJson.MaxDepth };
    private readonly List<Call> _calls = [];
    private Kind _kind;
    private int _block;
    private int _blocks;
    private char _held;
    private bool _refused;
    private string? _finish;
    private TokenUsage? _usage;

    private enum Kind
    {
        None,
        Text,
        Reasoning,
    }

    /// <inheritdoc/>
    public override bool Finished => _finish is not null;

    /// <inheritdoc/>
    protected override void Take(ReadOnlySpan<byte> json, List<ModelEvent> events)
    {
        if (ReadChunk(json, events))
        {
            throw Told(json);
        }
    }

    /// <inheritdoc/>
    protected override void Finish(List<ModelEvent> events) => Finish(_finish ?? throw Broken("the stream ended without a finish reason"), events);

    /// <summary>Whether the chunk is an error.</summary>
    private bool ReadChunk(ReadOnlySpan<byte> json, List<ModelEvent> events)
    {
        var reader = new Utf8JsonReader(json, Json);
        var error = false;
        reader.Read();
        BeginObject(ref reader);
        while (NextMember(ref reader))
        {
            if (reader.ValueTextEquals("choices"u8))
            {
                reader.Read();
                ReadChoices(ref reader, events);
            }
            else if (reader.ValueTextEquals("usage"u8))
            {
                reader.Read();
                ReadUsage(ref reader);
            }
            else if (reader.ValueTextEquals("error"u8))
            {
                reader.Read();
                error |= reader.TokenType is not JsonTokenType.Null;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("object"u8))
            {
                reader.Read();
                error |= reader.TokenType is JsonTokenType.String && reader.ValueTextEquals("error"u8);
                reader.Skip();
            }
            else
            {
                reader.Skip();
            }
        }

        // Throws when anything but white space follows.
        reader.Read();
        return error;
    }

    private void ReadChoices(ref Utf8JsonReader reader, List<ModelEvent> events)
    {
        if (reader.TokenType is JsonTokenType.Null)
        {
            return;
        }

        BeginArray(ref reader);
        var first = true;
        while (NextItem(ref reader))
        {
            if (first)
            {
                ReadChoice(ref reader, events);
            }
            else
            {
                reader.Skip();
            }

            first = false;
        }
    }

    private void ReadChoice(ref Utf8JsonReader reader, List<ModelEvent> events)
    {
        BeginObject(ref reader);
        while (NextMember(ref reader))
        {
            // `message` is what a server sends that does not stream although it was asked to.
            if (reader.ValueTextEquals("delta"u8) || reader.ValueTextEquals("message"u8))
            {
                reader.Read();
                ReadDelta(ref reader, events);
            }
            else if (reader.ValueTextEquals("finish_reason"u8))
            {
                reader.Read();
                if (ProviderText.Read(ref reader) is { Length: > 0 } reason)
                {
                    _finish = reason;
                }
                else
                {
                    reader.Skip();
                }
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private void ReadDelta(ref Utf8JsonReader reader, List<ModelEvent> events)
    {
        if (reader.TokenType is JsonTokenType.Null)
        {
            return;
        }

        BeginObject(ref reader);
        var reasoned = false;
        while (NextMember(ref reader))
        {
            if (reader.ValueTextEquals("content"u8))
            {
                reader.Read();
                ReadContent(ref reader, Kind.Text, events);
            }
            else if (reader.ValueTextEquals("tool_calls"u8))
            {
                reader.Read();
                ReadCalls(ref reader, events);
            }
            else if (reader.ValueTextEquals("reasoning_content"u8) || reader.ValueTextEquals("reasoning"u8))
            {
                reader.Read();
                if (!reasoned && reader.TokenType is JsonTokenType.String)
                {
                    // Some servers send the same piece under both names.
                    reasoned = true;
                    Add(Kind.Reasoning, ProviderText.Read(ref reader)!, events);
                }
                else
                {
                    reader.Skip();
                }
            }
            else if (reader.ValueTextEquals("refusal"u8))
            {
                reader.Read();
                if (ProviderText.Read(ref reader) is { Length: > 0 } refusal)
                {
                    _refused = true;
                    Add(Kind.Text, refusal, events);
                }
                else
                {
                    reader.Skip();
                }
            }
            else if (reader.ValueTextEquals("annotations"u8))
            {
                reader.Read();
                ReadAnnotations(ref reader, events);
            }
            else if (reader.ValueTextEquals("images"u8))
            {
                reader.Read();
                ReadImages(ref reader, events);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    /// <summary>A string, or the list of typed parts that some servers send instead.</summary>
    private void ReadContent(ref Utf8JsonReader reader, Kind kind, List<ModelEvent> events)
    {
        if (reader.TokenType is JsonTokenType.String)
        {
            Add(kind, ProviderText.Read(ref reader)!, events);
            return;
        }

        if (reader.TokenType is not JsonTokenType.StartArray)
        {
            reader.Skip();
            return;
        }

        while (NextItem(ref reader))
        {
            if (reader.TokenType is not JsonTokenType.StartObject)
            {
                reader.Skip();
                continue;
            }

            while (NextMember(ref reader))
            {
                var inner = reader.ValueTextEquals("text"u8) ? kind : reader.ValueTextEquals("thinking"u8) ? Kind.Reasoning : Kind.None;
                if (inner is Kind.None)
                {
                    reader.Skip();
                    continue;
                }

                reader.Read();
                ReadContent(ref reader, inner, events);
            }
        }
    }

    private void ReadAnnotations(ref Utf8JsonReader reader, List<ModelEvent> events)
    {
        var annotations = Element(ref reader);
        if (annotations.ValueKind is not JsonValueKind.Array)
        {
            return;
        }

        foreach (var annotation in annotations.EnumerateArray())
        {
            if (Object(annotation, "url_citation") is { } citation && Text(citation, "url") is { Length: > 0 } url)
            {
                Open(Kind.Text, events);
                events.Add(new ModelEvent.Citation(_block, url, Text(citation, "title"), Text(citation, "content")));
            }
        }
    }

    private void ReadImages(ref Utf8JsonReader reader, List<ModelEvent> events)
    {
        var images = Element(ref reader);
        if (images.ValueKind is not JsonValueKind.Array)
        {
            return;
        }

        foreach (var image in images.EnumerateArray())
        {
            if (Object(image, "image_url") is not { } link || Text(link, "url") is not { } url || !url.StartsWith("data:", StringComparison.Ordinal))
            {
                continue;
            }

            var comma = url.IndexOf(";base64,", StringComparison.Ordinal);
            var bytes = new byte[comma < 0 ? 0 : url.Length];
            if (comma < 0 || !Convert.TryFromBase64String(url[(comma + 8)..], bytes, out var count))
            {
                throw Malformed("an image is not the data URL that it should be");
            }

            Close(events);
            var block = NewBlock();
            events.Add(new ModelEvent.Image(block, url[5..comma], bytes.AsMemory(0, count)));
            events.Add(new ModelEvent.BlockClosed(block));
        }
    }

    private void ReadCalls(ref Utf8JsonReader reader, List<ModelEvent> events)
    {
        if (reader.TokenType is JsonTokenType.Null)
        {
            return;
        }

        BeginArray(ref reader);
        while (NextItem(ref reader))
        {
            ReadCall(ref reader, events);
        }
    }

    private void ReadCall(ref Utf8JsonReader reader, List<ModelEvent> events)
    {
        long? index = null;
        string? id = null, name = null, arguments = null;
        JsonElement? extra = null;
        BeginObject(ref reader);
        while (NextMember(ref reader))
        {
            if (reader.ValueTextEquals("index"u8))
            {
                reader.Read();
                index = reader.TokenType is JsonTokenType.Number && reader.TryGetInt64(out var number) ? number : null;
            }
            else if (reader.ValueTextEquals("id"u8))
            {
                reader.Read();
                id = ProviderText.Read(ref reader);
                reader.Skip();
            }
            else if (reader.ValueTextEquals("function"u8))
            {
                reader.Read();
                ReadFunction(ref reader, out name, out arguments);
            }
            else if (reader.ValueTextEquals("extra_content"u8))
            {
                reader.Read();
                var value = Element(ref reader);
                extra = value.ValueKind is JsonValueKind.Object ? value : null;
            }
            else
            {
                reader.Skip();
            }
        }

        Add(FindCall(index, id, name), id, name, arguments, extra, events);
    }

    private static void ReadFunction(ref Utf8JsonReader reader, out string? name, out string? arguments)
    {
        name = arguments = null;
        if (reader.TokenType is JsonTokenType.Null)
        {
            return;
        }

        BeginObject(ref reader);
        while (NextMember(ref reader))
        {
            if (reader.ValueTextEquals("name"u8))
            {
                reader.Read();
                name = ProviderText.Read(ref reader);
                reader.Skip();
            }
            else if (reader.ValueTextEquals("arguments"u8))
            {
                reader.Read();
                // A few servers send the arguments as an object instead of its text.
                arguments = reader.TokenType switch
                {
                    JsonTokenType.String => ProviderText.Read(ref reader),
                    JsonTokenType.StartObject => Element(ref reader).GetRawText(),
                    _ => null,
                };
                reader.Skip();
            }
            else
            {
                reader.Skip();
            }
        }
    }

    /// <summary>
    /// The call that a fragment belongs to. The index decides; but some servers give every call index 0, or none, and then a
    /// name together with an id that is new begins another call.
    /// </summary>
    private Call FindCall(long? index, string? id, string? name)
    {
        var named = !string.IsNullOrEmpty(name);
        var found = index is { } at ? _calls.FindLast(call => call.Index == at)
            : !string.IsNullOrEmpty(id) ? _calls.Find(call => call.Id == id)
            : named ? null
            : _calls.LastOrDefault();
        var another = found is { Name: not null } && named && !string.IsNullOrEmpty(id) && found.Id.Length > 0 && found.Id != id;
        if (found is not null && !another)
        {
            return found;
        }

        // A fragment without index, id and name, or with an id but no name, continues what is there.
        if (!named && index is null && _calls.Count > 0)
        {
            return _calls[^1];
        }

        if (_calls.Count >= MaxBlocks)
        {
            throw Malformed($"the reply has more than {MaxBlocks} tool calls");
        }

        var created = new Call { Index = index };
        _calls.Add(created);
        return created;
    }

    private void Add(Call call, string? id, string? name, string? arguments, JsonElement? extra, List<ModelEvent> events)
    {
        if (call.Id.Length == 0 && id is not null)
        {
            call.Id = ProviderText.Join(ref call.Held, id);
            call.Held = default;
        }

        if (arguments is { Length: > 0 })
        {
            arguments = ProviderText.Join(ref call.Held, arguments);
        }

        if (call.Name is null && !string.IsNullOrEmpty(name))
        {
            var whole = default(char);
            call.Name = ProviderText.Join(ref whole, name);
            Close(events);
            call.Block = NewBlock();
            events.Add(new ModelEvent.ToolOpened(call.Block, call.Id, call.Name));
            arguments = call.Early?.Append(arguments).ToString() ?? arguments;
            call.Early = null;
        }

        if (call.Name is null)
        {
            (call.Early ??= new StringBuilder()).Append(arguments);
            return;
        }

        if (extra is { } state)
        {
            events.Add(new ModelEvent.State(call.Block, OpenAiRequest.StateOf(state)));
        }

        if (arguments is { Length: > 0 })
        {
            events.Add(new ModelEvent.ToolInput(call.Block, arguments));
        }
    }

    private void ReadUsage(ref Utf8JsonReader reader)
    {
        // Many servers send null with each chunk; that must not cost a document each.
        if (reader.TokenType is not JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        var usage = Element(ref reader);
        var cached = Object(usage, "prompt_tokens_details") is { } details && Number(details, "cached_tokens") is > 0 and var tokens
            ? tokens
            : Number(usage, "prompt_cache_hit_tokens");
        var written = Object(usage, "prompt_tokens_details") is { } more ? Number(more, "cache_write_tokens") : 0;
        _usage = new TokenUsage(Number(usage, "prompt_tokens"), Number(usage, "completion_tokens"), cached, written, CacheWithin: cached > 0 || written > 0);
    }

    private void Add(Kind kind, string piece, List<ModelEvent> events)
    {
        if (piece.Length == 0)
        {
            return;
        }

        if (_kind != kind)
        {
            Close(events);
        }

        var text = ProviderText.Join(ref _held, piece);
        if (text.Length > 0 || _held != default)
        {
            Open(kind, events);
        }

        if (text.Length > 0)
        {
            events.Add(kind is Kind.Text ? new ModelEvent.Text(_block, text) : new ModelEvent.Reasoning(_block, text));
        }
    }

    private void Open(Kind kind, List<ModelEvent> events)
    {
        if (_kind == kind)
        {
            return;
        }

        Close(events);
        _kind = kind;
        _block = NewBlock();
    }

    private void Close(List<ModelEvent> events)
    {
        if (_kind is Kind.None)
        {
            return;
        }

        if (_held != default)
        {
            _held = default;
            events.Add(_kind is Kind.Text ? new ModelEvent.Text(_block, "\uFFFD") : new ModelEvent.Reasoning(_block, "\uFFFD"));
        }

        events.Add(new ModelEvent.BlockClosed(_block));
        _kind = Kind.None;
    }

    private int NewBlock() => _blocks < MaxBlocks ? _blocks++ : throw Malformed($"the reply has more than {MaxBlocks} blocks");

    private void Finish(string finish, List<ModelEvent> events)
    {
        Close(events);
        foreach (var call in _calls)
        {
            if (call.Name is null)
            {
                throw Malformed("a tool call has no name");
            }

            events.Add(new ModelEvent.BlockClosed(call.Block));
        }

        if (_usage is { } usage)
        {
            events.Add(new ModelEvent.Usage(usage));
        }

        events.Add(new ModelEvent.Stopped(Reason(finish)));
    }

    private HarnessStopReason Reason(string finish) => finish switch
    {
        "length" or "max_tokens" or "model_length" => HarnessStopReason.MaxTokens,
        "content_filter" or "safety" or "sensitive" => HarnessStopReason.ContentFiltered,
        _ when _refused => HarnessStopReason.ContentFiltered,
        // Several servers say "stop" after tool calls.
        "stop" or "eos" or "end_turn" or "tool_calls" or "function_call" when _calls.Count > 0 => HarnessStopReason.ToolUse,
        "stop" or "eos" or "end_turn" => HarnessStopReason.EndTurn,
        "stop_sequence" => HarnessStopReason.StopSequence,
        "tool_calls" or "function_call" => throw Malformed("the reply says that it calls tools, but calls none"),
        "error" or "network_error" or "abort" or "insufficient_system_resource" =>
            throw Broken($"the provider gave up in mid-reply ({finish})"),
        _ => throw Malformed("the reply ended for a reason that is not known"),
    };

    private static JsonElement Element(ref Utf8JsonReader reader) => JsonElement.ParseValue(ref reader);

    private static JsonElement? Object(JsonElement element, string name) =>
        element.ValueKind is JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.Object ? value : null;

    private string? Text(JsonElement element, string name)
    {
        if (!element.TryGetProperty(name, out var value) || value.ValueKind is not JsonValueKind.String)
        {
            return null;
        }

        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException exception)
        {
            throw Malformed($"the text of {name} is not valid", exception);
        }
    }

    private static int Number(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.Number && value.TryGetDouble(out var number)
            ? (int)Math.Clamp(number, 0, int.MaxValue)
            : 0;

    private sealed class Call
    {
        public char Held;

        public long? Index { get; init; }

        public string Id { get; set; } = "";

        public string? Name { get; set; }

        public int Block { get; set; }

        public StringBuilder? Early { get; set; }
    }
}
