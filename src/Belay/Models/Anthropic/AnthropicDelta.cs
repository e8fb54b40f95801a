using System.Text.Json;
using Belay.Contracts;

namespace Belay.Models.Anthropic;

/// <summary>A piece of a block. Nearly every event of a stream is one, so it is read without a document.</summary>
/// <param name="Index">The provider's number of the block.</param>
/// <param name="Kind">What it is a piece of.</param>
/// <param name="Value">The piece; halves of characters may stand at its ends.</param>
internal readonly record struct AnthropicDelta(int Index, AnthropicDeltaKind Kind, string Value)
{
    private static readonly JsonReaderOptions Options = new() { MaxDepth = BelayJson.MaxDepth };

    /// <summary>Reads an event; false when it is another one, or has another shape.</summary>
    public static bool TryRead(ReadOnlySpan<byte> json, out AnthropicDelta delta)
    {
        delta = default;
        var reader = new Utf8JsonReader(json, Options);
        var (isDelta, index, kind, value) = (false, (int?)null, AnthropicDeltaKind.Text, (string?)null);
        if (!reader.Read() || reader.TokenType is not JsonTokenType.StartObject)
        {
            return false;
        }

        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("type"u8))
            {
                reader.Read();
                isDelta = reader.TokenType is JsonTokenType.String && reader.ValueTextEquals("content_block_delta"u8);
                if (!isDelta)
                {
                    return false;
                }
            }
            else if (reader.ValueTextEquals("index"u8))
            {
                reader.Read();
                index = reader.TokenType is JsonTokenType.Number && reader.TryGetInt32(out var number) ? number : null;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("delta"u8))
            {
                reader.Read();
                if (!TryPiece(ref reader, out kind, out value))
                {
                    return false;
                }
            }
            else
            {
                reader.Skip();
            }
        }

        // Throws when anything but white space follows.
        reader.Read();
        if (!isDelta || index is not { } at || value is null)
        {
            return false;
        }

        delta = new AnthropicDelta(at, kind, value);
        return true;
    }

    private static bool TryPiece(ref Utf8JsonReader reader, out AnthropicDeltaKind kind, out string? value)
    {
        (kind, value) = (default, null);
        AnthropicDeltaKind? said = null, found = null;
        if (reader.TokenType is not JsonTokenType.StartObject)
        {
            return false;
        }

        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("type"u8))
            {
                reader.Read();
                said = reader.TokenType is not JsonTokenType.String ? null
                    : reader.ValueTextEquals("text_delta"u8) ? AnthropicDeltaKind.Text
                    : reader.ValueTextEquals("input_json_delta"u8) ? AnthropicDeltaKind.Input
                    : reader.ValueTextEquals("thinking_delta"u8) ? AnthropicDeltaKind.Thinking
                    : reader.ValueTextEquals("signature_delta"u8) ? AnthropicDeltaKind.Signature
                    : null;
                reader.Skip();
            }
            else if (Member(ref reader) is { } member)
            {
                found = member;
                reader.Read();
                value = ProviderText.Read(ref reader);
                reader.Skip();
            }
            else
            {
                reader.Skip();
            }
        }

        kind = said ?? default;
        return said is not null && said == found && value is not null;
    }

    private static AnthropicDeltaKind? Member(ref Utf8JsonReader reader) =>
        reader.ValueTextEquals("text"u8) ? AnthropicDeltaKind.Text
        : reader.ValueTextEquals("partial_json"u8) ? AnthropicDeltaKind.Input
        : reader.ValueTextEquals("thinking"u8) ? AnthropicDeltaKind.Thinking
        : reader.ValueTextEquals("signature"u8) ? AnthropicDeltaKind.Signature
        : null;
}

/// <summary>What a piece belongs to.</summary>
internal enum AnthropicDeltaKind
{
    /// <summary>Text.</summary>
    Text,

    /// <summary>Arguments of a call, as a part of their JSON.</summary>
    Input,

    /// <summary>Readable reasoning.</summary>
    Thinking,

    /// <summary>The signature over reasoning.</summary>
    Signature,
}
