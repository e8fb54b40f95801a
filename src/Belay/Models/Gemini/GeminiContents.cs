using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;

namespace Belay.Models.Gemini;

/// <summary>Writes the contents of a request, neighbours of one role as one.</summary>
internal sealed class GeminiContents(Utf8JsonWriter json, string modelId)
{
    /// <summary>
    /// Stands for the signature of a call that this model did not make: newer models refuse a turn whose first call has none, and take
    /// this word of the provider's for a history that comes from elsewhere.
    /// </summary>
    public const string ForeignSignature = "skip_thought_signature_validator";

    private const int MaxIdLength = 64;

    // Those before the models that sign their calls and look at images inside a tool's answer.
    private static readonly string[] OlderModels = ["gemini-1.", "gemini-2.", "gemma", "learnlm", "tunedModels/"];

    private readonly bool _older = OlderModels.Any(name => modelId.Contains(name, StringComparison.Ordinal));
    private readonly Dictionary<Block.ToolResult, string> _called = new(ReferenceEqualityComparer.Instance);

    /// <summary>
    /// Writes the messages into the array that is open. Those that <paramref name="written"/> has are copied. The last ones written
    /// are never kept, because what the conversation goes on with may still join them.
    /// </summary>
    public void Write(IReadOnlyList<Message> messages, WrittenMessages? written, RequestBuffer output)
    {
        var count = 0;
        var kept = written is null ? default : written.Find(GeminiModel.ProviderName + "/" + modelId, messages, out count);
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
            var first = blocks.Count;
            foreach (var block in messages[i].Blocks)
            {
                if (!IsKept(block))
                {
                    continue;
                }

                if (messages[i].Role != role)
                {
                    Write(role, blocks);
                    (boundary, end) = (i, Position);
                    role = messages[i].Role;
                    blocks.Clear();
                    first = 0;
                }

                blocks.Add(block);
            }

            for (; first < blocks.Count; first++)
            {
                if (blocks[first] is Block.ToolResult result && NameOf(messages, i, result.ToolUseId) is { } name)
                {
                    _called[result] = name;
                }
            }
        }

        Write(role, blocks);
        json.Flush();
        if (written is not null && boundary > count)
        {
            var added = output.Written[begin..end];
            written.Add(messages, boundary, kept.IsEmpty && added is [(byte)',', ..] ? added[1..] : added);
        }
    }

    private int Position => (int)(json.BytesCommitted + json.BytesPending);

    // The provider pairs an answer with its call by name too, which an answer does not have.
    private static string? NameOf(IReadOnlyList<Message> messages, int before, string toolUseId)
    {
        for (var i = before; i >= 0; i--)
        {
            foreach (var block in messages[i].Blocks)
            {
                if (block is Block.ToolUse { Kind: not HarnessToolUseType.ServerToolUse } call && call.Id == toolUseId)
                {
                    return call.Name;
                }
            }
        }

        return null;
    }

    private bool IsKept(Block block) => block switch
    {
        Block.Text text => text.Value.Length > 0 || SignatureOf(text) is not null,
        Block.Reasoning reasoning => SignatureOf(reasoning) is not null,
        Block.RedactedReasoning or Block.Citation => false,
        Block.ToolUse call => call.Kind is not HarnessToolUseType.ServerToolUse,
        Block.ToolResult or Block.Image => true,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private void Write(HarnessConversationRole? role, List<Block> blocks)
    {
        if (role is null)
        {
            return;
        }

        var user = role is HarnessConversationRole.User;
        json.WriteStartObject();
        json.WriteString("role", user ? "user" : "model");
        json.WriteStartArray("parts");
        if (user)
        {
            // Results answer the content before and come first, also after merging.
            WriteAnswers(blocks);
        }

        var calls = 0;
        foreach (var block in blocks)
        {
            switch (block)
            {
                case Block.Text text:
                    WriteText(text.Value, thought: false, SignatureOf(text));
                    break;
                case Block.Reasoning reasoning:
                    WriteText(reasoning.Value, thought: reasoning.Value.Length > 0, SignatureOf(reasoning));
                    break;
                case Block.ToolUse call:
                    WriteCall(call, first: calls++ == 0);
                    break;
                case Block.Image image:
                    WriteImage(image.MediaType, image.Bytes);
                    break;
                default:
                    break;
            }
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void WriteText(string text, bool thought, string? signature)
    {
        json.WriteStartObject();
        json.WriteString("text", text);
        if (thought)
        {
            json.WriteBoolean("thought", true);
        }

        WriteSignature(signature);
        json.WriteEndObject();
    }

    private void WriteCall(Block.ToolUse call, bool first)
    {
        json.WriteStartObject();
        json.WriteStartObject("functionCall");
        json.WriteString("id", ToolUseId.Fit(call.Id, MaxIdLength));
        json.WriteString("name", GeminiToolNames.Fit(call.Name));
        json.WritePropertyName("args");
        RequestJson.WriteArguments(json, call.Input);
        json.WriteEndObject();
        // Of calls side by side only the first is signed.
        WriteSignature(SignatureOf(call) ?? (first && !_older ? ForeignSignature : null));
        json.WriteEndObject();
    }

    private void WriteSignature(string? signature)
    {
        if (signature is not null)
        {
            json.WriteString(GeminiRequest.Signature, signature);
        }
    }

    private void WriteAnswers(List<Block> blocks)
    {
        foreach (var block in blocks)
        {
            if (block is Block.ToolResult result)
            {
                WriteAnswer(result);
            }
        }

        foreach (var block in blocks)
        {
            if (block is Block.ToolResult result && (_older || !_called.ContainsKey(result)))
            {
                WriteImages(result);
            }
        }
    }

    private void WriteAnswer(Block.ToolResult result)
    {
        if (!_called.TryGetValue(result, out var name))
        {
            // An answer without its call is refused; what happened is told in words.
            WriteText($"[the tool answered] {RequestJson.Flatten(result)}", thought: false, signature: null);
            return;
        }

        json.WriteStartObject();
        json.WriteStartObject("functionResponse");
        json.WriteString("id", ToolUseId.Fit(result.ToolUseId, MaxIdLength));
        json.WriteString("name", GeminiToolNames.Fit(name));
        json.WriteStartObject("response");
        var error = result.Status is HarnessToolUseStatus.Error;
        json.WritePropertyName(error ? "error" : "output");
        if (!error && result.Content is [ToolContent.Json value])
        {
            value.Value.WriteTo(json);
        }
        else
        {
            json.WriteStringValue(RequestJson.Flatten(result with { Status = HarnessToolUseStatus.Success }));
        }

        json.WriteEndObject();
        if (!_older && result.Content.Any(IsTaken))
        {
            json.WriteStartArray("parts");
            WriteImages(result);
            json.WriteEndArray();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WriteImages(Block.ToolResult result)
    {
        foreach (var content in result.Content)
        {
            if (content is ToolContent.Image image && IsTaken(image))
            {
                WriteImage(image.MediaType, image.Bytes);
            }
        }
    }

    private static bool IsTaken(ToolContent content) => content is ToolContent.Image image && IsTaken(image.MediaType, image.Bytes);

    private static bool IsTaken(string mediaType, byte[] bytes) => bytes.Length > 0 && mediaType is "image/png" or "image/jpeg" or "image/webp";

    private void WriteImage(string mediaType, byte[] bytes)
    {
        if (!IsTaken(mediaType, bytes))
        {
            WriteText(RequestJson.Placeholder(mediaType, bytes), thought: false, signature: null);
            return;
        }

        json.WriteStartObject();
        json.WriteStartObject("inlineData");
        json.WriteString("mimeType", mediaType);
        json.WriteBase64String("data", bytes);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>The signature that this very model gave with the block.</summary>
    private string? SignatureOf(Block block)
    {
        if (block.State is not { Provider: GeminiModel.ProviderName } state || state.ModelId != modelId)
        {
            return null;
        }

        return block is Block.Reasoning { Signature: { Length: > 0 } signature } ? signature
            : state.Value.ValueKind is JsonValueKind.Object && state.Value.TryGetProperty(GeminiRequest.Signature, out var value) && value.ValueKind is JsonValueKind.String
                ? value.GetString()
                : null;
    }
}
