using System.Diagnostics;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Names = Belay.Telemetry.TelemetryNames;

namespace Belay.Telemetry;

/// <summary>
/// What people, models and tools said, as span events. Only called where content may be captured. Each text and the number of messages is
/// bounded; images and the provider's own state are never included.
/// </summary>
internal static class ContentEvents
{
    /// <summary>Longest text of one event in UTF-8.</summary>
    public const int MaxBytes = 16 * 1024;

    // The newest are what a reader of a trace looks for; the oldest are in the spans before.
    private const int MaxMessages = 32;

    /// <summary>What the model was shown, in the older conventions: one event for each message.</summary>
    public static void AddInput(Activity span, ModelRequest request)
    {
        foreach (var text in request.System)
        {
            Add(span, Names.Events.System, (Names.Events.Content, text));
        }

        foreach (var message in request.Messages.TakeLast(MaxMessages))
        {
            var name = message.Role == HarnessConversationRole.Assistant ? Names.Events.Assistant
                : message.Blocks.Any(block => block is Block.ToolResult) ? Names.Events.Tool
                : Names.Events.User;
            Add(span, name, (Names.Events.Content, Blocks(message.Blocks)));
        }
    }

    /// <summary>What the model said, in the older conventions.</summary>
    public static void AddChoice(Activity span, string message, string? finishReason) =>
        Add(span, Names.Events.Choice, (Names.Events.Message, message), (Names.Events.FinishReason, finishReason ?? ""));

    /// <summary>Both, in the newest conventions.</summary>
    public static void AddDetails(Activity span, ModelRequest request, string message, string? finishReason)
    {
        var input = Json(writer =>
        {
            writer.WriteStartArray();
            foreach (var one in request.Messages.TakeLast(MaxMessages))
            {
                writer.WriteStartObject();
                writer.WriteString("role", one.Role == HarnessConversationRole.Assistant ? "assistant" : "user");
                writer.WriteString("content", Cut(Blocks(one.Blocks), MaxBytes / 4));
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        });
        var output = Json(writer =>
        {
            writer.WriteStartArray();
            writer.WriteStartObject();
            writer.WriteString("role", "assistant");
            writer.WriteString("content", Cut(message, MaxBytes / 2));
            writer.WriteString("finish_reason", finishReason);
            writer.WriteEndObject();
            writer.WriteEndArray();
        });
        Add(span, Names.Events.Details, (Names.Events.InputMessages, input), (Names.Events.OutputMessages, output), (Names.Events.Instructions, string.Join('\n', request.System)));
    }

    /// <summary>A tool's arguments, in the older conventions.</summary>
    public static void AddArguments(Activity span, string id, JsonElement input) =>
        Add(span, Names.Events.Tool, ("id", id), (Names.Events.Content, input.GetRawText()));

    /// <summary>A tool's result, in the older conventions.</summary>
    public static void AddResult(Activity span, string id, IEnumerable<ToolContent> result) =>
        Add(span, Names.Events.Choice, ("id", id), (Names.Events.Message, Contents(result)));

    /// <summary>A text, cut to what one attribute may have.</summary>
    public static string Cut(string text, int maxBytes = MaxBytes) => Utf8Pieces.CutMiddle(text, maxBytes);

    /// <summary>A tool's result as text.</summary>
    public static string Contents(IEnumerable<ToolContent> contents) => string.Join('\n', contents.Select(Text));

    private static void Add(Activity span, string name, params ReadOnlySpan<(string Name, string Value)> attributes)
    {
        var tags = new ActivityTagsCollection();
        foreach (var (key, value) in attributes)
        {
            tags.Add(key, Cut(value));
        }

        span.AddEvent(new ActivityEvent(name, tags: tags));
    }

    private static string Blocks(IEnumerable<Block> blocks) => string.Join('\n', blocks.Select(block => block switch
    {
        Block.Text text => text.Value,
        Block.Reasoning reasoning => reasoning.Value,
        Block.ToolUse use => $"{use.Name}({use.RawInput ?? use.Input.GetRawText()})",
        Block.ToolResult result => Contents(result.Content),
        Block.Image image => $"[{image.MediaType}]",
        Block.Citation citation => $"[{citation.Source}]",
        Block.RedactedReasoning => "[redacted]",
        _ => throw new UnreachableException(),
    }));

    private static string Text(ToolContent content) => content switch
    {
        ToolContent.Text text => text.Value,
        ToolContent.Json json => json.Value.GetRawText(),
        ToolContent.Image image => $"[{image.MediaType}]",
        _ => throw new UnreachableException(),
    };

    private static string Json(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            write(writer);
        }

        return System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }
}
