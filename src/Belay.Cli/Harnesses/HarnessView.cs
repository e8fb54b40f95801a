using System.Text.Json;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Harnesses;

/// <summary>Shows one harness, in the order in which a reader asks.</summary>
internal static class HarnessView
{
    private const int ValueLength = 200;

    /// <summary>Writes what identifies the harness and what it runs.</summary>
    public static void Write(TextWriter writer, JsonElement harness)
    {
        Line(writer, "name", harness.Text("harnessName"));
        Line(writer, "id", harness.Text("harnessId"));
        Line(writer, "ARN", harness.Text("arn"));
        Line(writer, "version", harness.Text("harnessVersion"));
        Line(writer, "status", harness.Text("status"));
        Line(writer, "failure", harness.Text("failureReason"));
        Line(writer, "model", Model(harness));
    }

    /// <summary>Writes the rest of its configuration, with what GetHarnessSettings answered where the server has it.</summary>
    public static void WriteDetails(TextWriter writer, JsonElement harness, JsonElement? settings)
    {
        Line(writer, "prompt", string.Join(' ', harness.Items("systemPrompt").Select(block => block.Text("text"))));
        Line(writer, "tools", string.Join(", ", harness.Items("tools").Select(Tool)));
        Line(writer, "allowed", string.Join(", ", harness.Items("allowedTools").Select(pattern => pattern.GetString())));
        Line(writer, "skills", Json(harness, "skills", "[]"));
        Line(writer, "memory", Json(harness, "memory", null));
        Line(writer, "truncation", Json(harness, "truncation", null));
        Line(writer, "limits", Limits(harness));
        Line(writer, "environment", Environment(harness));
        Line(writer, "image", harness.Member("environmentArtifact")?.Member("containerConfiguration")?.Text("containerUri"));

        // Values may be secrets that someone put there all the same.
        Line(writer, "variables", harness.Member("environmentVariables") is { ValueKind: JsonValueKind.Object } map ? string.Join(", ", map.EnumerateObject().Select(variable => variable.Name)) : null);
        Line(writer, "settings", Settings(settings));
        Line(writer, "authorizer", Json(harness, "authorizerConfiguration", null));
        Line(writer, "role", harness.Text("executionRoleArn"));
        Line(writer, "created", harness.Text("createdAt"));
        Line(writer, "updated", harness.Text("updatedAt"));
    }

    /// <summary>The model's id, with a word about those that need one.</summary>
    public static string? Model(JsonElement harness)
    {
        if (harness.Member("model") is not { ValueKind: JsonValueKind.Object } model || model.EnumerateObject().FirstOrDefault() is not { Value.ValueKind: JsonValueKind.Object } chosen)
        {
            return null;
        }

        var id = chosen.Value.Text("modelId");
        return id switch
        {
            "belay/scripted" => $"{id} (built in: deterministic, no key, not a language model)",
            _ when chosen.Name == "bedrockModelConfig" => $"{id} (Amazon Bedrock)",
            _ => id,
        };
    }

    private static string? Tool(JsonElement tool) => tool.Text("name") is { } name ? $"{name} ({tool.Text("type")})" : tool.Text("type");

    // The document wins over tags of the same name.
    private static string Settings(JsonElement? settings)
    {
        var document = Members("document").ToList();
        var tags = Members("tags").Where(tag => document.TrueForAll(setting => setting.Name != tag.Name));
        return string.Join(", ", document.Select(Setting).Concat(tags.Select(tag => $"{Setting(tag)} (tag)")));

        IEnumerable<JsonProperty> Members(string name) =>
            settings?.Member(name) is { ValueKind: JsonValueKind.Object } map ? map.EnumerateObject() : Enumerable.Empty<JsonProperty>();

        static string Setting(JsonProperty setting) =>
            $"{setting.Name} {(setting.Value.ValueKind == JsonValueKind.Array ? string.Join(' ', setting.Value.EnumerateArray()) : setting.Value.ValueKind == JsonValueKind.String ? setting.Value.GetString() : setting.Value.GetRawText())}";
    }

    private static string Limits(JsonElement harness)
    {
        var limits = new List<string>();
        Add("maxIterations", "iterations");
        Add("maxTokens", "output tokens");
        Add("timeoutSeconds", "s");
        return string.Join(", ", limits);

        void Add(string member, string unit)
        {
            if (harness.Number(member) is { } value)
            {
                limits.Add($"{value} {unit}");
            }
        }
    }

    private static string? Environment(JsonElement harness)
    {
        if (harness.Member("environment")?.Member("agentCoreRuntimeEnvironment") is not { } runtime)
        {
            return null;
        }

        var parts = new List<string>();
        if (runtime.Member("networkConfiguration")?.Text("networkMode") is { } mode)
        {
            parts.Add(mode == "PUBLIC" ? "network PUBLIC (not built yet: sandboxes have no network)" : $"network {mode}");
        }

        if (runtime.Member("lifecycleConfiguration") is { } life)
        {
            parts.Add($"idle {life.Number("idleRuntimeSessionTimeout")} s, at most {life.Number("maxLifetime")} s");
        }

        parts.AddRange(runtime.Items("filesystemConfigurations").Select(mount => mount.GetRawText()));
        return string.Join("; ", parts);
    }

    private static string? Json(JsonElement harness, string member, string? empty) =>
        harness.Member(member)?.GetRawText() is { } text && text != empty ? text : null;

    private static void Line(TextWriter writer, string label, string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            writer.WriteLine($"{label,-12} {Terminal.OneLine(value, ValueLength)}");
        }
    }
}
