using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Belay.Cli.CommandLine;

/// <summary>JSON for programs: indented, one value, one line feed at the end.</summary>
internal static class JsonOutput
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes a value, readable.</summary>
    public static void Write(TextWriter writer, JsonNode value) => writer.WriteLine(value.ToJsonString(Indented));

    /// <summary>Writes a value on one line.</summary>
    public static void WriteLine(TextWriter writer, JsonNode value) => writer.WriteLine(value.ToJsonString(Compact));

    /// <summary>A copy of what the service answered.</summary>
    public static JsonNode Node(JsonElement value) => JsonNode.Parse(value.GetRawText())!;
}
