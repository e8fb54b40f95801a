using System.Text.Json;
using System.Text.RegularExpressions;

namespace Belay.Testing.Models;

/// <summary>What Gemini's generateContent takes.</summary>
/// <param name="signatures">Whether the first call of a content must have a signature, as newer models want it.</param>
public sealed partial class GenerateContentRules(bool signatures) : RequestRules
{
    private const string Foreign = "skip_thought_signature_validator";

    private static readonly string[] Things = ["text", "functionCall", "functionResponse", "inlineData"];

    /// <inheritdoc/>
    public override IReadOnlyList<JsonElement> Messages(JsonElement request) => [.. request.GetProperty("contents").EnumerateArray()];

    /// <inheritdoc/>
    protected override void Read(JsonElement request)
    {
        if (request.TryGetProperty("systemInstruction", out var system))
        {
            foreach (var part in Require(system, "parts", JsonValueKind.Array, "system").EnumerateArray())
            {
                Say(Require(part, "text", JsonValueKind.String, "system").GetString()!, "system", blankToo: true);
            }
        }

        if (request.TryGetProperty("tools", out var tools))
        {
            foreach (var declaration in tools.EnumerateArray().SelectMany(tool => Require(tool, "functionDeclarations", JsonValueKind.Array, "tools").EnumerateArray()))
            {
                Only(declaration, "declaration", "name", "description", "parametersJsonSchema");
                var name = Require(declaration, "name", JsonValueKind.String, "declaration").GetString()!;
                Expect(Name().IsMatch(name), $"{name} is no name");
                var schema = Require(declaration, "parametersJsonSchema", JsonValueKind.Object, name);
                Expect(!schema.TryGetProperty("$schema", out _), $"{name}: the dialect is named");
                Declare(name, schema, name);
            }
        }

        var contents = Require(request, "contents", JsonValueKind.Array, "body").EnumerateArray().ToList();
        List<string> pending = [];
        for (var i = 0; i < contents.Count; i++)
        {
            var at = $"contents[{i}]";
            var role = Require(contents[i], "role", JsonValueKind.String, at).GetString();
            Expect(role == (i % 2 == 0 ? "user" : "model"), $"{at} is of the role {role}");
            var parts = Require(contents[i], "parts", JsonValueKind.Array, at).EnumerateArray().ToList();
            Expect(parts.Count > 0, $"{at} is empty");
            List<string> calls = [];
            List<string> answers = [];
            foreach (var part in parts)
            {
                Read(part, role == "user", calls, answers, at);
            }

            Answer(pending, answers, at);
            pending = calls;
        }

        Expect(contents.Count % 2 == 1, "the model has the last word");
    }

    private void Read(JsonElement part, bool user, List<string> calls, List<string> answers, string at)
    {
        Only(part, at, "text", "thought", "thoughtSignature", "functionCall", "functionResponse", "inlineData");
        Expect(Things.Count(name => part.TryGetProperty(name, out _)) == 1, $"{at}: a part is one thing");
        var signature = part.TryGetProperty("thoughtSignature", out var given) ? given.GetString() : null;
        Expect(signature is null || !user, $"{at}: the user signs nothing");
        if (signature is not (null or Foreign))
        {
            Secrets.Add(signature);
        }

        if (part.TryGetProperty("text", out var text))
        {
            if (part.TryGetProperty("thought", out _))
            {
                Secrets.Add(text.GetString()!);
            }
            else if (signature is null)
            {
                Say(text.GetString()!, at, blankToo: true);
            }
            else
            {
                Texts.Add(text.GetString()!);
            }
        }
        else if (part.TryGetProperty("functionCall", out var call))
        {
            Expect(!user, $"{at}: only the model calls");
            Expect(!signatures || calls.Count > 0 || signature is { Length: > 0 }, $"{at}: the first call has no signature");
            var (id, name) = (Require(call, "id", JsonValueKind.String, at).GetString()!, Require(call, "name", JsonValueKind.String, at).GetString()!);
            Expect(Name().IsMatch(name), $"{at}: {name} is no name");
            Call(id, Id(), name, Require(call, "args", JsonValueKind.Object, at), at);
            calls.Add($"{id}/{name}");
        }
        else if (part.TryGetProperty("functionResponse", out var answer))
        {
            Expect(user, $"{at}: only the user answers");
            answers.Add($"{Require(answer, "id", JsonValueKind.String, at).GetString()}/{Require(answer, "name", JsonValueKind.String, at).GetString()}");
            ReadAnswer(answer, at);
        }
        else if (part.TryGetProperty("inlineData", out var image))
        {
            ReadImage(image, at);
        }
    }

    private void ReadAnswer(JsonElement answer, string at)
    {
        Only(answer, at, "id", "name", "response", "parts");
        var response = Require(answer, "response", JsonValueKind.Object, at);
        Expect(response.EnumerateObject().Count() == 1, $"{at}: one answer");
        Texts.Add(response.EnumerateObject().First().Value is { ValueKind: JsonValueKind.String } text ? text.GetString()! : response.EnumerateObject().First().Value.GetRawText());
        if (answer.TryGetProperty("parts", out var parts))
        {
            foreach (var part in parts.EnumerateArray())
            {
                ReadImage(Require(part, "inlineData", JsonValueKind.Object, at), at);
            }
        }
    }

    private void ReadImage(JsonElement image, string at)
    {
        Expect(Require(image, "mimeType", JsonValueKind.String, at).GetString() is "image/png" or "image/jpeg" or "image/webp", $"{at}: no such image");
        Expect(Require(image, "data", JsonValueKind.String, at).TryGetBytesFromBase64(out var bytes) && bytes.Length > 0, $"{at}: an image is base64");
    }

    [GeneratedRegex(@"^[a-zA-Z_][a-zA-Z0-9_-]{0,63}\z")]
    private static partial Regex Name();

    [GeneratedRegex(@"^[a-zA-Z0-9_-]{1,64}\z")]
    private static partial Regex Id();
}
