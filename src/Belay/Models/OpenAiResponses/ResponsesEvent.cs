using System.Text.Json;
using static Belay.Models.JsonSteps;

namespace Belay.Models.OpenAiResponses;

/// <summary>What an event of the stream tells.</summary>
internal enum ResponsesEventType
{
    /// <summary>Something that no answer depends on.</summary>
    Other,

    /// <summary>No type: an answer that was not streamed, or an error of something before the model.</summary>
    None,

    /// <summary>An output item begins.</summary>
    ItemAdded,

    /// <summary>An output item is complete.</summary>
    ItemDone,

    /// <summary>A piece of text.</summary>
    Text,

    /// <summary>A part's text is complete.</summary>
    TextDone,

    /// <summary>A piece of a refusal.</summary>
    Refusal,

    /// <summary>A part's refusal is complete.</summary>
    RefusalDone,

    /// <summary>A piece of a reasoning's summary.</summary>
    Summary,

    /// <summary>A part of a reasoning's summary is complete.</summary>
    SummaryDone,

    /// <summary>A piece of the reasoning itself.</summary>
    Reasoning,

    /// <summary>A part of the reasoning itself is complete.</summary>
    ReasoningDone,

    /// <summary>A piece of a call's arguments.</summary>
    Arguments,

    /// <summary>A call's arguments are complete.</summary>
    ArgumentsDone,

    /// <summary>A source is cited.</summary>
    Annotation,

    /// <summary>The reply is complete.</summary>
    Completed,

    /// <summary>The reply ended too early.</summary>
    Incomplete,

    /// <summary>The reply failed.</summary>
    Failed,

    /// <summary>The stream failed.</summary>
    Error,
}

/// <summary>One event of the stream. Its objects are left as they are until it is known whether anybody needs them.</summary>
internal readonly ref struct ResponsesEvent
{
    /// <summary>How deep an event may be: it repeats the tools' schemas, and those may be as deep as a request.</summary>
    public static readonly JsonReaderOptions Json = new() { MaxDepth = 2 * Contracts.BelayJson.MaxDepth };

    private ResponsesEvent(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, Json);
        reader.Read();
        BeginObject(ref reader);
        while (NextMember(ref reader))
        {
            if (reader.ValueTextEquals("type"u8))
            {
                reader.Read();
                Type = ReadType(ref reader);
            }
            else if (reader.ValueTextEquals("delta"u8))
            {
                reader.Read();
                Delta = ProviderText.Read(ref reader);
                reader.Skip();
            }
            else if (reader.ValueTextEquals("output_index"u8))
            {
                Index = ReadNumber(ref reader);
            }
            else if (reader.ValueTextEquals("item_id"u8))
            {
                reader.Read();
                ItemId = reader.TokenType is JsonTokenType.String ? reader.ValueSpan : default;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("content_index"u8) || reader.ValueTextEquals("summary_index"u8))
            {
                Part = ReadNumber(ref reader);
            }
            else if (reader.ValueTextEquals("item"u8) || reader.ValueTextEquals("response"u8) || reader.ValueTextEquals("annotation"u8))
            {
                Object = ReadRaw(ref reader, json, JsonTokenType.StartObject);
            }
            else if (reader.ValueTextEquals("text"u8) || reader.ValueTextEquals("refusal"u8) || reader.ValueTextEquals("arguments"u8))
            {
                Whole = ReadRaw(ref reader, json, JsonTokenType.String);
            }
            else if (reader.ValueTextEquals("error"u8))
            {
                reader.Read();
                HasError = reader.TokenType is not JsonTokenType.Null;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("object"u8))
            {
                reader.Read();
                HasError |= reader.TokenType is JsonTokenType.String && reader.ValueTextEquals("error"u8);
                reader.Skip();
            }
            else
            {
                reader.Skip();
            }
        }

        // Throws when anything but white space follows.
        reader.Read();
    }

    /// <summary>What it tells.</summary>
    public ResponsesEventType Type { get; } = ResponsesEventType.None;

    /// <summary>The piece; null when there is none.</summary>
    public string? Delta { get; }

    /// <summary>Index of the output item; null when it is not told.</summary>
    public long? Index { get; }

    /// <summary>Id of the output item, as it stands in the JSON; empty when it is not told.</summary>
    public ReadOnlySpan<byte> ItemId { get; }

    /// <summary>Index of the part within its item; null when it is not told.</summary>
    public long? Part { get; }

    /// <summary>The JSON of the item, response or annotation; empty when there is none.</summary>
    public ReadOnlySpan<byte> Object { get; }

    /// <summary>The JSON of the whole text of what is complete; empty when there is none.</summary>
    public ReadOnlySpan<byte> Whole { get; }

    /// <summary>Whether it has an error.</summary>
    public bool HasError { get; }

    /// <summary>Reads an event.</summary>
    /// <exception cref="JsonException">It is not the JSON that it should be.</exception>
    public static ResponsesEvent Read(ReadOnlySpan<byte> json) => new(json);

    private static ResponsesEventType ReadType(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not JsonTokenType.String)
        {
            reader.Skip();
            return ResponsesEventType.Other;
        }

        return reader.ValueTextEquals("response.output_text.delta"u8) ? ResponsesEventType.Text
            : reader.ValueTextEquals("response.function_call_arguments.delta"u8) ? ResponsesEventType.Arguments
            : reader.ValueTextEquals("response.reasoning_summary_text.delta"u8) ? ResponsesEventType.Summary
            : reader.ValueTextEquals("response.reasoning_text.delta"u8) ? ResponsesEventType.Reasoning
            : reader.ValueTextEquals("response.refusal.delta"u8) ? ResponsesEventType.Refusal
            : reader.ValueTextEquals("response.output_item.added"u8) ? ResponsesEventType.ItemAdded
            : reader.ValueTextEquals("response.output_item.done"u8) ? ResponsesEventType.ItemDone
            : reader.ValueTextEquals("response.output_text.done"u8) ? ResponsesEventType.TextDone
            : reader.ValueTextEquals("response.function_call_arguments.done"u8) ? ResponsesEventType.ArgumentsDone
            : reader.ValueTextEquals("response.reasoning_summary_text.done"u8) ? ResponsesEventType.SummaryDone
            : reader.ValueTextEquals("response.reasoning_text.done"u8) ? ResponsesEventType.ReasoningDone
            : reader.ValueTextEquals("response.refusal.done"u8) ? ResponsesEventType.RefusalDone
            : reader.ValueTextEquals("response.output_text.annotation.added"u8) ? ResponsesEventType.Annotation
            : reader.ValueTextEquals("response.completed"u8) ? ResponsesEventType.Completed
            : reader.ValueTextEquals("response.incomplete"u8) ? ResponsesEventType.Incomplete
            : reader.ValueTextEquals("response.failed"u8) ? ResponsesEventType.Failed
            : reader.ValueTextEquals("error"u8) || reader.ValueTextEquals("response.error"u8) ? ResponsesEventType.Error
            : ResponsesEventType.Other;
    }

    private static long? ReadNumber(ref Utf8JsonReader reader)
    {
        reader.Read();
        long? number = reader.TokenType is JsonTokenType.Number && reader.TryGetInt64(out var value) ? value : null;
        reader.Skip();
        return number;
    }

    private static ReadOnlySpan<byte> ReadRaw(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> json, JsonTokenType type)
    {
        reader.Read();
        var start = (int)reader.TokenStartIndex;
        var found = reader.TokenType == type;
        reader.Skip();
        return found ? json[start..(int)reader.BytesConsumed] : default;
    }
}
