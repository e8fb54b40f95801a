using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Client;

namespace Belay.Cli.Invocations;

/// <summary>
/// Folds the events of one invocation into what they say as a whole: the messages, why it ended, tokens and time. What the
/// client sent is not part of it.
/// </summary>
internal sealed class InvocationTranscript
{
    private readonly SortedDictionary<int, Block> _blocks = [];
    private string? _role;

    /// <summary>Messages in the shape in which InvokeHarness takes them.</summary>
    public JsonArray Messages { get; } = [];

    /// <summary>Reason of the last message stop: why the invocation ended.</summary>
    public string? StopReason { get; private set; }

    /// <summary>Tokens, as the last metadata event says them.</summary>
    public JsonElement? Usage { get; private set; }

    /// <summary>Wall time in milliseconds, as the server measured it.</summary>
    public long? LatencyMs { get; private set; }

    /// <summary>Number of messages of the model.</summary>
    public int ModelCalls { get; private set; }

    /// <summary>Number of calls of tools.</summary>
    public int ToolCalls { get; private set; }

    /// <summary>Tool calls that have no result: those that the caller must answer when the stop reason is <c>tool_use</c>.</summary>
    public IReadOnlyList<(string Id, string Name)> Pending => [.. _calls.Select(call => (call.Key, call.Value))];

    private readonly OrderedDictionary<string, string> _calls = [];

    /// <summary>Takes the next event.</summary>
    public void Add(StreamEvent next)
    {
        var index = (int)(next.Payload.Number("contentBlockIndex") ?? 0);
        switch (next.Type)
        {
            case "messageStart":
                CloseMessage();
                _role = next.Payload.Text("role") ?? "assistant";
                ModelCalls += _role == "assistant" ? 1 : 0;
                break;
            case "contentBlockStart":
                _blocks[index] = Open(next.Payload.Member("start") ?? default);
                break;
            case "contentBlockDelta":
                if (!_blocks.TryGetValue(index, out var block))
                {
                    _blocks[index] = block = new Block();
                }

                block.Add(next.Payload.Member("delta") ?? default);
                break;
            case "messageStop":
                CloseMessage();
                StopReason = next.Payload.Text("stopReason");
                break;
            case "metadata":
                Usage = next.Payload.Member("usage");
                LatencyMs = next.Payload.Member("metrics")?.Number("latencyMs");
                break;
        }
    }

    private Block Open(JsonElement start)
    {
        if (start.Member("toolUse") is { } use)
        {
            ToolCalls++;
            _calls[use.Text("toolUseId") ?? ""] = use.Text("name") ?? "";
        }

        if (start.Member("toolResult") is { } result)
        {
            _calls.Remove(result.Text("toolUseId") ?? "");
        }

        return new Block { Start = start };
    }

    private void CloseMessage()
    {
        if (_role is not null)
        {
            Messages.Add(new JsonObject
            {
                ["role"] = _role,
                ["content"] = new JsonArray([.. _blocks.Values.Select(block => block.ToJson())]),
            });
        }

        _role = null;
        _blocks.Clear();
    }

    private sealed class Block
    {
        private readonly StringBuilder _text = new();
        private readonly StringBuilder _input = new();
        private readonly StringBuilder _reasoning = new();
        private readonly List<JsonNode> _results = [];
        private string? _signature;
        private string? _redacted;

        public JsonElement Start { get; init; }

        public void Add(JsonElement delta)
        {
            _text.Append(delta.Text("text"));
            _input.Append(delta.Member("toolUse")?.Text("input"));
            if (delta.Member("reasoningContent") is { } reasoning)
            {
                _reasoning.Append(reasoning.Text("text"));
                _signature = reasoning.Text("signature") ?? _signature;
                _redacted = reasoning.Text("redactedContent") ?? _redacted;
            }

            foreach (var item in delta.Items("toolResult"))
            {
                AddResult(item);
            }
        }

        public JsonObject ToJson()
        {
            if (Start.Member("toolUse") is { } use)
            {
                return new JsonObject { ["toolUse"] = With(use, "input", Input()) };
            }

            if (Start.Member("toolResult") is { } result)
            {
                return new JsonObject { ["toolResult"] = With(result, "content", new JsonArray([.. _results])) };
            }

            if (_redacted is not null)
            {
                return new JsonObject { ["reasoningContent"] = new JsonObject { ["redactedContent"] = _redacted } };
            }

            if (_reasoning.Length > 0 || _signature is not null)
            {
                var text = new JsonObject { ["text"] = _reasoning.ToString() };
                if (_signature is not null)
                {
                    text["signature"] = _signature;
                }

                return new JsonObject { ["reasoningContent"] = new JsonObject { ["reasoningText"] = text } };
            }

            return new JsonObject { ["text"] = _text.ToString() };
        }

        // Successive texts are pieces of one; each JSON item is complete.
        private void AddResult(JsonElement item)
        {
            if (item.Text("text") is { } text)
            {
                if (_results.LastOrDefault()?["text"] is { } open)
                {
                    _results[^1] = new JsonObject { ["text"] = open.GetValue<string>() + text };
                }
                else
                {
                    _results.Add(new JsonObject { ["text"] = text });
                }
            }

            if (item.Member("json") is { } json)
            {
                _results.Add(new JsonObject { ["json"] = JsonNode.Parse(json.GetRawText()) });
            }
        }

        private JsonNode? Input()
        {
            try
            {
                return JsonNode.Parse(_input.ToString());
            }
            catch (JsonException)
            {
                // Cut off in the middle: the text says more than nothing.
                return JsonValue.Create(_input.ToString());
            }
        }

        private static JsonObject With(JsonElement start, string name, JsonNode? value)
        {
            var json = JsonNode.Parse(start.GetRawText())!.AsObject();
            json[name] = value;
            return json;
        }
    }
}
