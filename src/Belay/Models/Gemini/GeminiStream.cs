using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.Invocations;
using static Belay.Models.JsonSteps;

namespace Belay.Models.Gemini;

/// <summary>
/// Reads streamed content. Each chunk has whole parts: pieces of text and thoughts, calls with all their arguments. A reason to
/// finish may come before the last chunk, or again with each, so that only the one after the last part counts, and only the end
/// of the stream ends the reply.
/// </summary>
/// <param name="renamed">Names of tools that were sent in place of others, with the others; null for none.</param>
internal sealed partial class GeminiStream(IReadOnlyDictionary<string, string>? renamed = null) : IReplyParser
{
    /// <summary>Largest line or event; images come whole.</summary>
    public const int MaxEventBytes = 16 * 1024 * 1024;

    private const int MaxBlocks = 1024;
    private static readonly JsonReaderOptions Json = new() { MaxDepth = BelayJson.MaxDepth };
    private static readonly JsonElement NoState = JsonElement.Parse("{}");
    private readonly SseReader _sse = new(MaxEventBytes, GeminiModel.ProviderName);
    private Kind _kind;
    private int _block;
    private int _blocks;
    private int _calls;
    private char _held;
    private string? _finish;
    private bool _blocked;
    private TokenUsage? _usage;

    private enum Kind
    {
        None,
        Text,
        Reasoning,
    }

    /// <inheritdoc/>
    public bool Finished => _finish is not null || _blocked;

    /// <inheritdoc/>
    public bool Ended { get; private set; }

    /// <inheritdoc/>
    public void Feed(ReadOnlySpan<byte> bytes, List<ModelEvent> events)
    {
        while (_sse.TryRead(ref bytes, out var data))
        {
            Take(data, events);
        }
    }

    /// <inheritdoc/>
    public void End(List<ModelEvent> events)
    {
        if (_sse.TryEnd(out var last))
        {
            TakeLast(last, events);
        }

        Ended = true;
        if (!Finished)
        {
            throw Failure(ModelFailure.Broken, "the stream ended without a finish reason");
        }

        Close(events);
        if (_usage is { } usage)
        {
            events.Add(new ModelEvent.Usage(usage));
        }

        events.Add(new ModelEvent.Stopped(Reason()));
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

    /// <summary>One chunk, or the array of them that is sent where server-sent events are not understood.</summary>
    private void Take(ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        if (data.Trim((byte)' ').SequenceEqual("[DONE]"u8))
        {
            // No word of this protocol, but servers that imitate it say so.
            return;
        }

        try
        {
            var reader = new Utf8JsonReader(data, Json);
            reader.Read();
            if (reader.TokenType is JsonTokenType.StartArray)
            {
                while (NextItem(ref reader))
                {
                    TakeChunk(ref reader, data, events);
                }
            }
            else
            {
                TakeChunk(ref reader, data, events);
            }

            // Throws when anything but white space follows.
            reader.Read();
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // InvalidOperationException is how the reader refuses a member's name that is no valid text.
            throw Failure(ModelFailure.Malformed, "a chunk of the stream is not the JSON that it should be", exception);
        }
    }

    private void TakeChunk(ref Utf8JsonReader reader, ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        var start = (int)reader.TokenStartIndex;
        if (ReadChunk(ref reader, events))
        {
            throw ProviderError.FromStream(GeminiModel.ProviderName, data[start..(int)reader.BytesConsumed]);
        }
    }

    /// <summary>Whether the chunk is an error.</summary>
    private bool ReadChunk(ref Utf8JsonReader reader, List<ModelEvent> events)
    {
        var error = false;
        BeginObject(ref reader);
        while (NextMember(ref reader))
        {
            if (reader.ValueTextEquals("candidates"u8))
            {
                reader.Read();
                ReadCandidates(ref reader, events);
            }
            else if (reader.ValueTextEquals("usageMetadata"u8))
            {
                reader.Read();
                ReadUsage(ref reader);
            }
            else if (reader.ValueTextEquals("promptFeedback"u8))
            {
                reader.Read();
                ReadFeedback(ref reader);
            }
            else if (reader.ValueTextEquals("error"u8))
            {
                reader.Read();
                error |= reader.TokenType is not JsonTokenType.Null;
                reader.Skip();
            }
            else
            {
                reader.Skip();
            }
        }

        return error;
    }

    private void ReadCandidates(ref Utf8JsonReader reader, List<ModelEvent> events)
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
                ReadCandidate(ref reader, events);
            }
            else
            {
                reader.Skip();
            }

            first = false;
        }
    }

    private void ReadCandidate(ref Utf8JsonReader reader, List<ModelEvent> events)
    {
        var before = events.Count;
        string? finish = null;
        BeginObject(ref reader);
        while (NextMember(ref reader))
        {
            if (reader.ValueTextEquals("content"u8))
            {
                reader.Read();
                ReadContent(ref reader, events);
            }
            else if (reader.ValueTextEquals("finishReason"u8))
            {
                reader.Read();
                finish = ProviderText.Read(ref reader);
                reader.Skip();
            }
            else
            {
                reader.Skip();
            }
        }

        _finish = finish is not (null or "" or "FINISH_REASON_UNSPECIFIED") ? finish : events.Count > before ? null : _finish;
    }

    private void ReadContent(ref Utf8JsonReader reader, List<ModelEvent> events)
    {
        if (reader.TokenType is JsonTokenType.Null)
        {
            return;
        }

        BeginObject(ref reader);
        while (NextMember(ref reader))
        {
            var parts = reader.ValueTextEquals("parts"u8);
            reader.Read();
            if (!parts || reader.TokenType is JsonTokenType.Null)
            {
                reader.Skip();
                continue;
            }

            BeginArray(ref reader);
            while (NextItem(ref reader))
            {
                ReadPart(ref reader, events);
            }
        }
    }

    /// <summary>A part has one of several contents; what an adapter of tools that the provider runs itself would read is passed over.</summary>
    private void ReadPart(ref Utf8JsonReader reader, List<ModelEvent> events)
    {
        string? text = null, signature = null;
        Call? call = null;
        ModelEvent.Image? image = null;
        var thought = false;
        BeginObject(ref reader);
        while (NextMember(ref reader))
        {
            if (reader.ValueTextEquals("text"u8))
            {
                reader.Read();
                text = ProviderText.Read(ref reader);
                reader.Skip();
            }
            else if (reader.ValueTextEquals("thought"u8))
            {
                reader.Read();
                thought = reader.TokenType is JsonTokenType.True;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("thoughtSignature"u8))
            {
                reader.Read();
                signature = Whole(ProviderText.Read(ref reader));
                reader.Skip();
            }
            else if (reader.ValueTextEquals("functionCall"u8))
            {
                reader.Read();
                call = ReadCall(ref reader);
            }
            else if (reader.ValueTextEquals("inlineData"u8))
            {
                reader.Read();
                image = ReadImage(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }

        if (call is not null)
        {
            Add(call, signature, events);
            return;
        }

        if (image is not null && !thought)
        {
            Close(events);
            var block = NewBlock();
            events.Add(image with { Block = block });
            events.Add(new ModelEvent.BlockClosed(block));
        }

        Add(thought ? Kind.Reasoning : Kind.Text, text ?? "", events);
        if (!string.IsNullOrEmpty(signature) && image is null)
        {
            Sign(signature, events);
        }
    }

    private void Add(Call call, string? signature, List<ModelEvent> events)
    {
        Close(events);
        _calls++;
        var block = NewBlock();
        events.Add(new ModelEvent.ToolOpened(block, call.Id, renamed?.GetValueOrDefault(call.Name) ?? call.Name));
        if (!string.IsNullOrEmpty(signature))
        {
            events.Add(new ModelEvent.State(block, GeminiRequest.StateOf(signature)));
        }

        if (call.Arguments is { } arguments)
        {
            events.Add(new ModelEvent.ToolInput(block, arguments));
        }

        events.Add(new ModelEvent.BlockClosed(block));
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
        if (_kind is Kind.None)
        {
            _kind = kind;
            _block = NewBlock();
        }

        if (text.Length > 0)
        {
            events.Add(kind is Kind.Text ? new ModelEvent.Text(_block, text) : new ModelEvent.Reasoning(_block, text));
        }
    }

    /// <summary>
    /// A signature belongs to the block that is open, which it ends: a part that has one must not be joined with what comes after it.
    /// One that comes alone, as the last piece of a stream often does, is a block of its own where none is open.
    /// </summary>
    private void Sign(string signature, List<ModelEvent> events)
    {
        if (_kind is Kind.Reasoning)
        {
            Release(events);
            events.Add(new ModelEvent.Signature(_block, signature));
            // Marks who made it.
            events.Add(new ModelEvent.State(_block, NoState));
            Close(events);
            return;
        }

        var alone = _kind is Kind.None;
        Release(events);
        _block = alone ? NewBlock() : _block;
        _kind = Kind.Text;
        events.Add(new ModelEvent.State(_block, GeminiRequest.StateOf(signature)));
        Close(events);
    }

    private void Close(List<ModelEvent> events)
    {
        if (_kind is Kind.None)
        {
            return;
        }

        Release(events);
        events.Add(new ModelEvent.BlockClosed(_block));
        _kind = Kind.None;
    }

    // Half a character whose other half never came.
    private void Release(List<ModelEvent> events)
    {
        if (_held != default)
        {
            _held = default;
            events.Add(_kind is Kind.Text ? new ModelEvent.Text(_block, "\uFFFD") : new ModelEvent.Reasoning(_block, "\uFFFD"));
        }
    }

    private int NewBlock() => _blocks < MaxBlocks ? _blocks++ : throw Failure(ModelFailure.Malformed, $"the reply has more than {MaxBlocks} blocks");

    private HarnessStopReason Reason() => _finish switch
    {
        _ when _blocked => HarnessStopReason.ContentFiltered,
        "STOP" => _calls > 0 ? HarnessStopReason.ToolUse : HarnessStopReason.EndTurn,
        "MAX_TOKENS" => HarnessStopReason.MaxTokens,
        "SAFETY" or "RECITATION" or "BLOCKLIST" or "PROHIBITED_CONTENT" or "SPII" or "LANGUAGE" or "MODEL_ARMOR"
            or "IMAGE_SAFETY" or "IMAGE_PROHIBITED_CONTENT" or "IMAGE_RECITATION" => HarnessStopReason.ContentFiltered,
        "MALFORMED_FUNCTION_CALL" or "UNEXPECTED_TOOL_CALL" or "TOO_MANY_TOOL_CALLS" => HarnessStopReason.MalformedToolUse,
        "MALFORMED_RESPONSE" => HarnessStopReason.MalformedModelOutput,
        "MISSING_THOUGHT_SIGNATURE" => throw Failure(ModelFailure.Refused, "the conversation lacks a thought signature that the model wants back"),
        "OTHER" or "IMAGE_OTHER" or "NO_IMAGE" => throw Failure(ModelFailure.Broken, $"the provider gave up in mid-reply ({_finish})"),
        _ => throw Failure(ModelFailure.Malformed, "the reply ended for a reason that is not known"),
    };

    private static ModelException Failure(ModelFailure failure, string what, Exception? cause = null) =>
        new(failure, $"{GeminiModel.ProviderName}: {what}", cause: cause);

    private sealed record Call(string Id, string Name, string? Arguments);
}
