using System.Text.Json;
using Belay.Contracts;

namespace Belay.Tools;

/// <summary>Arguments of a tool call, as a model wrote them: anything until it is parsed.</summary>
public static class ToolArguments
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = BelayJson.MaxDepth };

    /// <summary>An object without members.</summary>
    public static JsonElement Empty { get; } = JsonElement.Parse("{}");

    /// <summary>The arguments when the text is a JSON object; null otherwise. No text at all is an object without members.</summary>
    public static JsonElement? Parse(string text)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return Empty;
        }

        try
        {
            using var document = JsonDocument.Parse(text, Options);
            return document.RootElement.ValueKind == JsonValueKind.Object && IsText(document.RootElement) ? document.RootElement.Clone() : null;
        }
        catch (Exception problem) when (problem is JsonException or ArgumentException)
        {
            // Half a surrogate pair is no JSON text at all, and is told in another way.
            return null;
        }
    }

    // Half a surrogate pair in an escape is JSON to a parser and breaks whoever reads or writes it as text, providers' requests included.
    private static bool IsText(JsonElement element)
    {
        try
        {
            return element.ValueKind switch
            {
                JsonValueKind.Object => element.EnumerateObject().All(member => member.Name is not null && IsText(member.Value)),
                JsonValueKind.Array => element.EnumerateArray().All(IsText),
                JsonValueKind.String => element.GetString() is not null,
                _ => true,
            };
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>What is wrong with text that <see cref="Parse"/> refuses, for the model to correct.</summary>
    public static string Problem(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text, Options);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? "must be text, but hold half a surrogate pair"
                : $"must be a JSON object, but are of kind {document.RootElement.ValueKind}";
        }
        catch (ArgumentException)
        {
            return "must be text, but hold half a surrogate pair";
        }
        catch (JsonException exception)
        {
            return $"are not valid JSON (line {exception.LineNumber + 1}, byte {exception.BytePositionInLine})";
        }
    }
}
