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
        rules.Text(body.GetProperty("model"), "model");
        rules.Require(body.GetProperty("stream").GetBoolean(), "stream is not asked for");
        rules.Require(!body.GetProperty("store").GetBoolean(), "the provider is asked to store");
        var conversation = new ReceivedConversation(rules);
        var (said, results, assistant) = (new List<Block>(), new List<Block.ToolResult>(), new List<Block>());
        foreach (var item in body.GetProperty("input").EnumerateArray())
        {
            var block = Item(item, rules);
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
                rules.Require(assistant[^1] is not Block.Reasoning, "reasoning leads to nothing");
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
        return ChatCompletionsReader.OpenAiTool(tool, rules);
    }

    private static Block Item(JsonElement item, RequestRules rules)
    {
        switch (item.TryGetProperty("type", out var type) ? type.GetString() : "message")
        {
            case "function_call":
                rules.Only(item, "function_call", "type", "id", "status", "call_id", "name", "arguments");
                return rules.Call(item.GetProperty("call_id"), item.GetProperty("name"), JsonElement.Parse(item.GetProperty("arguments").GetString()!), Id(), RequestRules.Plain);
            case "function_call_output":
                rules.Only(item, "function_call_output", "type", "id", "status", "call_id", "output");
                return RequestRules.Result(item.GetProperty("call_id").GetString()!, Text(item.GetProperty("output"), "input_text", rules));
            case "reasoning":
                rules.Only(item, "reasoning", "type", "id", "summary", "encrypted_content");
                rules.Text(item.GetProperty("id"), "the id of reasoning");
                rules.Require(item.GetProperty("summary").EnumerateArray().All(part => part.GetProperty("type").ValueEquals("summary_text")), "a summary is of no known type");
                return new Block.Reasoning("", rules.Signed(item.GetProperty("encrypted_content").GetString(), "this reasoning"));
            case "message":
                rules.Only(item, "message", "type", "id", "status", "role", "content");
                var role = item.GetProperty("role").GetString();
                rules.Require(role is "user" or "assistant", "a role is neither user nor assistant");
                return new Block.Text(Text(item.GetProperty("content"), role == "user" ? "input_text" : "output_text", rules));
            case var other:
                throw new FormatException($"{other} is no item of the input");
        }
    }

    private static string Text(JsonElement content, string type, RequestRules rules) => content.ValueKind is JsonValueKind.String
        ? rules.Text(content, "a text")
        : string.Concat(content.EnumerateArray().Select(part => Part(part, type, rules)));

    private static string Part(JsonElement part, string type, RequestRules rules)
    {
        var given = part.GetProperty("type").GetString();
        rules.Require(given == type || (given, type) is ("input_image", "input_text"), $"a part is of the type {given}");
        return given == "input_image" ? rules.Image(part.GetProperty("image_url").GetString()).Value : rules.Text(part.GetProperty("text"), "a part");
    }

    [GeneratedRegex(@"^\S{1,64}\z")]
    private static partial Regex Id();
}
