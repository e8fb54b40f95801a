using System.Text.Json;
using System.Text.RegularExpressions;
using Belay.Agents;
using Belay.Models;

namespace Belay.Testing.Providers;

/// <summary>Reads a request of the Responses API as a provider does that keeps nothing.</summary>
internal static partial class ResponsesReader
{
    /// <summary>Reads a body; what is wrong goes to the rules.</summary>
    public static ModelRequest Read(JsonElement body, RequestRules rules)
    {
        rules.Only(body, "request", "model", "input", "instructions", "tools", "stream", "store", "include", "max_output_tokens", "temperature", "top_p", "reasoning", "parallel_tool_calls");
        var modelId = rules.Text(body.GetProperty("model"), "model");
        rules.Require(body.GetProperty("stream").GetBoolean(), "stream is not asked for");
        rules.Require(!body.GetProperty("store").GetBoolean(), "the provider is asked to store");
        var conversation = new ReceivedConversation(rules);
        var (said, results, assistant) = (new List<Block>(), new List<Block.ToolResult>(), new List<Block>());
        foreach (var item in body.GetProperty("input").EnumerateArray())
        {
            var block = Item(item, modelId, rules);
            var ours = block is Block.ToolUse or Block.Reasoning || (block is Block.Text && item.GetProperty("role").GetString() == "assistant");
            if (ours ? said.Count + results.Count > 0 : assistant.Count > 0)
            {
                Flush();
            }

            if (ours)
            {
                assistant.Add(block);
            }
            else if (block is Block.ToolResult result)
            {
                rules.Require(said.Count == 0, "a result stands behind what a person said");
                results.Add(result);
            }
            else
            {
                said.Add(block);
            }
        }

        Flush();
        return new ModelRequest
        {
            System = body.TryGetProperty("instructions", out var instructions) ? [rules.Text(instructions, "instructions")] : [],
            Messages = conversation.End(),
            Tools = body.TryGetProperty("tools", out var tools) ? [.. tools.EnumerateArray().Select(tool => Tool(tool, rules))] : [],
            Parameters = new ModelParameters(body.TryGetProperty("max_output_tokens", out var tokens) ? tokens.GetInt32() : null, null, null, null, null),
        };

        void Flush()
        {
            if (assistant.Count > 0)
            {
                conversation.Assistant(assistant);
            }
            else
            {
                conversation.User(results, said);
            }

            (said, results, assistant) = ([], [], []);
        }
    }

    private static Belay.Tools.ToolSpec Tool(JsonElement tool, RequestRules rules)
    {
        rules.Only(tool, "tool", "type", "name", "description", "parameters", "strict");
        rules.Require(tool.GetProperty("type").GetString() == "function", "a tool is of no known type");
        return rules.Tool(tool.GetProperty("name"), tool.GetProperty("description").GetString(), tool.GetProperty("parameters"), Name());
    }

    private static Block Item(JsonElement item, string modelId, RequestRules rules)
    {
        switch (item.TryGetProperty("type", out var type) ? type.GetString() : "message")
        {
            case "function_call":
                rules.Only(item, "function_call", "type", "id", "status", "call_id", "name", "arguments");
                return rules.Call(item.GetProperty("call_id"), item.GetProperty("name"), JsonElement.Parse(item.GetProperty("arguments").GetString()!), Id(), Name());
            case "function_call_output":
                rules.Only(item, "function_call_output", "type", "id", "status", "call_id", "output");
                return RequestRules.Result(item.GetProperty("call_id").GetString()!, Text(item.GetProperty("output"), rules));
            case "reasoning":
                var signature = item.GetProperty("encrypted_content").GetString();
                rules.Require(signature == Signatures.Of(WireFormat.Responses, modelId), $"{modelId} did not sign this reasoning: {signature}");
                return new Block.Reasoning("", signature);
            default:
                rules.Require(item.GetProperty("role").GetString() is "user" or "assistant", "a role is neither user nor assistant");
                return new Block.Text(Text(item.GetProperty("content"), rules));
        }
    }

    private static string Text(JsonElement content, RequestRules rules) => content.ValueKind is JsonValueKind.String
        ? rules.Text(content, "a text")
        : string.Concat(content.EnumerateArray().Select(part => part.TryGetProperty("text", out var text) ? rules.Text(text, "a part") : "[image]"));

    [GeneratedRegex("^.{1,64}$", RegexOptions.Singleline)]
    private static partial Regex Id();

    [GeneratedRegex("^[a-zA-Z0-9_-]{1,64}$")]
    private static partial Regex Name();
}
