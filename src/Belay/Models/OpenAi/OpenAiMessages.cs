using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;

namespace Belay.Models.OpenAi;

/// <summary>Writes the messages of a chat-completions request, neighbours of one role as one.</summary>
internal sealed class OpenAiMessages(Utf8JsonWriter json, string provider, string modelId, OpenAiDialect dialect)
{
    // The public endpoint refuses longer ids of tool calls.
    private const int MaxIdLength = 40;
    private const int MaxNameLength = 64;

    // What an assistant says who only makes room for the user.
    private const string Noted = "OK.";

    private readonly string _form = $"{provider}{dialect.IdLength}{(dialect.UserAfterTool ? "" : "+")}/{modelId}";

    /// <summary>
    /// Writes the messages into the array that is open. Those that <paramref name="written"/> has are copied. The last ones written
    /// are never kept, because what the conversation goes on with may still join them.
    /// </summary>
    public void Write(IReadOnlyList<Message> messages, WrittenMessages? written, RequestBuffer output)
    {
        var count = 0;
        var kept = written is null ? default : written.Find(_form, messages, out count);
        if (!kept.IsEmpty)
        {
            // Several elements of the array at once; they were validated when they were written.
            json.WriteRawValue(kept, skipInputValidation: true);
        }

        var begin = Position;
        var (boundary, end) = (count, begin);
        HarnessConversationRole? role = null;
        List<Block> blocks = [];
        for (var i = count; i < messages.Count; i++)
        {
            // Dropping blocks can empty a message and make its neighbours meet, so it comes before merging.
            var message = messages[i];
            if (!HasKept(message.Blocks))
            {
                continue;
            }

            if (message.Role != role)
            {
                Write(role, blocks);
                (boundary, end) = (i, Position);
                role = message.Role;
                blocks.Clear();
            }

            AddKept(blocks, message.Blocks);
        }

        Write(role, blocks);
        json.Flush();
        if (written is not null && boundary > count)
        {
            var added = output.Written[begin..end];
            written.Add(messages, boundary, kept.IsEmpty && added is [(byte)',', ..] ? added[1..] : added);
        }
    }

    private string Id(string id) => dialect.IdLength is { } length ? ToolUseId.OfLength(id, length) : ToolUseId.Fit(id, MaxIdLength);

    private int Position => (int)(json.BytesCommitted + json.BytesPending);

    private void Write(HarnessConversationRole? role, List<Block> blocks)
    {
        if (role is HarnessConversationRole.Assistant)
        {
            WriteAssistant(blocks);
        }
        else if (role is not null)
        {
            WriteUser(blocks);
        }
    }

    private static bool HasKept(IReadOnlyList<Block> blocks)
    {
        for (var i = 0; i < blocks.Count; i++)
        {
            if (IsKept(blocks[i]))
            {
                return true;
            }
        }

        return false;
    }

    private static void AddKept(List<Block> kept, IReadOnlyList<Block> blocks)
    {
        for (var i = 0; i < blocks.Count; i++)
        {
            if (IsKept(blocks[i]))
            {
                kept.Add(blocks[i]);
            }
        }
    }

    /// <summary>Reasoning, citations and tools that another provider ran itself have no place in this protocol.</summary>
    private static bool IsKept(Block block) => block switch
    {
        Block.Text text => text.Value.Length > 0,
        Block.Reasoning or Block.RedactedReasoning or Block.Citation => false,
        Block.ToolUse call => call.Kind is not HarnessToolUseType.ServerToolUse,
        Block.ToolResult or Block.Image => true,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private void WriteAssistant(List<Block> blocks)
    {
        var text = blocks is [Block.Text only] ? only.Value : string.Concat(blocks.Select(block => block switch
        {
            Block.Text part => part.Value,
            Block.Image image => RequestJson.Placeholder(image.MediaType, image.Bytes),
            _ => "",
        }));
        json.WriteStartObject();
        json.WriteString("role", "assistant");
        if (text.Length > 0)
        {
            json.WriteString("content", text);
        }
        else
        {
            json.WriteNull("content");
        }

        var calls = false;
        foreach (var block in blocks)
        {
            if (block is Block.ToolUse call)
            {
                if (!calls)
                {
                    json.WriteStartArray("tool_calls");
                    calls = true;
                }

                WriteCall(call);
            }
        }

        if (calls)
        {
            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private void WriteCall(Block.ToolUse call)
    {
        json.WriteStartObject();
        json.WriteString("id", Id(call.Id));
        json.WriteString("type", "function");
        json.WriteStartObject("function");
        json.WriteString("name", ToolUseId.Fit(call.Name, MaxNameLength));
        json.WriteString("arguments", call.Input.ValueKind is JsonValueKind.Object ? call.Input.GetRawText() : "{}");
        json.WriteEndObject();
        // Journals from before providers were told apart call each of them by the name of the protocol.
        if (call.State is { } state
            && (state.Provider == provider || state.Provider == OpenAiModel.ProviderName)
            && state.ModelId == modelId
            && state.Value.ValueKind is JsonValueKind.Object
            && state.Value.TryGetProperty(OpenAiRequest.ExtraContent, out var extra))
        {
            json.WritePropertyName(OpenAiRequest.ExtraContent);
            extra.WriteTo(json);
        }

        json.WriteEndObject();
    }

    /// <summary>Results first, each a message of its own; then what the user says, with the images that the results had.</summary>
    private void WriteUser(List<Block> blocks)
    {
        List<(string MediaType, byte[] Bytes)> images = [];
        var results = false;
        foreach (var block in blocks)
        {
            if (block is Block.ToolResult result)
            {
                results = true;
                WriteResult(result, images);
            }
        }

        List<string> texts = [];
        AddSaid(blocks, texts, images);
        if (images.Count == 0 && texts.Count == 0)
        {
            return;
        }

        if (results && !dialect.UserAfterTool)
        {
            json.WriteStartObject();
            json.WriteString("role", "assistant");
            json.WriteString("content", Noted);
            json.WriteEndObject();
        }

        WriteSaid(texts, images);
    }

    private void WriteResult(Block.ToolResult result, List<(string MediaType, byte[] Bytes)> images)
    {
        json.WriteStartObject();
        json.WriteString("role", "tool");
        json.WriteString("tool_call_id", Id(result.ToolUseId));
        json.WriteString("content", RequestJson.Flatten(result, image => IsShown(image.MediaType, image.Bytes)));
        json.WriteEndObject();
        foreach (var content in result.Content)
        {
            if (content is ToolContent.Image image && IsShown(image.MediaType, image.Bytes))
            {
                images.Add((image.MediaType, image.Bytes));
            }
        }
    }

    /// <summary>Whether OpenAI's protocols take an image; others stand there as a placeholder.</summary>
    public static bool IsShown(string mediaType, byte[] bytes) => bytes.Length > 0
        && mediaType is "image/png" or "image/jpeg" or "image/jpg" or "image/gif" or "image/webp";

    /// <summary>What the user says and shows; an image that is not shown is told in words.</summary>
    public static void AddSaid(IReadOnlyList<Block> blocks, List<string> texts, List<(string MediaType, byte[] Bytes)> images)
    {
        foreach (var block in blocks)
        {
            switch (block)
            {
                case Block.Text { Value.Length: > 0 } text:
                    texts.Add(text.Value);
                    break;
                case Block.Image image when IsShown(image.MediaType, image.Bytes):
                    images.Add((image.MediaType, image.Bytes));
                    break;
                case Block.Image image:
                    texts.Add(RequestJson.Placeholder(image.MediaType, image.Bytes));
                    break;
                default:
                    break;
            }
        }
    }

    /// <summary>An image as OpenAI's protocols take it.</summary>
    public static string DataUrl(string mediaType, byte[] bytes) => $"data:{(mediaType == "image/jpg" ? "image/jpeg" : mediaType)};base64,{Convert.ToBase64String(bytes)}";

    private void WriteSaid(List<string> texts, List<(string MediaType, byte[] Bytes)> images)
    {
        var text = texts is [var only] ? only : string.Join('\n', texts);
        json.WriteStartObject();
        json.WriteString("role", "user");
        if (images.Count == 0)
        {
            // A plain string is what every compatible server takes.
            json.WriteString("content", text);
            json.WriteEndObject();
            return;
        }

        json.WriteStartArray("content");
        if (text.Length > 0)
        {
            json.WriteStartObject();
            json.WriteString("type", "text");
            json.WriteString("text", text);
            json.WriteEndObject();
        }

        foreach (var (mediaType, bytes) in images)
        {
            json.WriteStartObject();
            json.WriteString("type", "image_url");
            json.WriteStartObject("image_url");
            json.WriteString("url", DataUrl(mediaType, bytes));
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
