using System.Text.Json;
using System.Text.RegularExpressions;
using Belay.Agents;
using Belay.Models;

namespace Belay.Testing.Providers;

/// <summary>Reads a chat-completions request as strictly as the strictest of those who speak them.</summary>
internal static partial class ChatCompletionsReader
{
    private static readonly JsonElement None = JsonElement.Parse("[]");

    /// <summary>Reads a body; what is wrong goes to the rules.</summary>
    /// <param name="body">The body.</param>
    /// <param name="mistral">Whether Mistral reads it, which knows fewer members and has a form of its own for ids.</param>
    /// <param name="rules">What is wrong goes here.</param>
    public static ModelRequest Read(JsonElement body, bool mistral, RequestRules rules)
    {
        rules.Require(!mistral || !body.TryGetProperty("stream_options", out _), "stream_options is unknown here");
        rules.Only(body, "request", "model", "messages", "tools", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed");
        rules.Text(body.GetProperty("model"), "model");
        rules.Require(body.GetProperty("stream").GetBoolean(), "stream is not asked for");
        var limit = body.TryGetProperty("max_tokens", out var tokens) || body.TryGetProperty("max_completion_tokens", out tokens) ? tokens.GetInt32() : (int?)null;
        var system = new List<string>();
        var conversation = new ReceivedConversation(rules);
        var results = new List<Block.ToolResult>();
        var messages = body.GetProperty("messages").EnumerateArray().ToList();
        for (var i = 0; i < messages.Count; i++)
        {
            var message = messages[i];
            var role = message.GetProperty("role").GetString();
            if (results.Count > 0 && role is not ("tool" or "user"))
            {
                conversation.User(results, []);
                results = [];
            }

            switch (role)
            {
                case "system":
                    rules.Require(i == 0, "a system message is not the first");
                    rules.Only(message, "system message", "role", "content");
                    system.Add(rules.Text(message.GetProperty("content"), "a system message"));
                    break;
                case "user":
                    rules.Only(message, "user message", "role", "content");
                    rules.Require(!mistral || results.Count == 0, "a person speaks right after a tool");
                    conversation.User(results, [new Block.Text(UserText(message.GetProperty("content"), rules))]);
                    results = [];
                    break;
                case "assistant":
                    conversation.Assistant(Assistant(message, mistral ? ShortId() : Id(), rules));
                    break;
                case "tool":
                    rules.Only(message, "tool message", "role", "content", "tool_call_id");
                    results.Add(RequestRules.Result(message.GetProperty("tool_call_id").GetString()!, rules.Text(message.GetProperty("content"), "a tool message")));
                    break;
                default:
                    rules.Require(holds: false, $"{role} is no role");
                    break;
            }
        }

        if (results.Count > 0)
        {
            conversation.User(results, []);
        }

        return new ModelRequest { System = system, Messages = conversation.End(), Tools = [.. Tools(body, rules)], Parameters = new ModelParameters(limit, null, null, null, null) };
    }

    private static List<Block> Assistant(JsonElement message, Regex id, RequestRules rules)
    {
        rules.Only(message, "assistant message", "role", "content", "tool_calls");
        var blocks = new List<Block>();
        if (message.GetProperty("content") is { ValueKind: not JsonValueKind.Null } content)
        {
            blocks.Add(new Block.Text(rules.Text(content, "an assistant message")));
        }

        rules.Require(!message.TryGetProperty("tool_calls", out var calls) || calls.GetArrayLength() > 0, "a list of calls is empty");
        foreach (var call in Array(message, "tool_calls"))
        {
            rules.Only(call, "call", "id", "type", "function", "extra_content");
            if (call.TryGetProperty("extra_content", out var extra))
            {
                rules.Signed(extra.GetRawText(), "this call");
            }

            rules.Require(call.GetProperty("type").GetString() == "function", "a call is of no known type");
            var function = call.GetProperty("function");
            rules.Only(function, "function", "name", "arguments");
            blocks.Add(rules.Call(call.GetProperty("id"), function.GetProperty("name"), JsonElement.Parse(function.GetProperty("arguments").GetString()!), id, RequestRules.Plain));
        }

        return blocks;
    }

    private static string UserText(JsonElement content, RequestRules rules)
    {
        if (content.ValueKind is JsonValueKind.String)
        {
            return rules.Text(content, "a user message");
        }

        rules.Require(content.GetArrayLength() > 0, "a user message is empty");
        return string.Concat(content.EnumerateArray().Select(part => part.GetProperty("type").GetString() == "text"
            ? rules.Text(part.GetProperty("text"), "a part of a user message")
            : rules.Image(part.GetProperty("image_url").GetProperty("url").GetString()).Value));
    }

    private static IEnumerable<Belay.Tools.ToolSpec> Tools(JsonElement body, RequestRules rules)
    {
        foreach (var tool in Array(body, "tools"))
        {
            rules.Require(tool.GetProperty("type").GetString() == "function", "a tool is of no known type");
            var function = tool.GetProperty("function");
            rules.Only(function, "function", "name", "description", "parameters");
            yield return OpenAiTool(function, rules);
        }
    }

    /// <summary>A function as both of OpenAI's formats take it.</summary>
    public static Belay.Tools.ToolSpec OpenAiTool(JsonElement function, RequestRules rules)
    {
        var schema = function.GetProperty("parameters");
        rules.Require(schema.TryGetProperty("properties", out var properties) && properties.ValueKind is JsonValueKind.Object, $"the schema of {function.GetProperty("name")} has no properties");
        return rules.Tool(function.GetProperty("name"), function.GetProperty("description").GetString(), schema, RequestRules.Plain, "oneOf", "anyOf", "allOf", "enum", "not");
    }

    private static JsonElement.ArrayEnumerator Array(JsonElement json, string name) => json.TryGetProperty(name, out var array) ? array.EnumerateArray() : None.EnumerateArray();

    [GeneratedRegex(@"^\S{1,40}\z")]
    private static partial Regex Id();

    [GeneratedRegex(@"^[a-zA-Z0-9]{9}\z")]
    private static partial Regex ShortId();
}
