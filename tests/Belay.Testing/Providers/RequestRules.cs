using System.Text.Json;
using System.Text.RegularExpressions;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Tools;

namespace Belay.Testing.Providers;

/// <summary>What a provider holds against a request. The readers of all formats write here, and know nothing of the code under test.</summary>
internal sealed class RequestRules
{
    private readonly List<string> _problems = [];

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

    /// <summary>A call; its id and name must be of a form.</summary>
    public Block.ToolUse Call(JsonElement id, JsonElement name, JsonElement input, Regex idForm, Regex nameForm)
    {
        Require(idForm.IsMatch(id.GetString()!), $"the id of a call is {id}, which is not {idForm}");
        Require(nameForm.IsMatch(name.GetString()!), $"the name of a call is {name}, which is not {nameForm}");
        Require(input.ValueKind is JsonValueKind.Object, $"the arguments of {id} are no object");
        return new Block.ToolUse(id.GetString()!, name.GetString()!, input.Clone(), HarnessToolUseType.ToolUse, Server: null);
    }

    /// <summary>A tool that is offered.</summary>
    public ToolSpec Tool(JsonElement name, string? description, JsonElement schema, Regex nameForm)
    {
        Require(nameForm.IsMatch(name.GetString()!), $"the name of a tool is {name}, which is not {nameForm}");
        Require(schema.ValueKind is JsonValueKind.Object, $"the schema of {name} is no object");
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
}
