using System.Text.Json;
using System.Text.RegularExpressions;

namespace Belay.Testing.Models;

/// <summary>What Amazon Bedrock's ConverseStream takes.</summary>
/// <param name="claude">Whether the model is one of Claude's, which takes a result's status and insists on signatures.</param>
/// <param name="bareRoots">Whether schemas have nothing at their root but type, properties and required, as Amazon Nova wants them.</param>
public sealed partial class ConverseRules(bool claude, bool bareRoots = false) : RequestRules
{
    /// <inheritdoc/>
    protected override bool CallsNeedTools => true;

    /// <inheritdoc/>
    public override IReadOnlyList<JsonElement> Messages(JsonElement request) => [.. request.GetProperty("messages").EnumerateArray()];

    /// <inheritdoc/>
    protected override void Read(JsonElement request)
    {
        if (request.TryGetProperty("system", out var system))
        {
            foreach (var block in system.EnumerateArray())
            {
                Say(Require(block, "text", JsonValueKind.String, "system").GetString()!, "system");
            }
        }

        if (request.TryGetProperty("toolConfig", out var config))
        {
            foreach (var tool in Require(config, "tools", JsonValueKind.Array, "toolConfig").EnumerateArray())
            {
                var spec = Require(tool, "toolSpec", JsonValueKind.Object, "tool");
                var name = Require(spec, "name", JsonValueKind.String, "tool").GetString()!;
                Expect(Require(spec, "description", JsonValueKind.String, name).GetString()!.Length > 0, $"{name} has no description");
                var schema = Require(Require(spec, "inputSchema", JsonValueKind.Object, name), "json", JsonValueKind.Object, name);
                Expect(!bareRoots || schema.EnumerateObject().All(keyword => keyword.Name is "type" or "properties" or "required"), $"{name}: the root holds more than it may");
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
            foreach (var block in content)
            {
                Read(block, role == "user", calls, answers, at);
            }

            Answer(pending, answers, at);
            pending = calls;
        }

        Expect(messages.Count % 2 == 1, "the assistant has the last word");
    }

    private void Read(JsonElement block, bool user, List<string> calls, List<string> answers, string at)
    {
        var members = block.EnumerateObject().ToList();
        if (!Expect(members.Count == 1, $"{at}: a block has exactly one member"))
        {
            return;
        }

        var (name, value) = (members[0].Name, members[0].Value);
        switch (name)
        {
            case "text":
                Say(value.GetString()!, at);
                break;
            case "image":
                Expect(user, $"{at}: only the user shows images");
                ReadImage(value, at);
                break;
            case "reasoningContent":
                Expect(!user, $"{at}: only the assistant reasons");
                ReadReasoning(value, at);
                break;
            case "toolUse":
                Expect(!user, $"{at}: only the assistant calls");
                var id = Require(value, "toolUseId", JsonValueKind.String, at).GetString()!;
                Call(id, Id(), Require(value, "name", JsonValueKind.String, at).GetString()!, Require(value, "input", JsonValueKind.Object, at), at);
                calls.Add(id);
                break;
            case "toolResult":
                Expect(user, $"{at}: only the user answers");
                answers.Add(Require(value, "toolUseId", JsonValueKind.String, at).GetString()!);
                ReadResult(value, at);
                break;
            default:
                Expect(false, $"{at}: {name} is not known");
                break;
        }
    }

    private void ReadResult(JsonElement result, string at)
    {
        Expect(claude || !result.TryGetProperty("status", out _), $"{at}: this model takes no status");
        Expect(!result.TryGetProperty("status", out var status) || status.GetString() is "success" or "error", $"{at}: no such status");
        foreach (var content in Require(result, "content", JsonValueKind.Array, at).EnumerateArray())
        {
            switch (content.EnumerateObject().Single())
            {
                case { Name: "text" } text:
                    Say(text.Value.GetString()!, at);
                    break;
                case { Name: "json", Value.ValueKind: JsonValueKind.Object } json:
                    Texts.Add(json.Value.GetRawText());
                    break;
                case { Name: "image" } image:
                    ReadImage(image.Value, at);
                    break;
                case var other:
                    Expect(false, $"{at}: a result holds {other.Name}");
                    break;
            }
        }
    }

    private void ReadReasoning(JsonElement value, string at)
    {
        if (value.TryGetProperty("redactedContent", out var redacted))
        {
            Expect(redacted.TryGetBytesFromBase64(out var bytes) && bytes.Length > 0, $"{at}: redacted reasoning is base64");
            Secrets.Add(redacted.GetString()!);
            return;
        }

        var text = Require(value, "reasoningText", JsonValueKind.Object, at);
        Secrets.Add(Require(text, "text", JsonValueKind.String, at).GetString()!);
        Expect(!claude || text.TryGetProperty("signature", out _), $"{at}: reasoning has no signature");
        if (text.TryGetProperty("signature", out var signature))
        {
            Secrets.Add(signature.GetString()!);
        }
    }

    private void ReadImage(JsonElement image, string at)
    {
        Expect(Require(image, "format", JsonValueKind.String, at).GetString() is "png" or "jpeg" or "gif" or "webp", $"{at}: no such image");
        Expect(Require(Require(image, "source", JsonValueKind.Object, at), "bytes", JsonValueKind.String, at).TryGetBytesFromBase64(out var bytes) && bytes.Length > 0, $"{at}: an image is base64");
    }

    [GeneratedRegex(@"^[a-zA-Z0-9_-]{1,64}\z")]
    private static partial Regex Id();
}
