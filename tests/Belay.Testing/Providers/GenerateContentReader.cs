using System.Text.Json;
using System.Text.RegularExpressions;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;

namespace Belay.Testing.Providers;

/// <summary>Reads a request to generate content as Gemini does.</summary>
internal static partial class GenerateContentReader
{
    // Takes the place of a signature in a history that comes from elsewhere; the provider documents it.
    private const string Unsigned = "skip_thought_signature_validator";

    private static readonly string[] ImageTypes = ["image/png", "image/jpeg", "image/webp"];
    private static readonly string[] Data = ["text", "functionCall", "functionResponse", "inlineData"];

    /// <summary>Reads a body; what is wrong goes to the rules.</summary>
    public static ModelRequest Read(JsonElement body, RequestRules rules)
    {
        rules.Only(body, "request", "contents", "systemInstruction", "tools", "generationConfig", "safetySettings");
        var conversation = new ReceivedConversation(rules);
        var called = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var content in body.GetProperty("contents").EnumerateArray())
        {
            rules.Only(content, "content", "role", "parts");
            var parts = content.GetProperty("parts").EnumerateArray().ToList();
            rules.Require(parts.TrueForAll(part => part.EnumerateObject().Count(member => Data.Contains(member.Name)) == 1), "a part has not exactly one kind of data");
            if (content.GetProperty("role").GetString() == "model")
            {
                conversation.Assistant(Assistant(parts, called, rules));
                continue;
            }

            rules.Require(content.GetProperty("role").GetString() == "user", "a role is neither user nor model");
            conversation.User(
                [.. parts.Where(part => part.TryGetProperty("functionResponse", out _)).Select(part => Result(part.GetProperty("functionResponse"), called, rules))],
                [.. parts.Where(part => !part.TryGetProperty("functionResponse", out _)).Select(part => User(part, rules))]);
        }

        var limit = body.TryGetProperty("generationConfig", out var config) && config.TryGetProperty("maxOutputTokens", out var tokens) ? tokens.GetInt32() : (int?)null;
        return new ModelRequest
        {
            System = body.TryGetProperty("systemInstruction", out var system) ? [.. system.GetProperty("parts").EnumerateArray().Select(part => rules.Text(part.GetProperty("text"), "an instruction"))] : [],
            Messages = conversation.End(),
            Tools = body.TryGetProperty("tools", out var tools) ? [.. tools.EnumerateArray().SelectMany(tool => tool.GetProperty("functionDeclarations").EnumerateArray()).Select(tool => Tool(tool, rules))] : [],
            Parameters = new ModelParameters(limit, null, null, null, null),
        };
    }

    private static Belay.Tools.ToolSpec Tool(JsonElement tool, RequestRules rules)
    {
        rules.Only(tool, "function declaration", "name", "description", "parametersJsonSchema");
        return rules.Tool(tool.GetProperty("name"), rules.Text(tool.GetProperty("description"), "a description"), tool.GetProperty("parametersJsonSchema"), Name(), "$schema");
    }

    private static List<Block> Assistant(List<JsonElement> parts, Dictionary<string, string> called, RequestRules rules)
    {
        var blocks = new List<Block>();
        var calls = 0;
        foreach (var part in parts)
        {
            rules.Only(part, "part", "text", "functionCall", "inlineData", "thought", "thoughtSignature");
            var signature = part.TryGetProperty("thoughtSignature", out var signed) ? signed.GetString() : null;
            if (signature is not (null or Unsigned))
            {
                rules.Signed(signature, "this part");
            }

            if (part.TryGetProperty("functionCall", out var call))
            {
                rules.Only(call, "functionCall", "id", "name", "args");
                rules.Require(calls++ > 0 || signature is not null || IsOlder(rules), "the first call of a content is not signed");
                var use = rules.Call(call.GetProperty("id"), call.GetProperty("name"), call.GetProperty("args"), RequestRules.Plain, Name());
                called[use.Id] = use.Name;
                blocks.Add(use);
            }
            else if (part.TryGetProperty("text", out var text))
            {
                var thought = part.TryGetProperty("thought", out var thinks) && thinks.GetBoolean();
                rules.Require(!thought || signature is not null, "a thought is not signed");
                blocks.Add(thought ? new Block.Reasoning(text.GetString()!, signature) : new Block.Text(signature is null ? rules.Text(text, "a text") : text.GetString()!));
            }
            else
            {
                blocks.Add(Image(part, rules));
            }
        }

        return blocks;
    }

    private static Block.Text User(JsonElement part, RequestRules rules)
    {
        rules.Only(part, "part", "text", "inlineData");
        return part.TryGetProperty("text", out var text) ? new Block.Text(rules.Text(text, "a text")) : Image(part, rules);
    }

    private static Block.Text Image(JsonElement part, RequestRules rules)
    {
        var data = part.GetProperty("inlineData");
        return rules.Image(data.GetProperty("mimeType").GetString(), data.GetProperty("data").GetString(), ImageTypes);
    }

    // Older models sign nothing, and look at no images in a function's answer.
    private static bool IsOlder(RequestRules rules) => rules.ModelId.StartsWith("gemini-2.", StringComparison.Ordinal);

    private static Block.ToolResult Result(JsonElement answer, Dictionary<string, string> called, RequestRules rules)
    {
        rules.Only(answer, "functionResponse", "id", "name", "response", "parts");
        var id = answer.GetProperty("id").GetString()!;
        rules.Require(called.TryGetValue(id, out var name) && name == answer.GetProperty("name").GetString(), $"the answer to {id} has not the name of its call");
        if (answer.TryGetProperty("parts", out var parts))
        {
            rules.Require(!IsOlder(rules), $"{rules.ModelId} takes no parts of an answer");
            rules.Require(parts.EnumerateArray().Select(part => Image(part, rules)).ToList().Count > 0, "parts of an answer are empty");
        }

        var response = answer.GetProperty("response");
        rules.Only(response, "response", "output", "error");
        var failed = response.TryGetProperty("error", out var error);
        var output = failed ? error : response.GetProperty("output");
        return output.ValueKind is JsonValueKind.String
            ? RequestRules.Result(id, output.GetString()!, failed)
            : new Block.ToolResult(id, failed ? HarnessToolUseStatus.Error : HarnessToolUseStatus.Success, [new ToolContent.Json(output.Clone())]);
    }

    [GeneratedRegex(@"^[a-zA-Z_][a-zA-Z0-9_-]{0,63}\z")]
    private static partial Regex Name();
}
