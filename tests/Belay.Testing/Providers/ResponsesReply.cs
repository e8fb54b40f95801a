using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Belay.Testing.Providers;

/// <summary>What a provider answers in the format of the Responses API: as the events of a stream, or as one object.</summary>
/// <param name="Items">Output items, in order.</param>
/// <param name="End">How the reply ends.</param>
/// <param name="Usage">Tokens in the last event; null sends none.</param>
public sealed record ResponsesReply(IReadOnlyList<ResponsesItem> Items, ResponsesEnd End, ChatUsage? Usage = null)
{
    private const int PieceLength = 16;

    /// <summary>A text answer that ends normally.</summary>
    public static ResponsesReply Say(string text) => new([new ResponsesItem.Text(text)], new ResponsesEnd.Completed(), new ChatUsage(7, 3));

    /// <summary>Tool calls of one reply, each with its id and the text of its arguments.</summary>
    public static ResponsesReply Calls(params (string Id, string Tool, string Arguments)[] calls) =>
        new([.. calls.Select(call => new ResponsesItem.Call(call.Id, call.Tool, call.Arguments))], new ResponsesEnd.Completed(), new ChatUsage(7, 3));

    /// <summary>The stream as server-sent events, one string for each.</summary>
    /// <param name="number">Makes the ids of the reply and of its items its own.</param>
    /// <param name="model">Model that answers.</param>
    public IEnumerable<string> Stream(int number, string model)
    {
        var sequence = 0;
        foreach (var one in Events(number, model))
        {
            one["sequence_number"] = sequence++;
            yield return $"event: {(string)one["type"]!}\ndata: {one.ToJsonString()}\n\n";
        }
    }

    /// <summary>The reply as the one object that a server sends where no stream was asked for.</summary>
    public JsonObject Whole(int number, string model) => Response(number, model, End, [.. Items.Select((item, index) => Done(item, Id(item, number, index)))]);

    private IEnumerable<JsonObject> Events(int number, string model)
    {
        foreach (var type in (string[])["response.created", "response.in_progress"])
        {
            yield return Event(type, ("response", Response(number, model, end: null, output: [])));
        }

        for (var i = 0; i < Items.Count; i++)
        {
            var id = Id(Items[i], number, i);
            yield return Event("response.output_item.added", ("output_index", i), ("item", Added(Items[i], id)));
            foreach (var one in Content(Items[i], id, i))
            {
                yield return one;
            }

            yield return Event("response.output_item.done", ("output_index", i), ("item", Done(Items[i], id)));
        }

        if (End is ResponsesEnd.Error error)
        {
            yield return Event("error", ("code", error.Code), ("message", error.Message), ("param", null));
        }
        else if (End is not ResponsesEnd.Missing)
        {
            yield return Event($"response.{Status(End)}", ("response", Whole(number, model)));
        }
    }

    private static IEnumerable<JsonObject> Content(ResponsesItem item, string id, int index) => item switch
    {
        ResponsesItem.Text text => Part("output_text", TextPart(""), "text", text.Value, TextPart(text.Value), id, index),
        ResponsesItem.Refusal refusal => Part("refusal", RefusalPart(""), "refusal", refusal.Value, RefusalPart(refusal.Value), id, index),
        ResponsesItem.Reasoning { Summary.Length: > 0 } reasoning => Summary(reasoning.Summary, id, index),
        ResponsesItem.Reasoning => [],
        ResponsesItem.Call call => Deltas("function_call_arguments", "arguments", call.Arguments, At(id, index)),
        _ => throw new UnreachableException(),
    };

    private static IEnumerable<JsonObject> Part(string kind, JsonObject opened, string member, string value, JsonObject closed, string id, int index)
    {
        (string, JsonNode?)[] At() => [.. ResponsesReply.At(id, index)(), ("content_index", 0)];
        return
        [
            Event("response.content_part.added", [.. At(), ("part", opened)]),
            .. Deltas(kind, member, value, At),
            Event("response.content_part.done", [.. At(), ("part", closed)]),
        ];
    }

    private static IEnumerable<JsonObject> Summary(string summary, string id, int index)
    {
        (string, JsonNode?)[] At() => [.. ResponsesReply.At(id, index)(), ("summary_index", 0)];
        return
        [
            Event("response.reasoning_summary_part.added", [.. At(), ("part", SummaryPart(""))]),
            .. Deltas("reasoning_summary_text", "text", summary, At),
            Event("response.reasoning_summary_part.done", [.. At(), ("part", SummaryPart(summary))]),
        ];
    }

    private static IEnumerable<JsonObject> Deltas(string kind, string member, string value, Func<(string, JsonNode?)[]> at)
    {
        for (var from = 0; from < value.Length;)
        {
            var length = Math.Min(PieceLength, value.Length - from);
            // A character's two halves stay together: only a fault takes them apart.
            length += char.IsHighSurrogate(value[from + length - 1]) && from + length < value.Length ? 1 : 0;
            yield return Event($"response.{kind}.delta", [.. at(), ("delta", value.Substring(from, length))]);
            from += length;
        }

        yield return Event($"response.{kind}.done", [.. at(), (member, value)]);
    }

    private static Func<(string Name, JsonNode? Value)[]> At(string id, int index) => () => [("item_id", id), ("output_index", index)];

    private JsonObject Response(int number, string model, ResponsesEnd? end, JsonArray output) => new()
    {
        ["id"] = $"resp_{number}",
        ["object"] = "response",
        ["created_at"] = 1,
        ["status"] = end is null ? "in_progress" : Status(end),
        ["error"] = end is ResponsesEnd.Failed failed ? new JsonObject { ["code"] = failed.Code, ["message"] = failed.Message } : null,
        ["incomplete_details"] = end is ResponsesEnd.Incomplete incomplete ? new JsonObject { ["reason"] = incomplete.Reason } : null,
        ["model"] = model,
        ["output"] = output,
        ["store"] = false,
        ["usage"] = end is null || Usage is null ? null : new JsonObject
        {
            ["input_tokens"] = Usage.Prompt,
            ["input_tokens_details"] = new JsonObject { ["cached_tokens"] = 0 },
            ["output_tokens"] = Usage.Completion,
            ["output_tokens_details"] = new JsonObject { ["reasoning_tokens"] = 0 },
            ["total_tokens"] = Usage.Prompt + Usage.Completion,
        },
    };

    private static string Status(ResponsesEnd end) => end switch
    {
        ResponsesEnd.Completed => "completed",
        ResponsesEnd.Incomplete => "incomplete",
        ResponsesEnd.Failed => "failed",
        _ => "in_progress",
    };

    private static string Id(ResponsesItem item, int number, int index) => item switch
    {
        ResponsesItem.Reasoning => $"rs_{number}_{index}",
        ResponsesItem.Call => $"fc_{number}_{index}",
        _ => $"msg_{number}_{index}",
    };

    private static JsonObject Added(ResponsesItem item, string id) => item switch
    {
        ResponsesItem.Reasoning => new() { ["type"] = "reasoning", ["id"] = id, ["summary"] = new JsonArray() },
        ResponsesItem.Call call => Call(call, id, "in_progress", ""),
        _ => Message(id, "in_progress", []),
    };

    private static JsonObject Done(ResponsesItem item, string id) => item switch
    {
        ResponsesItem.Text text => Message(id, "completed", [TextPart(text.Value)]),
        ResponsesItem.Refusal refusal => Message(id, "completed", [RefusalPart(refusal.Value)]),
        ResponsesItem.Reasoning reasoning => new()
        {
            ["type"] = "reasoning",
            ["id"] = id,
            ["summary"] = reasoning.Summary.Length == 0 ? [] : new JsonArray(SummaryPart(reasoning.Summary)),
            ["encrypted_content"] = reasoning.Encrypted,
        },
        ResponsesItem.Call call => Call(call, id, "completed", call.Arguments),
        _ => throw new UnreachableException(),
    };

    private static JsonObject Message(string id, string status, JsonArray content) =>
        new() { ["type"] = "message", ["id"] = id, ["status"] = status, ["role"] = "assistant", ["content"] = content };

    private static JsonObject Call(ResponsesItem.Call call, string id, string status, string arguments) =>
        new() { ["type"] = "function_call", ["id"] = id, ["status"] = status, ["call_id"] = call.Id, ["name"] = call.Tool, ["arguments"] = arguments };

    private static JsonObject TextPart(string text) => new() { ["type"] = "output_text", ["text"] = text, ["annotations"] = new JsonArray() };

    private static JsonObject RefusalPart(string text) => new() { ["type"] = "refusal", ["refusal"] = text };

    private static JsonObject SummaryPart(string text) => new() { ["type"] = "summary_text", ["text"] = text };

    private static JsonObject Event(string type, params IEnumerable<(string Name, JsonNode? Value)> members)
    {
        var one = new JsonObject { ["type"] = type };
        foreach (var (name, value) in members)
        {
            one[name] = value;
        }

        return one;
    }
}

/// <summary>An item of a reply's output. The set is closed.</summary>
public abstract record ResponsesItem
{
    private ResponsesItem()
    {
    }

    /// <summary>A message with text.</summary>
    public sealed record Text(string Value) : ResponsesItem;

    /// <summary>A message that refuses.</summary>
    public sealed record Refusal(string Value) : ResponsesItem;

    /// <summary>Reasoning: a summary that may be empty, and what only the provider can read; null where it gives none.</summary>
    public sealed record Reasoning(string Summary, string? Encrypted) : ResponsesItem;

    /// <summary>A tool call with the text of its arguments.</summary>
    public sealed record Call(string Id, string Tool, string Arguments) : ResponsesItem;
}

/// <summary>How a reply ends. The set is closed.</summary>
public abstract record ResponsesEnd
{
    private ResponsesEnd()
    {
    }

    /// <summary>As it should.</summary>
    public sealed record Completed : ResponsesEnd;

    /// <summary>Too early, for a reason such as <c>max_output_tokens</c> or <c>content_filter</c>.</summary>
    public sealed record Incomplete(string Reason) : ResponsesEnd;

    /// <summary>With a response that failed.</summary>
    public sealed record Failed(string Code, string Message) : ResponsesEnd;

    /// <summary>With an error event.</summary>
    public sealed record Error(string Code, string Message) : ResponsesEnd;

    /// <summary>Without saying so.</summary>
    public sealed record Missing : ResponsesEnd;
}
