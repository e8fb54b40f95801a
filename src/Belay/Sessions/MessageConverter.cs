using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Belay.Agents;
using Belay.Contracts.Invocations;

namespace Belay.Sessions;

/// <summary>
/// Messages in the form that the generated code gives them. Waking a session reads all of its messages, and nearly all of their blocks are
/// plain text: those are read and written here, without finding out of which kind a block is; every other block goes the usual way.
/// </summary>
internal sealed class MessageConverter : JsonConverter<Message>
{
    private const string Role = "role";
    private const string Blocks = "blocks";

    public override Message Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("A message must be an object.");
        }

        HarnessConversationRole? role = null;
        IReadOnlyList<Block>? blocks = null;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var (isRole, isBlocks) = (reader.ValueTextEquals(Role), reader.ValueTextEquals(Blocks));
            reader.Read();
            if (isRole)
            {
                role = ReadRole(ref reader);
            }
            else if (isBlocks)
            {
                blocks = ReadBlocks(ref reader, options);
            }
            else
            {
                // A later version's.
                reader.Skip();
            }
        }

        return new(role ?? throw new JsonException("A message must say who speaks."), blocks ?? throw new JsonException("A message must have blocks."));
    }

    public override void Write(Utf8JsonWriter writer, Message value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        writer.WriteString(Role, value.Role is HarnessConversationRole.User ? "user"u8 : "assistant"u8);
        writer.WriteStartArray(Blocks);
        foreach (var block in value.Blocks)
        {
            if (block is Block.Text { State: null } text)
            {
                writer.WriteStartObject();
                writer.WriteString("t"u8, "text"u8);
                writer.WriteString("value"u8, WellFormedTextConverter.WellFormed(text.Value));
                writer.WriteEndObject();
            }
            else
            {
                JsonSerializer.Serialize(writer, block, Form(options));
            }
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static HarnessConversationRole ReadRole(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            if (reader.ValueTextEquals("user"u8))
            {
                return HarnessConversationRole.User;
            }

            if (reader.ValueTextEquals("assistant"u8))
            {
                return HarnessConversationRole.Assistant;
            }
        }

        throw new JsonException("Whoever speaks must be user or assistant.");
    }

    private static IReadOnlyList<Block> ReadBlocks(ref Utf8JsonReader reader, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new JsonException("Blocks must be an array.");
        }

        // Most messages have one block, which then takes the least memory.
        Block? first = null;
        List<Block>? more = null;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var block = ReadText(ref reader) ?? JsonSerializer.Deserialize(ref reader, Form(options)) ?? throw new JsonException("A block must not be null.");
            if (first is null)
            {
                first = block;
            }
            else
            {
                more ??= [first];
                more.Add(block);
            }
        }

        return more ?? (IReadOnlyList<Block>)(first is null ? [] : new[] { first });
    }

    // A text with nothing beside it, exactly as it is written above; null, and nothing is read, when the block is anything else.
    private static Block.Text? ReadText(ref Utf8JsonReader reader)
    {
        var ahead = reader;
        if (ahead.TokenType != JsonTokenType.StartObject
            || !ahead.Read() || ahead.TokenType != JsonTokenType.PropertyName || !ahead.ValueTextEquals("t"u8)
            || !ahead.Read() || ahead.TokenType != JsonTokenType.String || !ahead.ValueTextEquals("text"u8)
            || !ahead.Read() || ahead.TokenType != JsonTokenType.PropertyName || !ahead.ValueTextEquals("value"u8)
            || !ahead.Read() || ahead.TokenType != JsonTokenType.String)
        {
            return null;
        }

        var text = ahead.GetString()!; // A string token is never null.
        if (!ahead.Read() || ahead.TokenType != JsonTokenType.EndObject)
        {
            return null;
        }

        reader = ahead;
        return new(text);
    }

    private static JsonTypeInfo<Block> Form(JsonSerializerOptions options) => (JsonTypeInfo<Block>)options.GetTypeInfo(typeof(Block));
}
