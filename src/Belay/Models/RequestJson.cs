using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;

namespace Belay.Models;

/// <summary>What the request mappings share.</summary>
internal static class RequestJson
{
    /// <summary>Stands for a tool's answer that is empty; providers refuse empty text.</summary>
    public const string Empty = "(no output)";

    /// <summary>How requests are written.</summary>
    public static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = false };

    /// <summary>Writes a body.</summary>
    public static ReadOnlyMemory<byte> Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            write(json);
        }

        return buffer.WrittenMemory;
    }

    /// <summary>Writes the members of the caller's parameters that we do not write ourselves.</summary>
    public static void WriteAdditional(Utf8JsonWriter json, JsonElement? additional, IReadOnlySet<string> ours)
    {
        if (additional is not { ValueKind: JsonValueKind.Object } members)
        {
            return;
        }

        foreach (var member in members.EnumerateObject())
        {
            if (!ours.Contains(member.Name))
            {
                member.WriteTo(json);
            }
        }
    }

    /// <summary>Writes a parameter that is set, and adds its name to those that we write ourselves.</summary>
    public static void WriteNumber(Utf8JsonWriter json, HashSet<string> ours, string name, double? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, (decimal)number);
            ours.Add(name);
        }
    }

    /// <summary>Arguments as every provider wants them: an object.</summary>
    public static void WriteArguments(Utf8JsonWriter json, JsonElement input)
    {
        if (input.ValueKind is JsonValueKind.Object)
        {
            input.WriteTo(json);
            return;
        }

        json.WriteStartObject();
        json.WriteEndObject();
    }

    /// <summary>Stands for an image where the provider takes none.</summary>
    public static string Placeholder(string mediaType, byte[] bytes) => $"[image: {mediaType}, {bytes.Length} bytes]";

    /// <summary>A tool's answer as one text, errors marked, images as placeholders.</summary>
    /// <param name="result">The answer.</param>
    /// <param name="shown">Which images are shown in the next message; null for none.</param>
    public static string Flatten(Block.ToolResult result, Func<ToolContent.Image, bool>? shown = null)
    {
        var text = result.Content is [ToolContent.Text only] ? only.Value : string.Join('\n', Parts(result, shown));
        text = text.Length == 0 ? Empty : text;
        return result.Status is HarnessToolUseStatus.Error ? "[error] " + text : text;
    }

    private static IEnumerable<string> Parts(Block.ToolResult result, Func<ToolContent.Image, bool>? shown) => result.Content
        .Select(content => content switch
        {
            ToolContent.Text text => text.Value,
            ToolContent.Json value => value.Value.GetRawText(),
            ToolContent.Image image => shown?.Invoke(image) is true ? "[image: see the next message]" : Placeholder(image.MediaType, image.Bytes),
            _ => throw new System.Diagnostics.UnreachableException(),
        })
        .Where(text => text.Length > 0);
}
