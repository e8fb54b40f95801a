using System.Diagnostics;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Contracts.Harnesses;
using DiffPlex;
using DiffPlex.DiffBuilder;
using DiffPlex.DiffBuilder.Model;

namespace Belay.Cli.Projects;

/// <summary>Shows what a deployment changes: for each member its path, the old value with a minus and the new one with a plus.</summary>
internal sealed class DeploymentView(Terminal terminal)
{
    private const int Context = 3;

    // The comparison takes time that grows with lines times differences.
    private const int MostLines = 2000;

    // A member that is there or not; a project that does not speak of memory has it.
    private const string NoMemory = "memory.disabled";
    private const string NoMemoryInWords = "none: the agent remembers nothing beyond its session";

    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes a plan.</summary>
    public void Write(DeploymentPlan plan)
    {
        var name = plan.Project.Name;
        Line(plan switch
        {
            { Action: DeploymentAction.Create } => $"Create harness {name}, from {plan.Project.File}:",
            { Action: DeploymentAction.Update, Deployed: { } deployed } => $"Update harness {name} ({deployed.HarnessId}, version {deployed.HarnessVersion}), from {plan.Project.File}:",
            { Action: DeploymentAction.None, Deployed: { } deployed } => $"No change: harness {name} ({deployed.HarnessId}, version {deployed.HarnessVersion}) is as {plan.Project.File} says.",
            _ => throw new UnreachableException(),
        });
        foreach (var kept in plan.Kept)
        {
            var value = kept == "model" ? JsonSerializer.Serialize(plan.Deployed!.Model, Contracts.BelayJson.Default.HarnessModelConfiguration) : $"{plan.Deployed!.MaxTokens}";
            terminal.Error.WriteLine(terminal.Dim($"{kept} is not in the project, and no update can clear it; it stays {Terminal.OneLine(kept == "model" ? ModelId(plan.Deployed.Model) ?? value : value, 100)}."));
        }

        foreach (var change in plan.Changes)
        {
            Line($"@@ {(change.Path == NoMemory ? "memory" : change.Path)} @@");
            if (change.Path == NoMemory)
            {
                WriteValues(change.Old is null ? null : NoMemoryInWords, change.New is null ? null : NoMemoryInWords);
            }
            else if (change.Sensitive)
            {
                Line($"(sensitive, {change.Verb})");
            }
            else
            {
                WriteValues(Text(change.Old), Text(change.New));
            }
        }
    }

    private static string? ModelId(HarnessModelConfiguration model) =>
        model.BedrockModelConfig?.ModelId ?? model.OpenAiModelConfig?.ModelId ?? model.GeminiModelConfig?.ModelId ?? model.LiteLlmModelConfig?.ModelId;

    private void WriteValues(string? old, string? changed)
    {
        if (old is null || changed is null || Math.Max(LineCount(old), LineCount(changed)) is 1 or > MostLines)
        {
            WriteAll('-', old);
            WriteAll('+', changed);
            return;
        }

        var lines = new InlineDiffBuilder(new Differ()).BuildDiffModel(old, changed).Lines;
        var near = new bool[lines.Count];
        for (var i = 0; i < lines.Count; i++)
        {
            if (lines[i].Type != ChangeType.Unchanged)
            {
                near.AsSpan(Math.Max(0, i - Context)..Math.Min(lines.Count, i + Context + 1)).Fill(true);
            }
        }

        for (var i = 0; i < lines.Count; i++)
        {
            if (near[i])
            {
                Line($"{lines[i].Type switch { ChangeType.Deleted => '-', ChangeType.Inserted => '+', _ => ' ' }}{lines[i].Text}");
            }
            else if (i == 0 || near[i - 1])
            {
                Line(" …");
            }
        }
    }

    private void WriteAll(char sign, string? text)
    {
        foreach (var line in text?.Split('\n') ?? [])
        {
            Line(sign + line);
        }
    }

    private static int LineCount(string text) => text.AsSpan().Count('\n') + 1;

    private static string? Text(JsonNode? value) => value switch
    {
        null => null,
        JsonValue text when text.GetValueKind() == JsonValueKind.String => (string)text!,
        JsonObject { Count: 0 } => "(empty)",
        _ => value.ToJsonString(Readable),
    };

    private void Line(string text) => terminal.Output.WriteLine(Terminal.Printable(text, terminal.OutputIsTerminal));
}
