using System.Text;
using System.Text.Json;

namespace Belay.Models.OpenAiResponses;

/// <content>Output items: whose an event is, and what it adds.</content>
internal sealed partial class ResponsesStream
{
    /// <summary>An item that begins or is complete.</summary>
    private void TakeItem(ResponsesEvent one, List<ModelEvent> events)
    {
        var json = Parse(one.Object);
        if (KindOf(json) is not { } kind)
        {
            return;
        }

        var id = Id(json);
        var item = Find(kind, one.Index, id);
        var begins = one.Type is ResponsesEventType.ItemAdded;
        if (item is not null && (item.Closed || (begins && item.Added)))
        {
            if (IsSame(item, id, json))
            {
                // Said twice.
                return;
            }

            item = null;
        }

        item ??= Add(kind, one.Index, id);
        item.Added = true;
        item.Index ??= one.Index;
        item.Id ??= id;
        if (kind is OutputItemKind.Call)
        {
            NameCall(item, json, events);
            item.Given ??= Arguments(json);
        }

        if (!begins)
        {
            Complete(item, json, events);
            Close(item, events);
        }
    }

    /// <summary>What the last event repeats of the output, or all of it when nothing was streamed.</summary>
    private void TakeOutput(JsonElement response, List<ModelEvent> events)
    {
        if (!response.TryGetProperty("output", out var output) || output.ValueKind is not JsonValueKind.Array)
        {
            return;
        }

        var heard = _items.Count;
        var index = -1;
        foreach (var json in output.EnumerateArray())
        {
            index++;
            if (KindOf(json) is not { } kind)
            {
                continue;
            }

            var id = Id(json);
            var item = Find(kind, index, id);
            if (item is null && !IsNews(kind, json, heard))
            {
                continue;
            }

            item ??= Add(kind, index, id);
            if (item.Closed)
            {
                continue;
            }

            if (kind is OutputItemKind.Call)
            {
                NameCall(item, json, events);
            }

            Complete(item, json, events);
            Close(item, events);
        }
    }

    // An item that cannot be found may have been streamed under another index and id, and must not be said twice.
    private bool IsNews(OutputItemKind kind, JsonElement json, int heard)
    {
        var callId = kind is OutputItemKind.Call ? Text(json, "call_id") : null;
        for (var i = 0; i < heard; i++)
        {
            if (_items[i].Kind == kind && (string.IsNullOrEmpty(callId) || _items[i].CallId == callId || _items[i].CallId.Length == 0))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsSame(OutputItem item, ReadOnlySpan<byte> id, JsonElement json) =>
        id.IsEmpty ? item.CallId.Length > 0 && item.CallId == Text(json, "call_id") : id.SequenceEqual(item.Id);

    private OutputItem FindOrAdd(OutputItemKind kind, ResponsesEvent one) =>
        Find(kind, one.Index, one.ItemId) ?? Add(kind, one.Index, one.ItemId.IsEmpty ? null : one.ItemId.ToArray());

    /// <summary>
    /// The item that an event belongs to. Where there are both an index and an id, the item that has both is meant, else the last
    /// one with the index: servers exist that give every item index 0, and others that give every event another id.
    /// </summary>
    private OutputItem? Find(OutputItemKind kind, long? index, ReadOnlySpan<byte> id)
    {
        OutputItem? byIndex = null;
        for (var i = _items.Count - 1; i >= 0; i--)
        {
            var item = _items[i];
            if (item.Kind != kind)
            {
                continue;
            }

            var sameId = !id.IsEmpty && id.SequenceEqual(item.Id);
            if (index is { } at && item.Index is { } its ? at == its && sameId : sameId)
            {
                return item;
            }

            var unnamed = !item.Closed && (index is null || item.Index is null) && (id.IsEmpty || item.Id is null);
            if (byIndex is null && ((index is not null && index == item.Index) || unnamed))
            {
                byIndex = item;
            }
        }

        return byIndex;
    }

    private OutputItem Add(OutputItemKind kind, long? index, byte[]? id)
    {
        if (_items.Count >= MaxItems)
        {
            throw Malformed($"the reply has more than {MaxItems} items");
        }

        var item = new OutputItem(kind) { Index = index, Id = id };
        _items.Add(item);
        return item;
    }

    private void Hear(OutputItemKind kind, ResponsesEvent one, List<ModelEvent> events)
    {
        if (one.Delta is { Length: > 0 } piece)
        {
            Say(FindOrAdd(kind, one), one.Type, one.Part, piece, events);
        }
    }

    private void HearWhole(OutputItemKind kind, ResponsesEventType form, ResponsesEvent one, List<ModelEvent> events)
    {
        var item = FindOrAdd(kind, one);
        if (!item.Closed && (one.Part ?? 0) > item.Part && Decode(one.Whole) is { Length: > 0 } text)
        {
            Say(item, form, one.Part, text, events);
        }
    }

    /// <summary>Adds text or reasoning to an item.</summary>
    private void Say(OutputItem item, ResponsesEventType form, long? part, string piece, List<ModelEvent> events)
    {
        if (item.Closed)
        {
            throw Malformed("a delta belongs to an item that was complete");
        }

        var at = part ?? Math.Max(item.Part, 0);
        if (item.Kind is OutputItemKind.Reasoning)
        {
            // Servers that send both the reasoning and its summary would say it twice.
            item.Form ??= form;
            if (item.Form != form)
            {
                return;
            }

            piece = at > item.Part && item.Block is not null ? "\n\n" + piece : piece;
        }

        item.Part = Math.Max(item.Part, at);
        Emit(item, ProviderText.Join(ref item.Held, piece), events);
    }

    private void Emit(OutputItem item, string text, List<ModelEvent> events)
    {
        if (text.Length > 0)
        {
            var block = BlockOf(item);
            events.Add(item.Kind is OutputItemKind.Message ? new ModelEvent.Text(block, text) : new ModelEvent.Reasoning(block, text));
        }
    }

    private int BlockOf(OutputItem item) => item.Block ??= _blocks++;

    private void NameCall(OutputItem item, JsonElement json, List<ModelEvent> events)
    {
        if (item.Name is not null || Text(json, "name") is not { Length: > 0 } name)
        {
            return;
        }

        item.CallId = Text(json, "call_id") ?? "";
        item.Name = name;
        events.Add(new ModelEvent.ToolOpened(BlockOf(item), item.CallId, name));
        if (item.Early is { } early)
        {
            item.Early = null;
            events.Add(new ModelEvent.ToolInput(BlockOf(item), early.ToString()));
        }
    }

    private void TakeArguments(ResponsesEvent one, List<ModelEvent> events)
    {
        var item = FindOrAdd(OutputItemKind.Call, one);
        if (!item.Heard && !item.Closed && Decode(one.Whole) is { Length: > 0 } arguments)
        {
            AddArguments(item, arguments, events);
        }
    }

    private static void AddArguments(OutputItem item, string fragment, List<ModelEvent> events)
    {
        if (item.Closed)
        {
            throw Malformed("a delta belongs to an item that was complete");
        }

        item.Heard = true;
        fragment = ProviderText.Join(ref item.Held, fragment);
        if (fragment.Length == 0)
        {
            return;
        }

        if (item.Block is { } block)
        {
            events.Add(new ModelEvent.ToolInput(block, fragment));
            return;
        }

        (item.Early ??= new StringBuilder()).Append(fragment);
    }

    private void TakeAnnotation(ResponsesEvent one, List<ModelEvent> events)
    {
        var item = FindOrAdd(OutputItemKind.Message, one);
        if (!item.Closed)
        {
            AddAnnotation(item, Parse(one.Object), events);
        }
    }

    private void AddAnnotation(OutputItem item, JsonElement annotation, List<ModelEvent> events)
    {
        if (Text(annotation, "type") == "url_citation" && Text(annotation, "url") is { Length: > 0 } url)
        {
            events.Add(new ModelEvent.Citation(BlockOf(item), url, Text(annotation, "title"), Quote: null));
        }
    }

    /// <summary>Adds what was not streamed of an item.</summary>
    private void Complete(OutputItem item, JsonElement json, List<ModelEvent> events)
    {
        switch (item.Kind)
        {
            case OutputItemKind.Message:
                CompleteMessage(item, json, events);
                break;
            case OutputItemKind.Reasoning:
                CompleteReasoning(item, json, "summary", ResponsesEventType.Summary, events);
                CompleteReasoning(item, json, "content", ResponsesEventType.Reasoning, events);
                Emit(item, Rest(item), events);
                if (ResponsesState.Of(json, place) is { } state)
                {
                    events.Add(new ModelEvent.State(BlockOf(item), state));
                }

                break;
            default:
                if (!item.Heard && Arguments(json) is { Length: > 0 } arguments)
                {
                    AddArguments(item, arguments, events);
                }

                break;
        }
    }

    private void CompleteMessage(OutputItem item, JsonElement json, List<ModelEvent> events)
    {
        var part = -1;
        foreach (var content in Items(json, "content"))
        {
            part++;
            var refusal = Text(content, "refusal");
            _refused |= refusal is { Length: > 0 };
            if (part <= item.Part || (refusal ?? Text(content, "text")) is not { Length: > 0 } text)
            {
                continue;
            }

            Say(item, ResponsesEventType.Text, part, text, events);
            foreach (var annotation in Items(content, "annotations"))
            {
                AddAnnotation(item, annotation, events);
            }
        }
    }

    private void CompleteReasoning(OutputItem item, JsonElement json, string member, ResponsesEventType form, List<ModelEvent> events)
    {
        var part = -1;
        foreach (var content in Items(json, member))
        {
            part++;
            if (part > item.Part && Text(content, "text") is { Length: > 0 } text)
            {
                Say(item, form, part, text, events);
            }
        }
    }

    private void Close(OutputItem item, List<ModelEvent> events)
    {
        if (item.Closed)
        {
            return;
        }

        item.Closed = true;
        if (item.Kind is OutputItemKind.Call)
        {
            if (item.Name is null)
            {
                throw Malformed("a tool call has no name");
            }

            if (!item.Heard && item.Given is { Length: > 0 } given)
            {
                events.Add(new ModelEvent.ToolInput(BlockOf(item), given));
            }
        }
        else
        {
            Emit(item, Rest(item), events);
        }

        if (item.Block is { } block)
        {
            events.Add(new ModelEvent.BlockClosed(block));
        }
    }

    private static string Rest(OutputItem item)
    {
        var rest = item.Held != default ? "\uFFFD" : "";
        item.Held = default;
        return rest;
    }
}
