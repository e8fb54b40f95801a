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
/// <param name="provider">Name for messages.</param>
internal sealed partial class ResponsesStream(string place, bool streamed = true, string provider = OpenAiModel.ProviderName)
    : OpenAiReply(streamed, MaxEventBytes, provider)
{
    /// <summary>Largest line, event or unstreamed answer; the last event repeats the whole reply and the tools.</summary>
    public const int MaxEventBytes = 16 * 1024 * 1024;

    private const int MaxItems = 1024;
    private readonly List<OutputItem> _items = [];
    private int _blocks;
    private bool _refused;
    private HarnessStopReason? _stop;
    private TokenUsage? _usage;

    /// <inheritdoc/>
    public override bool Finished => _stop is not null;

    /// <inheritdoc/>
    protected override void Finish(List<ModelEvent> events)
    {
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

    /// <inheritdoc/>
    protected override void Take(ReadOnlySpan<byte> json, List<ModelEvent> events)
    {
        var one = ResponsesEvent.Read(json);
        if (one.Type is ResponsesEventType.Error || (one.Type is ResponsesEventType.None && one.HasError))
        {
            throw Told(json);
        }

        Take(one, json, events);
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

    private HarnessStopReason EarlyEnd(JsonElement response) =>
        (Object(response, "incomplete_details") is { } details ? Text(details, "reason") : null) switch
        {
            "max_output_tokens" or "max_tokens" or "length" => HarnessStopReason.MaxTokens,
            "content_filter" => HarnessStopReason.ContentFiltered,
            _ => throw Malformed("the response is incomplete for a reason that is not known"),
        };

    private ModelException Failure(JsonElement response) => Object(response, "error") is { } error
        ? Told(System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(error))
        : Broken("the response failed without an explanation");

    private static TokenUsage? ReadUsage(JsonElement response)
    {
        if (Object(response, "usage") is not { } usage)
        {
            return null;
        }

        var cached = Object(usage, "input_tokens_details") is { } details ? Number(details, "cached_tokens") : 0;
        return new TokenUsage(Number(usage, "input_tokens"), Number(usage, "output_tokens"), cached, CacheWithin: cached > 0);
    }
}
