using System.Text.Json;
using Belay.Contracts.Invocations;
using Belay.Models.OpenAi;

namespace Belay.Models.OpenAiResponses;

/// <summary>
/// Reads a streamed response. It is strict about what makes an answer, the event that ends it above all, and lenient about what
/// compatible servers leave out: indices, ids, deltas, the announcement of an item, the last event's copy of the output. What was
/// not streamed is taken from whichever event has it whole, once.
/// </summary>
/// <param name="place">Where the reply comes from; <see cref="ResponsesState.PlaceOf"/>.</param>
/// <param name="streamed">Whether the server said that it streams.</param>
internal sealed partial class ResponsesStream(string place, bool streamed = true) : IReplyParser
{
    /// <summary>Largest line, event or unstreamed answer; the last event repeats the whole reply and the tools.</summary>
    public const int MaxEventBytes = 16 * 1024 * 1024;

    private const int MaxItems = 1024;
    private readonly SseReader _sse = new(MaxEventBytes, OpenAiModel.ProviderName);
    private readonly List<OutputItem> _items = [];
    private MemoryStream? _whole = streamed ? null : new();
    private int _blocks;
    private bool _refused;
    private HarnessStopReason? _stop;
    private TokenUsage? _usage;

    /// <inheritdoc/>
    public bool Finished => _stop is not null;

    /// <inheritdoc/>
    public bool Ended { get; private set; }

    /// <inheritdoc/>
    public void Feed(ReadOnlySpan<byte> bytes, List<ModelEvent> events)
    {
        if (_whole is { } whole)
        {
            if (whole.Length + bytes.Length > MaxEventBytes)
            {
                throw Malformed($"the answer has more than {MaxEventBytes} bytes");
            }

            whole.Write(bytes);
            return;
        }

        while (!Ended && _sse.TryRead(ref bytes, out var data))
        {
            Take(data, events);
        }
    }

    /// <inheritdoc/>
    public void End(List<ModelEvent> events)
    {
        if (_whole is { } whole)
        {
            _whole = null;
            TakeWhole(whole.GetBuffer().AsSpan(0, (int)whole.Length), events);
        }

        if (!Ended && _sse.TryEnd(out var last))
        {
            TakeLast(last, events);
        }

        Ended = true;
        if (_stop is not { } stop)
        {
            throw Broken("the stream ended without saying that the response is complete");
        }

        foreach (var item in _items)
        {
            Close(item, events);
        }

        if (_usage is { } usage)
        {
            events.Add(new ModelEvent.Usage(usage));
        }

        events.Add(new ModelEvent.Stopped(stop is not HarnessStopReason.EndTurn ? stop
            : _refused ? HarnessStopReason.ContentFiltered
            : _items.Exists(item => item.Kind is OutputItemKind.Call) ? HarnessStopReason.ToolUse
            : HarnessStopReason.EndTurn));
    }

    private void TakeWhole(ReadOnlySpan<byte> body, List<ModelEvent> events)
    {
        if (body.TrimStart(" \t\r\n"u8) is [(byte)'{', ..])
        {
            Take(body, events);
            return;
        }

        // Not JSON whatever its content type says: a stream under the wrong label.
        Feed(body, events);
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
            throw Broken("the stream ended inside an event", exception);
        }
    }

    private void Take(ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        if (data.Trim((byte)' ').SequenceEqual("[DONE]"u8))
        {
            // No word of this protocol, but servers that imitate it say so.
            Ended = true;
            return;
        }

        try
        {
            var one = ResponsesEvent.Read(data);
            if (one.Type is ResponsesEventType.Error || (one.Type is ResponsesEventType.None && one.HasError))
            {
                throw ProviderError.FromStream(OpenAiModel.ProviderName, data);
            }

            Take(one, data, events);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // InvalidOperationException is how the framework refuses text that is none.
            throw Malformed("an event of the stream is not the JSON that it should be", exception);
        }
    }

    private void Take(ResponsesEvent one, ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        switch (one.Type)
        {
            case ResponsesEventType.Text or ResponsesEventType.Refusal:
                _refused |= one.Type is ResponsesEventType.Refusal;
                Hear(OutputItemKind.Message, one, events);
                break;
            case ResponsesEventType.Summary or ResponsesEventType.Reasoning:
                Hear(OutputItemKind.Reasoning, one, events);
                break;
            case ResponsesEventType.Arguments when one.Delta is { Length: > 0 } fragment:
                AddArguments(FindOrAdd(OutputItemKind.Call, one), fragment, events);
                break;
            case ResponsesEventType.TextDone or ResponsesEventType.RefusalDone:
                _refused |= one.Type is ResponsesEventType.RefusalDone;
                HearWhole(OutputItemKind.Message, one.Type, one, events);
                break;
            case ResponsesEventType.SummaryDone:
                HearWhole(OutputItemKind.Reasoning, ResponsesEventType.Summary, one, events);
                break;
            case ResponsesEventType.ReasoningDone:
                HearWhole(OutputItemKind.Reasoning, ResponsesEventType.Reasoning, one, events);
                break;
            case ResponsesEventType.ArgumentsDone:
                TakeArguments(one, events);
                break;
            case ResponsesEventType.ItemAdded or ResponsesEventType.ItemDone when !one.Object.IsEmpty:
                TakeItem(one, events);
                break;
            case ResponsesEventType.Annotation when !one.Object.IsEmpty:
                TakeAnnotation(one, events);
                break;
            case ResponsesEventType.Completed or ResponsesEventType.Incomplete or ResponsesEventType.Failed:
                Finish(one.Type, one.Object.IsEmpty ? default : Parse(one.Object), events);
                break;
            case ResponsesEventType.None:
                Finish(ResponsesEventType.None, Parse(data), events);
                break;
            default:
                break;
        }
    }

    private void Finish(ResponsesEventType type, JsonElement response, List<ModelEvent> events)
    {
        // What the response itself says counts: servers exist whose last event is always the same.
        var status = Text(response, "status") is { } told and ("completed" or "incomplete" or "failed" or "cancelled") ? told
            : type is ResponsesEventType.Completed ? "completed"
            : type is ResponsesEventType.Incomplete ? "incomplete"
            : type is ResponsesEventType.Failed ? "failed"
            : throw Malformed("the answer is not a response that is complete");
        if (response.ValueKind is JsonValueKind.Object)
        {
            TakeOutput(response, events);
            _usage = ReadUsage(response);
        }

        _stop = status switch
        {
            "completed" => HarnessStopReason.EndTurn,
            "incomplete" => EarlyEnd(response),
            "cancelled" => throw Broken("the provider gave up in mid-reply (cancelled)"),
            _ => throw Failure(response),
        };
        Ended = true;
    }

    private static HarnessStopReason EarlyEnd(JsonElement response) =>
        (Object(response, "incomplete_details") is { } details ? Text(details, "reason") : null) switch
        {
            "max_output_tokens" or "max_tokens" or "length" => HarnessStopReason.MaxTokens,
            "content_filter" => HarnessStopReason.ContentFiltered,
            _ => throw Malformed("the response is incomplete for a reason that is not known"),
        };

    private static ModelException Failure(JsonElement response) => Object(response, "error") is { } error
        ? ProviderError.FromStream(OpenAiModel.ProviderName, System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(error))
        : Broken("the response failed without an explanation");

    private static TokenUsage? ReadUsage(JsonElement response)
    {
        if (Object(response, "usage") is not { } usage)
        {
            return null;
        }

        var cached = Object(usage, "input_tokens_details") is { } details ? Number(details, "cached_tokens") : 0;
        return new TokenUsage(Number(usage, "input_tokens"), Number(usage, "output_tokens"), cached);
    }

    private static ModelException Malformed(string what, Exception? cause = null) =>
        new(ModelFailure.Malformed, $"{OpenAiModel.ProviderName}: {what}", cause: cause);

    private static ModelException Broken(string what, Exception? cause = null) =>
        new(ModelFailure.Broken, $"{OpenAiModel.ProviderName}: {what}", cause: cause);
}
