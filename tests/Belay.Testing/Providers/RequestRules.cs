using System.Text.Json;
using System.Text.RegularExpressions;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Tools;

namespace Belay.Testing.Providers;

/// <summary>What a provider holds against a request. The readers of all formats write here, and know nothing of the code under test.</summary>
/// <param name="modelId">The model that is asked.</param>
/// <param name="signed">Whether that model takes a signature, or anything else that only its maker can read, for its own.</param>
internal sealed partial class RequestRules(string modelId, Func<string, bool> signed)
{
    private static readonly string[] Types = ["object", "array", "string", "integer", "number", "boolean", "null"];

    private readonly List<string> _problems = [];
    private readonly HashSet<string> _tools = new(StringComparer.Ordinal);

    /// <summary>Ids and names where a provider takes letters, digits, <c>_</c> and <c>-</c>.</summary>
    public static Regex Plain { get; } = PlainForm();

    /// <summary>The model that is asked.</summary>
    public string ModelId => modelId;

    /// <summary>Everything that is wrong so far.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>Notes what is wrong, unless it is not.</summary>
    public void Require(bool holds, string rule)
    {
        if (!holds)
        {
            _problems.Add(rule);
        }
    }

    /// <summary>Requires that an object has no members but these.</summary>
    public void Only(JsonElement json, string what, params ReadOnlySpan<string> members)
    {
        foreach (var member in json.EnumerateObject())
        {
            Require(members.Contains(member.Name), $"{what}.{member.Name} is unknown");
        }
    }

    /// <summary>A text that is not empty.</summary>
    public string Text(JsonElement json, string what, bool blank = true)
    {
        var text = json.GetString() ?? "";
        Require(blank ? text.Length > 0 : !string.IsNullOrWhiteSpace(text), $"{what} is empty");
        return text;
    }

    /// <summary>What only its maker can read, and that is the model that is asked.</summary>
    public string Signed(string? signature, string what)
    {
        Require(signature is { Length: > 0 } && signed(signature), $"{modelId} did not sign {what}: {signature}");
        return signature ?? "";
    }

    /// <summary>An image of one of the types that the provider takes.</summary>
    public Block.Text Image(string? type, string? base64, params ReadOnlySpan<string> types)
    {
        Require(type is not null && types.Contains(type), $"an image is of the type {type}");
        Require(base64 is { Length: > 0 } && Convert.TryFromBase64String(base64, new byte[base64.Length], out _), "an image is empty or no base64");
        return new Block.Text("[image]");
    }

    /// <summary>An image in a URL, as OpenAI's formats have it.</summary>
    public Block.Text Image(string? url)
    {
        var match = DataUrl().Match(url ?? "");
        return Image(match.Groups[1].Value, match.Groups[2].Value, "png", "jpeg", "gif", "webp");
    }

    /// <summary>A call; its id and name must be of a form.</summary>
    public Block.ToolUse Call(JsonElement id, JsonElement name, JsonElement input, Regex idForm, Regex nameForm)
    {
        Require(idForm.IsMatch(id.GetString()!), $"the id of a call is {id}, which is not {idForm}");
        Require(nameForm.IsMatch(name.GetString()!), $"the name of a call is {name}, which is not {nameForm}");
        Require(input.ValueKind is JsonValueKind.Object, $"the arguments of {id} are no object");
        return new Block.ToolUse(id.GetString()!, name.GetString()!, input.Clone(), HarnessToolUseType.ToolUse, Server: null);
    }

    /// <summary>A tool that is offered: a name that no other has, and a schema that is an object's, in JSON Schema's own words.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="description">What it does; null where that is left out.</param>
    /// <param name="schema">Its schema.</param>
    /// <param name="nameForm">Form of the name.</param>
    /// <param name="notAtRoot">Keywords that may not stand at the root.</param>
    public ToolSpec Tool(JsonElement name, string? description, JsonElement schema, Regex nameForm, params ReadOnlySpan<string> notAtRoot)
    {
        Require(nameForm.IsMatch(name.GetString()!), $"the name of a tool is {name}, which is not {nameForm}");
        Require(_tools.Add(name.GetString()!), $"{name} is the name of two tools");
        Require(schema.GetProperty("type").ValueEquals("object"), $"the schema of {name} is no object's");
        foreach (var keyword in notAtRoot)
        {
            Require(!schema.TryGetProperty(keyword, out _), $"the schema of {name} has {keyword} at its root");
        }

        Schema(schema, name.GetString()!);
        return new ToolSpec { Name = name.GetString()!, Description = description ?? "", InputSchema = schema.Clone(), Server = "", Kind = HarnessToolUseType.ToolUse };
    }

    /// <summary>A result that came as text, as formats without a place for JSON and errors write it.</summary>
    public static Block.ToolResult Result(string id, string text, bool error = false)
    {
        const string Marked = "[error] ";
        var failed = error || text.StartsWith(Marked, StringComparison.Ordinal);
        return new Block.ToolResult(
            id,
            failed ? HarnessToolUseStatus.Error : HarnessToolUseStatus.Success,
            [Content(text.StartsWith(Marked, StringComparison.Ordinal) ? text[Marked.Length..] : text)]);
    }

    /// <summary>What a tool answered, as JSON where it is an object.</summary>
    public static ToolContent Content(string text)
    {
        try
        {
            return text.StartsWith('{') ? new ToolContent.Json(JsonElement.Parse(text)) : new ToolContent.Text(text);
        }
        catch (JsonException)
        {
            return new ToolContent.Text(text);
        }
    }

    private void Schema(JsonElement schema, string at)
    {
        if (schema.ValueKind is not JsonValueKind.Object)
        {
            return;
        }

        if (schema.TryGetProperty("type", out var type))
        {
            var given = type.ValueKind is JsonValueKind.Array ? type.EnumerateArray().Select(word => word.ToString()).ToList() : [type.ToString()];
            Require(given.TrueForAll(Types.Contains), $"{at} has the type {type}");
            Require(!given.Contains("array") || schema.TryGetProperty("items", out _) || schema.TryGetProperty("prefixItems", out _), $"{at} is an array without items");
        }

        if (schema.TryGetProperty("properties", out var properties))
        {
            foreach (var property in properties.EnumerateObject())
            {
                Schema(property.Value, $"{at}.{property.Name}");
            }
        }

        if (schema.TryGetProperty("items", out var items))
        {
            Schema(items, $"{at}.items");
        }
    }

    [GeneratedRegex(@"^[a-zA-Z0-9_-]{1,64}\z")]
    private static partial Regex PlainForm();

    [GeneratedRegex(@"^data:image/([a-z]+);base64,(.*)\z")]
    private static partial Regex DataUrl();
}
