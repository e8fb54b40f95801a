using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;

namespace Belay.Testing.Providers;

/// <summary>Reads a ConverseStream request as Bedrock does.</summary>
internal static class ConverseReader
{
    private const string ToldResult = "[the tool answered] ";
    private const string MarkedError = "[error]";

    /// <summary>Reads a body; what is wrong goes to the rules.</summary>
    public static ModelRequest Read(JsonElement body, RequestRules rules)
    {
        rules.Only(body, "request", "messages", "system", "toolConfig", "inferenceConfig", "additionalModelRequestFields", "guardrailConfig");
        var offered = body.TryGetProperty("toolConfig", out var config);
        var conversation = new ReceivedConversation(rules);
        foreach (var message in body.GetProperty("messages").EnumerateArray())
        {
            rules.Only(message, "message", "role", "content");
            var content = message.GetProperty("content").EnumerateArray().ToList();
            rules.Require(content.TrueForAll(block => block.EnumerateObject().Count() == 1), "a block has not exactly one member");
            content.RemoveAll(block => block.TryGetProperty("cachePoint", out _));
            if (message.GetProperty("role").GetString() == "assistant")
            {
                conversation.Assistant([.. content.Select(block => Assistant(block, offered, rules))]);
                continue;
            }

            rules.Require(message.GetProperty("role").GetString() == "user", "a role is neither user nor assistant");
            conversation.User(
                [.. content.Where(block => block.TryGetProperty("toolResult", out _)).Select(block => Result(block.GetProperty("toolResult"), offered, rules))],
                [.. content.Where(block => !block.TryGetProperty("toolResult", out _)).Select(block => User(block, offered, rules))]);
        }

        var limit = body.TryGetProperty("inferenceConfig", out var inference) && inference.TryGetProperty("maxTokens", out var tokens) ? tokens.GetInt32() : (int?)null;
        return new ModelRequest
        {
            System = body.TryGetProperty("system", out var system)
                ? [.. system.EnumerateArray().Where(block => block.TryGetProperty("text", out _)).Select(block => rules.Text(block.GetProperty("text"), "a system block", blank: false))]
                : [],
            Messages = conversation.End(),
            Tools = offered ? [.. config.GetProperty("tools").EnumerateArray().Where(tool => tool.TryGetProperty("toolSpec", out _)).Select(tool => Tool(tool.GetProperty("toolSpec"), rules))] : [],
            Parameters = new ModelParameters(limit, null, null, null, null),
        };
    }

    private static Belay.Tools.ToolSpec Tool(JsonElement tool, RequestRules rules)
    {
        rules.Only(tool, "toolSpec", "name", "description", "inputSchema");
        var schema = tool.GetProperty("inputSchema").GetProperty("json");
        if (rules.ModelId.Contains("amazon.nova", StringComparison.Ordinal))
        {
            rules.Only(schema, "schema", "type", "properties", "required");
        }

        return rules.Tool(tool.GetProperty("name"), rules.Text(tool.GetProperty("description"), "a description"), schema, RequestRules.Plain);
    }

    private static Block Assistant(JsonElement block, bool offered, RequestRules rules)
    {
        if (block.TryGetProperty("toolUse", out var call))
        {
            rules.Only(call, "toolUse", "toolUseId", "name", "input");
            rules.Require(offered, "there are calls and no toolConfig");
            return rules.Call(call.GetProperty("toolUseId"), call.GetProperty("name"), call.GetProperty("input"), RequestRules.Plain, RequestRules.Plain);
        }

        if (block.TryGetProperty("reasoningContent", out var reasoning))
        {
            if (reasoning.TryGetProperty("redactedContent", out var redacted))
            {
                return new Block.RedactedReasoning(Convert.FromBase64String(rules.Signed(redacted.GetString(), "this reasoning")));
            }

            // Others than Claude may reason and not sign it.
            var text = reasoning.GetProperty("reasoningText");
            var signature = text.TryGetProperty("signature", out var signed) || IsClaude(rules) ? rules.Signed(signed.ValueKind is JsonValueKind.String ? signed.GetString() : null, "this reasoning") : null;
            return new Block.Reasoning(text.GetProperty("text").GetString()!, signature);
        }

        return new Block.Text(rules.Text(block.GetProperty("text"), "a text", blank: false));
    }

    private static Block User(JsonElement block, bool offered, RequestRules rules)
    {
        if (block.TryGetProperty("image", out var image))
        {
            return Image(image, rules);
        }

        var text = rules.Text(block.GetProperty("text"), "a text", blank: false);
        return !offered && text.StartsWith(ToldResult, StringComparison.Ordinal) ? RequestRules.Result("", text[ToldResult.Length..]) : new Block.Text(text);
    }

    private static Block.ToolResult Result(JsonElement result, bool offered, RequestRules rules)
    {
        rules.Only(result, "toolResult", "toolUseId", "content", "status");
        rules.Require(offered, "there are results and no toolConfig");
        var status = result.TryGetProperty("status", out var given) ? given.GetString() : null;
        rules.Require(status is null || (IsClaude(rules) && status is ("success" or "error")), $"{rules.ModelId} takes no status of a result, or not {status}");
        var content = result.GetProperty("content").EnumerateArray().ToList();
        rules.Require(content.Count > 0, "a result is empty");
        rules.Require(content.TrueForAll(item => !item.TryGetProperty("json", out var json) || json.ValueKind is JsonValueKind.Object), "a result has JSON that is no object");
        var marked = content.Count > 0 && content[0].TryGetProperty("text", out var first) && first.GetString() == MarkedError;
        var said = content.Skip(marked ? 1 : 0).Select(ToolContent (item) =>
            item.TryGetProperty("json", out var json) ? new ToolContent.Json(json.Clone())
            : item.TryGetProperty("text", out var text) ? new ToolContent.Text(rules.Text(text, "a result", blank: false))
            : new ToolContent.Text(Image(item.GetProperty("image"), rules).Value)).ToList();
        return new Block.ToolResult(result.GetProperty("toolUseId").GetString()!, marked || status == "error" ? HarnessToolUseStatus.Error : HarnessToolUseStatus.Success, said);
    }

    private static Block.Text Image(JsonElement image, RequestRules rules) =>
        rules.Image(image.GetProperty("format").GetString(), image.GetProperty("source").GetProperty("bytes").GetString(), "png", "jpeg", "gif", "webp");

    private static bool IsClaude(RequestRules rules) => rules.ModelId.Contains("anthropic.claude", StringComparison.Ordinal);
}
