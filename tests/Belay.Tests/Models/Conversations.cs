using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;

namespace Belay.Tests.Models;

/// <summary>Builds conversations for request mappings.</summary>
internal static class Conversations
{
    public static Message User(params Block[] blocks) => new(HarnessConversationRole.User, blocks);

    public static Message Assistant(params Block[] blocks) => new(HarnessConversationRole.Assistant, blocks);

    public static Block.Text Text(string text) => new(text);

    public static Block.ToolUse Call(string id, string input = """{"a":1}""") => new(id, "shell", JsonElement.Parse(input), HarnessToolUseType.ToolUse, "builtin");

    public static Block.ToolResult Result(string id, params ToolContent[] content) => new(id, HarnessToolUseStatus.Success, content);

    public static ToolContent.Json Json(string json) => new(JsonElement.Parse(json));

    public static ProviderState State(string provider, string modelId, string value = "{}") => new(provider, modelId, JsonElement.Parse(value));

    public static ModelRequest Request(bool tools, params Message[] messages) => new()
    {
        System = [],
        Messages = messages,
        Tools = tools ? [Testing.Models.ModelContract.Tool("shell")] : [],
        Parameters = new ModelParameters(null, null, null, null, null),
    };

    /// <summary>One member of a request's body.</summary>
    public static string Member(ReadOnlyMemory<byte> body, string name)
    {
        using var document = JsonDocument.Parse(body);
        return document.RootElement.TryGetProperty(name, out var value) ? value.GetRawText() : "";
    }
}
