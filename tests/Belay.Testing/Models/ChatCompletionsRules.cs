using System.Text.Json;
using System.Text.RegularExpressions;

namespace Belay.Testing.Models;

/// <summary>What chat completions take, where they are strictest.</summary>
/// <param name="ids">The form of a call's id.</param>
/// <param name="userAfterTool">Whether the user may speak right after a tool.</param>
public sealed partial class ChatCompletionsRules(Regex ids, bool userAfterTool) : RequestRules
{
    /// <summary>Ids of the public endpoint: at most 40 characters.</summary>
    public static Regex ShortIds { get; } = Short();

    /// <summary>Ids of Mistral's endpoint: nine letters and digits.</summary>
    public static Regex NineCharacters { get; } = Nine();

    /// <inheritdoc/>
    public override IReadOnlyList<JsonElement> Messages(JsonElement request) => [.. request.GetProperty("messages").EnumerateArray()];

    /// <inheritdoc/>
    protected override void Read(JsonElement request)
    {
        if (request.TryGetProperty("tools", out var tools))
        {
            foreach (var tool in tools.EnumerateArray())
            {
                Expect(Require(tool, "type", JsonValueKind.String, "tool").GetString() == "function", "a tool is no function");
                var function = Require(tool, "function", JsonValueKind.Object, "tool");
                var name = Require(function, "name", JsonValueKind.String, "tool").GetString()!;
                var schema = Require(function, "parameters", JsonValueKind.Object, name);
                Require(schema, "properties", JsonValueKind.Object, name);
                Expect(!schema.EnumerateObject().Any(keyword => keyword.Name is "oneOf" or "anyOf" or "allOf" or "enum" or "not"), $"{name}: the root chooses");
                Declare(name, schema, name);
            }
        }

        List<string> pending = [];
        List<string> answers = [];
        var before = "";
        var number = 0;
        foreach (var message in Require(request, "messages", JsonValueKind.Array, "body").EnumerateArray())
        {
            var at = $"messages[{number++}]";
            var role = Require(message, "role", JsonValueKind.String, at).GetString()!;
            if (role != "tool")
            {
                Answer(pending, answers, at);
                (pending, answers) = ([], []);
            }

            Expect(role != "system" || number == 1, $"{at}: instructions come first");
            Expect(!(role is "user" or "assistant" && role == before), $"{at}: {role} speaks twice");
            Expect(userAfterTool || !(role == "user" && before == "tool"), $"{at}: the user speaks right after a tool");
            before = role;
            switch (role)
            {
                case "system":
                    Say(Require(message, "content", JsonValueKind.String, at).GetString()!, at, blankToo: true);
                    break;
                case "user":
                    ReadUser(message, at);
                    break;
                case "tool":
                    Only(message, at, "role", "tool_call_id", "content");
                    answers.Add(Require(message, "tool_call_id", JsonValueKind.String, at).GetString()!);
                    Say(Require(message, "content", JsonValueKind.String, at).GetString()!, at, blankToo: true);
                    break;
                case "assistant":
                    pending = ReadAssistant(message, at);
                    break;
                default:
                    Expect(false, $"{at}: {role} is no role");
                    break;
            }
        }

        Answer(pending, answers, "the end");
        Expect(before is "user" or "tool", "the assistant has the last word");
    }

    private List<string> ReadAssistant(JsonElement message, string at)
    {
        Only(message, at, "role", "content", "tool_calls");
        var content = message.GetProperty("content");
        var calls = new List<string>();
        if (content.ValueKind is JsonValueKind.Null)
        {
            Expect(message.TryGetProperty("tool_calls", out _), $"{at} says nothing");
        }
        else
        {
            Say(content.GetString()!, at, blankToo: true);
        }

        if (message.TryGetProperty("tool_calls", out var given))
        {
            Expect(given.GetArrayLength() > 0, $"{at}: an empty list of calls");
            foreach (var call in given.EnumerateArray())
            {
                Only(call, at, "id", "type", "function", "extra_content");
                Expect(Require(call, "type", JsonValueKind.String, at).GetString() == "function", $"{at}: no function");
                var id = Require(call, "id", JsonValueKind.String, at).GetString()!;
                var function = Require(call, "function", JsonValueKind.Object, at);
                Call(id, ids, Require(function, "name", JsonValueKind.String, at).GetString()!, Parse(Require(function, "arguments", JsonValueKind.String, at).GetString()!, at), at);
                calls.Add(id);
                if (call.TryGetProperty("extra_content", out var extra))
                {
                    Secrets.Add(extra.GetRawText());
                }
            }
        }

        return calls;
    }

    private void ReadUser(JsonElement message, string at)
    {
        Only(message, at, "role", "content");
        var content = message.GetProperty("content");
        if (content.ValueKind is JsonValueKind.String)
        {
            Say(content.GetString()!, at, blankToo: true);
            return;
        }

        Expect(content.GetArrayLength() > 0, $"{at} is empty");
        foreach (var part in content.EnumerateArray())
        {
            if (Require(part, "type", JsonValueKind.String, at).GetString() == "text")
            {
                Say(Require(part, "text", JsonValueKind.String, at).GetString()!, at, blankToo: true);
                continue;
            }

            var url = Require(Require(part, "image_url", JsonValueKind.Object, at), "url", JsonValueKind.String, at).GetString()!;
            Expect(Image().IsMatch(url), $"{at}: no such image: {url}");
        }
    }

    [GeneratedRegex(@"^[^\s]{1,40}\z")]
    private static partial Regex Short();

    [GeneratedRegex(@"^[a-zA-Z0-9]{9}\z")]
    private static partial Regex Nine();

    [GeneratedRegex(@"^data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*\z")]
    private static partial Regex Image();
}
