using System.Text.Json;
using System.Text.RegularExpressions;

namespace Belay.Testing.Models;

/// <summary>What Anthropic's Messages API takes.</summary>
public sealed partial class MessagesRules : RequestRules
{
    /// <inheritdoc/>
    protected override bool CallsNeedTools => true;

    /// <inheritdoc/>
    public override IReadOnlyList<JsonElement> Messages(JsonElement request) => [.. request.GetProperty("messages").EnumerateArray()];

    /// <inheritdoc/>
    protected override void Read(JsonElement request)
    {
        Expect(request.TryGetProperty("max_tokens", out var most) && most.TryGetInt32(out var tokens) && tokens > 0, "max_tokens is missing");
        if (request.TryGetProperty("system", out var system))
        {
            foreach (var block in system.EnumerateArray())
            {
                Say(Require(block, "text", JsonValueKind.String, "system").GetString()!, "system");
            }
        }

        if (request.TryGetProperty("tools", out var tools))
        {
            foreach (var tool in tools.EnumerateArray())
            {
                var name = Require(tool, "name", JsonValueKind.String, "tool").GetString()!;
                var schema = Require(tool, "input_schema", JsonValueKind.Object, name);
                Expect(!schema.EnumerateObject().Any(keyword => keyword.Name is "oneOf" or "anyOf" or "allOf"), $"{name}: the root chooses");
                Expect(!schema.TryGetProperty("properties", out var properties) || properties.EnumerateObject().All(property => Property().IsMatch(property.Name)), $"{name}: no such name of a property");
                Declare(name, schema, name);
            }
        }

        var messages = Require(request, "messages", JsonValueKind.Array, "body").EnumerateArray().ToList();
        List<string> pending = [];
        for (var i = 0; i < messages.Count; i++)
        {
            var at = $"messages[{i}]";
            var role = Require(messages[i], "role", JsonValueKind.String, at).GetString();
            Expect(role == (i % 2 == 0 ? "user" : "assistant"), $"{at} is of the role {role}");
            var content = Require(messages[i], "content", JsonValueKind.Array, at).EnumerateArray().ToList();
            Expect(content.Count > 0, $"{at} is empty");
            List<string> calls = [];
            List<string> answers = [];
            var said = false;
            foreach (var block in content)
            {
                var type = Require(block, "type", JsonValueKind.String, at).GetString()!;
                Expect(type != "tool_result" || !said, $"{at}: results come first");
                said |= type != "tool_result";
                Read(block, type, role == "user", calls, answers, at);
            }

            Answer(pending, answers, at);
            pending = calls;
        }

        Expect(messages.Count % 2 == 1, "the assistant has the last word");
    }

    private void Read(JsonElement block, string type, bool user, List<string> calls, List<string> answers, string at)
    {
        switch (type)
        {
            case "text":
                Only(block, at, "type", "text", "cache_control");
                Say(Require(block, "text", JsonValueKind.String, at).GetString()!, at);
                break;
            case "image":
                Expect(user, $"{at}: only the user shows images");
                ReadImage(block, at);
                break;
            case "thinking":
                Expect(!user, $"{at}: only the assistant reasons");
                Secrets.Add(Require(block, "thinking", JsonValueKind.String, at).GetString()!);
                var signature = Require(block, "signature", JsonValueKind.String, at).GetString()!;
                Expect(signature.Length > 0, $"{at}: reasoning has no signature");
                Secrets.Add(signature);
                break;
            case "redacted_thinking":
                Expect(!user, $"{at}: only the assistant reasons");
                var data = Require(block, "data", JsonValueKind.String, at).GetString()!;
                Expect(data.Length > 0, $"{at}: redacted reasoning is empty");
                Secrets.Add(data);
                break;
            case "tool_use":
                Only(block, at, "type", "id", "name", "input", "cache_control");
                Expect(!user, $"{at}: only the assistant calls");
                var id = Require(block, "id", JsonValueKind.String, at).GetString()!;
                Call(id, Id(), Require(block, "name", JsonValueKind.String, at).GetString()!, Require(block, "input", JsonValueKind.Object, at), at);
                calls.Add(id);
                break;
            case "tool_result":
                Only(block, at, "type", "tool_use_id", "content", "is_error", "cache_control");
                Expect(user, $"{at}: only the user answers");
                answers.Add(Require(block, "tool_use_id", JsonValueKind.String, at).GetString()!);
                ReadResult(block, at);
                break;
            default:
                Expect(false, $"{at}: {type} is not known");
                break;
        }
    }

    private void ReadResult(JsonElement result, string at)
    {
        var error = result.TryGetProperty("is_error", out var flag) && flag.GetBoolean();
        foreach (var content in Require(result, "content", JsonValueKind.Array, at).EnumerateArray())
        {
            switch (Require(content, "type", JsonValueKind.String, at).GetString())
            {
                case "text":
                    Say(Require(content, "text", JsonValueKind.String, at).GetString()!, at);
                    break;
                case "image":
                    Expect(!error, $"{at}: an error is text");
                    ReadImage(content, at);
                    break;
                case var other:
                    Expect(false, $"{at}: a result holds {other}");
                    break;
            }
        }
    }

    private void ReadImage(JsonElement block, string at)
    {
        var source = Require(block, "source", JsonValueKind.Object, at);
        Expect(Require(source, "type", JsonValueKind.String, at).GetString() == "base64", $"{at}: no such source");
        Expect(Require(source, "media_type", JsonValueKind.String, at).GetString() is "image/png" or "image/jpeg" or "image/gif" or "image/webp", $"{at}: no such image");
        Expect(Require(source, "data", JsonValueKind.String, at).TryGetBytesFromBase64(out var bytes) && bytes.Length > 0, $"{at}: an image is base64");
    }

    [GeneratedRegex(@"^[a-zA-Z0-9_-]+\z")]
    private static partial Regex Id();

    [GeneratedRegex(@"^[a-zA-Z0-9_.-]{1,64}\z")]
    private static partial Regex Property();
}
