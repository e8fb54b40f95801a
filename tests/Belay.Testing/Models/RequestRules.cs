using System.Text.Json;
using System.Text.RegularExpressions;

namespace Belay.Testing.Models;

/// <summary>
/// Reads a request as its provider would, and says everything that the provider would refuse. Written from the published rules and from
/// nothing of the product: one subclass for each protocol. What it reads is handed back, so that a test can compare it with what was meant.
/// </summary>
public abstract partial class RequestRules
{
    private readonly List<string> _problems = [];

    /// <summary>What the provider would refuse.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>Tools that are declared: name and schema.</summary>
    public List<(string Name, JsonElement Schema)> Tools { get; } = [];

    /// <summary>Calls of tools in the conversation: id and name.</summary>
    public List<(string Id, string Name)> Calls { get; } = [];

    /// <summary>Everything readable that is said, results included, in order.</summary>
    public List<string> Texts { get; } = [];

    /// <summary>What is only good for whoever made it: signatures, redacted reasoning, readable reasoning.</summary>
    public List<string> Secrets { get; } = [];

    /// <summary>Whether a request that declares no tools may hold no calls.</summary>
    protected virtual bool CallsNeedTools => false;

    /// <summary>Reads a request's body.</summary>
    public void Read(ReadOnlyMemory<byte> body)
    {
        using var document = Parse(body.Span.ToArray());
        if (document is not null && Expect(document.RootElement.ValueKind is JsonValueKind.Object, "the body must be an object"))
        {
            var request = document.RootElement.Clone();
            AssertUnique(request, "body");
            Read(request);
        }
    }

    /// <summary>The messages as they stand in a body, for comparing requests.</summary>
    public abstract IReadOnlyList<JsonElement> Messages(JsonElement request);

    /// <summary>Reads a body that is an object.</summary>
    protected abstract void Read(JsonElement request);

    /// <summary>Notes a problem unless something holds.</summary>
    protected bool Expect(bool holds, string problem)
    {
        if (!holds)
        {
            _problems.Add(problem);
        }

        return holds;
    }

    /// <summary>A member that must be there and be of a kind.</summary>
    protected JsonElement Require(JsonElement parent, string name, JsonValueKind kind, string at)
    {
        if (parent.ValueKind is JsonValueKind.Object && parent.TryGetProperty(name, out var value) && value.ValueKind == kind)
        {
            return value;
        }

        Expect(false, $"{at}.{name} must be of kind {kind}");
        return JsonElement.Parse(kind switch { JsonValueKind.String => "\"\"", JsonValueKind.Array => "[]", _ => "{}" });
    }

    /// <summary>Nothing but these members.</summary>
    protected void Only(JsonElement value, string at, params string[] names)
    {
        foreach (var member in value.EnumerateObject())
        {
            Expect(names.Contains(member.Name), $"{at}.{member.Name} is not known");
        }
    }

    /// <summary>Text that says something; blank text is refused by those who say so.</summary>
    protected void Say(string text, string at, bool blankToo = false)
    {
        Expect(blankToo ? text.Length > 0 : !string.IsNullOrWhiteSpace(text), $"{at} must not be empty");
        Texts.Add(text);
    }

    /// <summary>A tool's declaration: its name, and a schema that is an object in JSON Schema's own words.</summary>
    protected void Declare(string name, JsonElement schema, string at)
    {
        Expect(ToolName().IsMatch(name), $"{at} has the name {name}");
        Expect(Tools.All(tool => tool.Name != name), $"{at} has a name that is taken");
        Expect(schema.ValueKind is JsonValueKind.Object && schema.TryGetProperty("type", out var type) && type.ValueKind is JsonValueKind.String && type.ValueEquals("object"), $"{at}: the schema must be of type object");
        ReadSchema(schema, at);
        Tools.Add((name, schema));
    }

    /// <summary>A call: an id of the provider's form, the name of a tool, arguments that are an object.</summary>
    protected void Call(string id, Regex form, string name, JsonElement arguments, string at)
    {
        Expect(form.IsMatch(id), $"{at} has the id {id}");
        Expect(ToolName().IsMatch(name), $"{at} has the name {name}");
        Expect(arguments.ValueKind is JsonValueKind.Object, $"{at}: arguments must be an object");
        Expect(Tools.Count > 0 || !CallsNeedTools, $"{at} holds a call although no tool is declared");
        Calls.Add((id, name));
    }

    /// <summary>Every call of one message has its answer in the next, in whatever order, and nothing else is answered.</summary>
    protected void Answer(IReadOnlyList<string> calls, IReadOnlyList<string> answers, string at)
    {
        Expect(calls.Distinct().Count() == calls.Count, $"{at}: two calls have one id");
        Expect(calls.Order(StringComparer.Ordinal).SequenceEqual(answers.Order(StringComparer.Ordinal)), $"{at}: the calls {string.Join(",", calls)} are answered by {string.Join(",", answers)}");
    }

    /// <summary>JSON inside a string.</summary>
    protected JsonElement Parse(string json, string at)
    {
        try
        {
            return JsonElement.Parse(json);
        }
        catch (JsonException)
        {
            Expect(false, $"{at} is no JSON");
            return JsonElement.Parse("{}");
        }
    }

    private JsonDocument? Parse(byte[] body)
    {
        try
        {
            // Strict: no byte that is no UTF-8 passes.
            _ = new System.Text.UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetCharCount(body);
            return JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 256 });
        }
        catch (Exception problem) when (problem is JsonException or ArgumentException)
        {
            Expect(false, $"the body is no JSON: {problem.Message}");
            return null;
        }
    }

    private void AssertUnique(JsonElement value, string at)
    {
        if (value.ValueKind is JsonValueKind.Object)
        {
            var names = new HashSet<string>(StringComparer.Ordinal);
            foreach (var member in value.EnumerateObject())
            {
                Expect(names.Add(member.Name), $"{at}.{member.Name} stands there twice");
                AssertUnique(member.Value, $"{at}.{member.Name}");
            }
        }
        else if (value.ValueKind is JsonValueKind.Array)
        {
            foreach (var item in value.EnumerateArray())
            {
                AssertUnique(item, at);
            }
        }
    }

    private void ReadSchema(JsonElement schema, string at)
    {
        if (schema.ValueKind is not JsonValueKind.Object)
        {
            return;
        }

        if (schema.TryGetProperty("type", out var type))
        {
            string[] words = ["object", "array", "string", "integer", "number", "boolean", "null"];
            var given = type.ValueKind is JsonValueKind.Array ? type.EnumerateArray().Select(word => word.ToString()).ToList() : [type.ToString()];
            Expect(given.All(words.Contains), $"{at}: the type {type} is none");
            Expect(!given.Contains("array") || schema.TryGetProperty("items", out _) || schema.TryGetProperty("prefixItems", out _), $"{at}: an array has no items");
        }

        if (schema.TryGetProperty("properties", out var properties))
        {
            foreach (var property in properties.EnumerateObject())
            {
                ReadSchema(property.Value, $"{at}.{property.Name}");
            }
        }

        if (schema.TryGetProperty("items", out var items))
        {
            ReadSchema(items, $"{at}.items");
        }
    }

    [GeneratedRegex(@"^[a-zA-Z0-9_-]{1,64}\z")]
    private static partial Regex ToolName();
}
