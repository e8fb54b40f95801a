using System.Collections.Frozen;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Belay.Agents;

namespace Belay.Sessions;

/// <summary>
/// The one JSON form of entry bodies. It tolerates members that a later version adds. Nothing that a model, tool or client said
/// makes it throw: half a surrogate pair becomes U+FFFD, which has the same length, and JSON values keep their exact text.
/// </summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    PropertyNameCaseInsensitive = false,
    NumberHandling = JsonNumberHandling.Strict,
    GenerationMode = JsonSourceGenerationMode.Metadata,
    MaxDepth = MaxDepth,
    Converters = [typeof(WellFormedTextConverter), typeof(ExactJsonConverter), typeof(DeltaSpansConverter), typeof(MessageConverter)])]
[JsonSerializable(typeof(ToolContent.Text), TypeInfoPropertyName = "ToolText")]
[JsonSerializable(typeof(ToolContent.Image), TypeInfoPropertyName = "ToolImage")]
[JsonSerializable(typeof(InvocationStarted))]
[JsonSerializable(typeof(HistoryRepaired))]
[JsonSerializable(typeof(ContextReduced))]
[JsonSerializable(typeof(ModelIntent))]
[JsonSerializable(typeof(ModelOutcome))]
[JsonSerializable(typeof(ToolIntent))]
[JsonSerializable(typeof(ToolOutcome))]
[JsonSerializable(typeof(InvocationPaused))]
[JsonSerializable(typeof(InvocationEnded))]
[JsonSerializable(typeof(SandboxStarted))]
[JsonSerializable(typeof(SandboxEnded))]
[JsonSerializable(typeof(CommandIntent))]
[JsonSerializable(typeof(CommandOutcome))]
[JsonSerializable(typeof(ModelVoided))]
[JsonSerializable(typeof(Steered))]
[JsonSerializable(typeof(SessionForked))]
[JsonSerializable(typeof(WorkspaceSaved))]
[JsonSerializable(typeof(ModelSwitched))]
public sealed partial class JournalJson : JsonSerializerContext
{
    /// <summary>Deepest nesting of a body. Far above what may enter, so that what was stored can always be read.</summary>
    private const int MaxDepth = 1000;

    /// <summary>Kinds that have a form; every one of the closed set.</summary>
    public static IReadOnlyCollection<EntryKind> Kinds => Forms.ByKind.Keys;

    /// <summary>The kind of a body.</summary>
    public static EntryKind KindOf(EntryBody body) => Forms.ByType[body.GetType()];

    /// <summary>A body as UTF-8 JSON.</summary>
    public static byte[] Serialize(EntryBody body) => JsonSerializer.SerializeToUtf8Bytes(body, Forms.ByKind[KindOf(body)]);

    /// <summary>Writes a body, to the same bytes.</summary>
    internal static void Serialize(Utf8JsonWriter json, EntryBody body) => JsonSerializer.Serialize(json, body, Forms.ByKind[KindOf(body)]);

    /// <summary>The body of a kind; null when this version does not know the kind.</summary>
    /// <exception cref="JsonException">The JSON is not of a form that this version knows.</exception>
    public static EntryBody? Deserialize(EntryKind kind, ReadOnlySpan<byte> json) =>
        Forms.ByKind.TryGetValue(kind, out var form) ? (EntryBody?)JsonSerializer.Deserialize(json, form) : null;

    /// <summary>Apart, so that it is made after the generated half of the class, whose fields it reads.</summary>
    private static class Forms
    {
        public static readonly FrozenDictionary<EntryKind, JsonTypeInfo> ByKind = new Dictionary<EntryKind, JsonTypeInfo>
        {
            [EntryKind.InvocationStarted] = Default.InvocationStarted,
            [EntryKind.HistoryRepaired] = Default.HistoryRepaired,
            [EntryKind.ContextReduced] = Default.ContextReduced,
            [EntryKind.ModelIntent] = Default.ModelIntent,
            [EntryKind.ModelOutcome] = Default.ModelOutcome,
            [EntryKind.ToolIntent] = Default.ToolIntent,
            [EntryKind.ToolOutcome] = Default.ToolOutcome,
            [EntryKind.InvocationPaused] = Default.InvocationPaused,
            [EntryKind.InvocationEnded] = Default.InvocationEnded,
            [EntryKind.SandboxStarted] = Default.SandboxStarted,
            [EntryKind.SandboxEnded] = Default.SandboxEnded,
            [EntryKind.CommandIntent] = Default.CommandIntent,
            [EntryKind.CommandOutcome] = Default.CommandOutcome,
            [EntryKind.ModelVoided] = Default.ModelVoided,
            [EntryKind.Steered] = Default.Steered,
            [EntryKind.SessionForked] = Default.SessionForked,
            [EntryKind.WorkspaceSaved] = Default.WorkspaceSaved,
            [EntryKind.ModelSwitched] = Default.ModelSwitched,
        }.ToFrozenDictionary();

        public static readonly FrozenDictionary<Type, EntryKind> ByType =
            ByKind.ToFrozenDictionary(pair => pair.Value.Type, pair => pair.Key);
    }
}

/// <summary>Text that may hold half a surrogate pair, which UTF-8 cannot carry: each half becomes U+FFFD.</summary>
internal sealed class WellFormedTextConverter : JsonConverter<string>
{
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetString();

    public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetString()!; // A property name is never null.

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
        writer.WriteStringValue(WellFormed(value));

    public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
        writer.WritePropertyName(WellFormed(value));

    public static string WellFormed(string value)
    {
        var first = value.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF');
        return first < 0 ? value : string.Create(value.Length, (value, first), static (text, source) =>
        {
            source.value.CopyTo(text);
            for (var i = source.first; i < text.Length; i++)
            {
                if (!char.IsSurrogate(text[i]))
                {
                    continue;
                }

                if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]))
                {
                    i++;
                }
                else
                {
                    text[i] = '\uFFFD';
                }
            }
        });
    }
}

/// <summary>JSON values as the bytes that they came in: number forms, escapes and repeated members survive.</summary>
internal sealed class ExactJsonConverter : JsonConverter<JsonElement>
{
    public override JsonElement Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        JsonElement.ParseValue(ref reader);

    public override void Write(Utf8JsonWriter writer, JsonElement value, JsonSerializerOptions options)
    {
        if (value.ValueKind == JsonValueKind.Undefined)
        {
            writer.WriteNullValue();
            return;
        }

        // Validation would refuse half a surrogate pair in an escape; the text was validated as JSON when it was parsed.
        writer.WriteRawValue(JsonMarshal.GetRawUtf8Value(value), skipInputValidation: true);
    }
}

/// <summary>Delta boundaries as one flat array, block and length in turn: a long answer has thousands of them.</summary>
internal sealed class DeltaSpansConverter : JsonConverter<IReadOnlyList<DeltaSpan>>
{
    public override IReadOnlyList<DeltaSpan> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new JsonException("Delta boundaries must be an array.");
        }

        var spans = new List<DeltaSpan>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var block = reader.GetInt32();
            if (!reader.Read() || reader.TokenType != JsonTokenType.Number)
            {
                throw new JsonException("Delta boundaries must come in pairs.");
            }

            spans.Add(new DeltaSpan(block, reader.GetInt32()));
        }

        return spans;
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<DeltaSpan> value, JsonSerializerOptions options)
    {
        writer.WriteStartArray();
        foreach (var (block, length) in value)
        {
            writer.WriteNumberValue(block);
            writer.WriteNumberValue(length);
        }

        writer.WriteEndArray();
    }
}
