using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;

namespace Belay.Testing.Providers;

/// <summary>Reads a Messages request as Anthropic does.</summary>
internal static partial class MessagesReader
{
    private const int MostCachePoints = 4;

    // What stands for calls and results in a request that offers no tools, where neither may be.
    private const string ToldResult = "[the tool answered] ";

    /// <summary>Reads a body; what is wrong goes to the rules.</summary>
    public static ModelRequest Read(JsonElement body, RequestRules rules)
    {
        rules.Only(body, "request", "model", "messages", "system", "tools", "stream", "max_tokens", "temperature", "top_p", "top_k", "thinking", "stop_sequences");
        rules.Text(body.GetProperty("model"), "model");
        rules.Require(body.GetProperty("stream").GetBoolean(), "stream is not asked for");
        rules.Require(body.GetProperty("max_tokens").GetInt32() > 0, "max_tokens is not positive");
        rules.Require(body.GetRawText().Split("\"cache_control\"").Length - 1 <= MostCachePoints, "there are more than four cache points");
        var offered = body.TryGetProperty("tools", out var tools);
        var conversation = new ReceivedConversation(rules);
        foreach (var message in body.GetProperty("messages").EnumerateArray())
        {
            rules.Only(message, "message", "role", "content");
            var content = message.GetProperty("content").EnumerateArray().ToList();
            if (message.GetProperty("role").GetString() == "assistant")
            {
                conversation.Assistant([.. content.Select(block => Assistant(block, offered, rules))]);
                continue;
            }

            rules.Require(message.GetProperty("role").GetString() == "user", "a role is neither user nor assistant");
            var (results, said) = (new List<Block.ToolResult>(), new List<Block>());
            foreach (var block in content)
            {
                User(block, offered, results, said, rules);
            }

            conversation.User(results, said);
        }

        return new ModelRequest
        {
            System = body.TryGetProperty("system", out var system) ? [.. system.EnumerateArray().Select(block => rules.Text(block.GetProperty("text"), "a system block", blank: false))] : [],
            Messages = conversation.End(),
            Tools = offered ? [.. tools.EnumerateArray().Select(tool => Tool(tool, rules))] : [],
            Parameters = new ModelParameters(body.GetProperty("max_tokens").GetInt32(), null, null, null, null),
        };
    }

    private static Belay.Tools.ToolSpec Tool(JsonElement tool, RequestRules rules)
    {
        rules.Only(tool, "tool", "name", "description", "input_schema", "cache_control");
        var schema = tool.GetProperty("input_schema");
        rules.Require(
            !schema.TryGetProperty("properties", out var properties) || properties.EnumerateObject().All(property => PropertyName().IsMatch(property.Name)), "a property has a name that is none");
        return rules.Tool(
            tool.GetProperty("name"), tool.TryGetProperty("description", out var description) ? description.GetString() : null, schema, RequestRules.Plain, "oneOf", "anyOf", "allOf");
    }

    private static Block Assistant(JsonElement block, bool offered, RequestRules rules)
    {
        switch (block.GetProperty("type").GetString())
        {
            case "text":
                return new Block.Text(rules.Text(block.GetProperty("text"), "a text block", blank: false));
            case "thinking":
                return new Block.Reasoning(block.GetProperty("thinking").GetString()!, rules.Signed(block.GetProperty("signature").GetString(), "this thought"));
            case "redacted_thinking":
                return new Block.RedactedReasoning(Encoding.UTF8.GetBytes(rules.Signed(block.GetProperty("data").GetString(), "this thought")));
            case "tool_use":
                rules.Only(block, "tool_use", "type", "id", "name", "input", "cache_control");
                rules.Require(offered, "there are calls and no tools");
                return rules.Call(block.GetProperty("id"), block.GetProperty("name"), block.GetProperty("input"), RequestRules.Plain, RequestRules.Plain);
            default:
                rules.Require(holds: false, $"{block.GetProperty("type")} is no block of the model's");
                return new Block.Text(" ");
        }
    }

    private static void User(JsonElement block, bool offered, List<Block.ToolResult> results, List<Block> said, RequestRules rules)
    {
        switch (block.GetProperty("type").GetString())
        {
            case "text":
                var text = rules.Text(block.GetProperty("text"), "a text block", blank: false);
                said.Add(!offered && text.StartsWith(ToldResult, StringComparison.Ordinal) ? RequestRules.Result("", text[ToldResult.Length..]) : new Block.Text(text));
                break;
            case "tool_result":
                rules.Require(said.Count == 0, "a result stands behind other blocks");
                rules.Only(block, "tool_result", "type", "tool_use_id", "content", "is_error", "cache_control");
                var error = block.TryGetProperty("is_error", out var failed) && failed.GetBoolean();
                var content = block.GetProperty("content").EnumerateArray().Select(item => Content(item, error, rules)).ToList();
                rules.Require(content.Count > 0, "a result is empty");
                results.Add(new Block.ToolResult(block.GetProperty("tool_use_id").GetString()!, error ? HarnessToolUseStatus.Error : HarnessToolUseStatus.Success, content));
                break;
            case "image":
                said.Add(Image(block, rules));
                break;
            default:
                rules.Require(holds: false, $"{block.GetProperty("type")} is no block of a person's");
                break;
        }
    }

    private static ToolContent Content(JsonElement item, bool error, RequestRules rules)
    {
        if (item.GetProperty("type").GetString() == "text")
        {
            return RequestRules.Content(rules.Text(item.GetProperty("text"), "a result", blank: false));
        }

        rules.Require(!error, "an error is more than text");
        return new ToolContent.Text(Image(item, rules).Value);
    }

    private static Block.Text Image(JsonElement block, RequestRules rules)
    {
        var source = block.GetProperty("source");
        rules.Require(source.GetProperty("type").GetString() == "base64", "an image is of no known source");
        return rules.Image(source.GetProperty("media_type").GetString(), source.GetProperty("data").GetString(), "image/png", "image/jpeg", "image/gif", "image/webp");
    }

    [GeneratedRegex(@"^[a-zA-Z0-9_.-]{1,64}\z")]
    private static partial Regex PropertyName();
}
