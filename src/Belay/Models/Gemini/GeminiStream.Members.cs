using System.Text.Json;
using static Belay.Models.JsonSteps;

namespace Belay.Models.Gemini;

/// <content>Reads what has no events of its own: calls and images before they are a block, counts, and feedback.</content>
internal sealed partial class GeminiStream
{
    private static Call? ReadCall(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is JsonTokenType.Null)
        {
            return null;
        }

        string? id = null, name = null, arguments = null;
        BeginObject(ref reader);
        while (NextMember(ref reader))
        {
            if (reader.ValueTextEquals("id"u8))
            {
                reader.Read();
                id = Whole(ProviderText.Read(ref reader));
                reader.Skip();
            }
            else if (reader.ValueTextEquals("name"u8))
            {
                reader.Read();
                name = Whole(ProviderText.Read(ref reader));
                reader.Skip();
            }
            else if (reader.ValueTextEquals("args"u8))
            {
                reader.Read();
                if (reader.TokenType is JsonTokenType.StartObject)
                {
                    arguments = JsonElement.ParseValue(ref reader).GetRawText();
                }
                else
                {
                    reader.Skip();
                }
            }
            else
            {
                reader.Skip();
            }
        }

        return string.IsNullOrEmpty(name) ? throw Failure(ModelFailure.Malformed, "a tool call has no name") : new Call(id ?? "", name, arguments);
    }

    private static ModelEvent.Image? ReadImage(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is JsonTokenType.Null)
        {
            return null;
        }

        string? mediaType = null;
        byte[]? bytes = null;
        BeginObject(ref reader);
        while (NextMember(ref reader))
        {
            if (reader.ValueTextEquals("mimeType"u8))
            {
                reader.Read();
                mediaType = Whole(ProviderText.Read(ref reader));
                reader.Skip();
            }
            else if (reader.ValueTextEquals("data"u8))
            {
                reader.Read();
                if (reader.TokenType is not JsonTokenType.String || !reader.TryGetBytesFromBase64(out bytes))
                {
                    throw Failure(ModelFailure.Malformed, "the data of a part is not the Base64 that it should be");
                }
            }
            else
            {
                reader.Skip();
            }
        }

        return bytes is not null && mediaType?.StartsWith("image/", StringComparison.Ordinal) is true ? new ModelEvent.Image(0, mediaType, bytes) : null;
    }

    private void ReadUsage(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        var (read, written, cached) = (default(TokenUsage), default(TokenUsage), 0);
        while (NextMember(ref reader))
        {
            var counts =
                reader.ValueTextEquals("promptTokenCount"u8) || reader.ValueTextEquals("toolUsePromptTokenCount"u8) ? 1
                : reader.ValueTextEquals("candidatesTokenCount"u8) || reader.ValueTextEquals("thoughtsTokenCount"u8) ? 2
                : reader.ValueTextEquals("cachedContentTokenCount"u8) ? 3
                : 0;
            reader.Read();
            var number = reader.TokenType is JsonTokenType.Number && reader.TryGetDouble(out var value) ? (int)Math.Clamp(value, 0, int.MaxValue) : 0;
            reader.Skip();
            switch (counts)
            {
                case 1:
                    read += new TokenUsage(number, 0);
                    break;
                case 2:
                    // Thoughts are written too, and not counted among the answer's tokens.
                    written += new TokenUsage(0, number);
                    break;
                case 3:
                    cached = number;
                    break;
                default:
                    break;
            }
        }

        _usage = new TokenUsage(read.Input, written.Output, cached);
    }

    private void ReadFeedback(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (NextMember(ref reader))
        {
            var reason = reader.ValueTextEquals("blockReason"u8);
            reader.Read();
            _blocked |= reason && ProviderText.Read(ref reader) is not (null or "" or "BLOCK_REASON_UNSPECIFIED");
            reader.Skip();
        }
    }

    /// <summary>Valid UTF-16 of what may hold halves of characters.</summary>
    private static string? Whole(string? text)
    {
        var held = default(char);
        return text is null ? null : ProviderText.Join(ref held, text);
    }
}
