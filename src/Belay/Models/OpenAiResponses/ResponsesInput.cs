using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models.OpenAi;

namespace Belay.Models.OpenAiResponses;

/// <summary>Writes the messages as input items. Items need not take turns, so each message is written by itself.</summary>
internal sealed class ResponsesInput(Utf8JsonWriter json, string provider, string modelId, string place)
{
    private const int MaxIdLength = 64;
    private const int MaxNameLength = 64;

    /// <summary>
    /// Writes the messages into the array that is open. Those that <paramref name="written"/> has are copied; the last one is never
    /// kept.
    /// </summary>
    public void Write(IReadOnlyList<Message> messages, WrittenMessages? written, RequestBuffer output)
    {
        var count = 0;
        var kept = written is null ? default : written.Find($"responses/{provider}/{place}/{modelId}", messages, out count);
        if (!kept.IsEmpty)
        {
            // Several elements of the array at once; they were validated when they were written.
            json.WriteRawValue(kept, skipInputValidation: true);
        }

        var begin = Position;
        var end = begin;
        for (var i = count; i < messages.Count; i++)
        {
            end = Position;
            Write(messages[i]);
        }

        json.Flush();
        if (written is not null && messages.Count - 1 > count)
        {
            written.Add(messages, messages.Count - 1, output.Written[begin..end]);
        }
    }

    private int Position => (int)(json.BytesCommitted + json.BytesPending);

    private void Write(Message message)
    {
        if (message.Role is HarnessConversationRole.Assistant)
        {
            WriteAssistant(message.Blocks);
        }
        else
        {
            WriteUser(message.Blocks);
        }
    }

    private void WriteAssistant(IReadOnlyList<Block> blocks)
    {
        var text = new StringBuilder();
        for (var i = 0; i < blocks.Count; i++)
        {
            switch (blocks[i])
            {
                case Block.Text said:
                    text.Append(said.Value);
                    break;
                case Block.Image image:
                    text.Append(RequestJson.Placeholder(image.MediaType, image.Bytes));
                    break;
                case Block.Reasoning reasoning:
                    // Reasoning that led to nothing, because the reply was cut off there, is refused.
                    if (ResponsesState.ItemFor(reasoning, provider, modelId, place) is { } item && Speaks(blocks, i + 1))
                    {
                        WriteText(text);
                        item.WriteTo(json);
                    }

                    break;
                case Block.ToolUse { Kind: not HarnessToolUseType.ServerToolUse } call:
                    WriteText(text);
                    WriteCall(call);
                    break;
                case Block.ToolUse or Block.RedactedReasoning or Block.Citation or Block.ToolResult:
                    break;
                default:
                    throw new UnreachableException();
            }
        }

        WriteText(text);
    }

    private static bool Speaks(IReadOnlyList<Block> blocks, int from)
    {
        for (var i = from; i < blocks.Count; i++)
        {
            if (blocks[i] is Block.Text { Value.Length: > 0 } or Block.Image or Block.ToolUse { Kind: not HarnessToolUseType.ServerToolUse })
            {
                return true;
            }
        }

        return false;
    }

    private void WriteText(StringBuilder text)
    {
        if (text.Length == 0)
        {
            return;
        }

        StartMessage("assistant");
        WritePart("output_text", text.ToString());
        EndMessage();
        text.Clear();
    }

    private void WriteCall(Block.ToolUse call)
    {
        json.WriteStartObject();
        json.WriteString("type", "function_call");
        json.WriteString("call_id", ToolUseId.Fit(call.Id, MaxIdLength));
        json.WriteString("name", ToolUseId.Fit(call.Name, MaxNameLength));
        json.WriteString("arguments", call.Input.ValueKind is JsonValueKind.Object ? call.Input.GetRawText() : "{}");
        json.WriteEndObject();
    }

    /// <summary>Results first, each an item of its own; then what the user says, with the images that the results had.</summary>
    private void WriteUser(IReadOnlyList<Block> blocks)
    {
        List<(string MediaType, byte[] Bytes)> images = [];
        foreach (var result in blocks.OfType<Block.ToolResult>())
        {
            json.WriteStartObject();
            json.WriteString("type", "function_call_output");
            json.WriteString("call_id", ToolUseId.Fit(result.ToolUseId, MaxIdLength));
            json.WriteString("output", RequestJson.Flatten(result, image => OpenAiMessages.IsShown(image.MediaType, image.Bytes)));
            json.WriteEndObject();
            images.AddRange(result.Content.OfType<ToolContent.Image>().Where(image => OpenAiMessages.IsShown(image.MediaType, image.Bytes)).Select(image => (image.MediaType, image.Bytes)));
        }

        List<string> texts = [];
        OpenAiMessages.AddSaid(blocks, texts, images);
        if (images.Count == 0 && texts.Count == 0)
        {
            return;
        }

        StartMessage("user");
        foreach (var text in texts)
        {
            WritePart("input_text", text);
        }

        foreach (var (mediaType, bytes) in images)
        {
            json.WriteStartObject();
            json.WriteString("type", "input_image");
            json.WriteString("detail", "auto");
            json.WriteString("image_url", OpenAiMessages.DataUrl(mediaType, bytes));
            json.WriteEndObject();
        }

        EndMessage();
    }

    private void StartMessage(string role)
    {
        json.WriteStartObject();
        json.WriteString("type", "message");
        json.WriteString("role", role);
        json.WriteStartArray("content");
    }

    private void EndMessage()
    {
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void WritePart(string type, string text)
    {
        json.WriteStartObject();
        json.WriteString("type", type);
        json.WriteString("text", text);
        json.WriteEndObject();
    }
}
