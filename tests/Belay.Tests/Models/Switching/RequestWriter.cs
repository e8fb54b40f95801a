using System.Text;
using Belay.Models;
using Belay.Models.Anthropic;
using Belay.Models.Bedrock;
using Belay.Models.Gemini;
using Belay.Models.OpenAi;
using Belay.Models.OpenAiResponses;
using Belay.Testing.Models;
using Belay.Testing.Providers;
using Belay.Tools;

namespace Belay.Tests.Models.Switching;

/// <summary>A provider and format under test: how it is asked, where, and how its replies are read. One row for each is all that the tests need.</summary>
/// <param name="Name">What failures call it.</param>
/// <param name="Provider">Owner of the state in its replies.</param>
/// <param name="ModelId">Model that is asked.</param>
/// <param name="Write">Writes a request.</param>
/// <param name="Path">Where it is asked; it says who reads the request.</param>
/// <param name="Parser">Reads a reply to a request with these tools.</param>
internal sealed record RequestWriter(
    string Name,
    string Provider,
    string ModelId,
    Action<RequestBuffer, ModelRequest> Write,
    string Path,
    Func<IReadOnlyList<ToolSpec>, IReplyParser> Parser)
{
    private static readonly Dictionary<string, string> Headers = new()
    {
        ["content-type"] = "application/json",
        ["anthropic-version"] = "2023-06-01",
        ["authorization"] = "AWS4-HMAC-SHA256 x",
    };

    /// <summary>Names of the writers whose reasoning it takes back, itself included; nobody's where it takes none.</summary>
    public IReadOnlyList<string> Reads { get; init; } = [];

    /// <summary>The state that comes with reasoning of a signature; null where the format takes no reasoning back.</summary>
    public Func<string, string>? Signed { get; init; }

    /// <summary>Whether reasoning goes back only before what it led to.</summary>
    public bool LeadsSomewhere { get; init; }

    /// <summary>Every provider and format.</summary>
    public static IReadOnlyList<RequestWriter> All { get; } =
    [
        Converse("Converse, Claude", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        Converse("Converse, Nova", "amazon.nova-pro-v1:0"),
        Converse("Converse, others", "openai.gpt-oss-120b-1:0"),
        ChatCompletions("Chat Completions", "gpt-5", new(OpenAiDialect.MaxCompletionTokens), "/v1/chat/completions"),
        ChatCompletions("Chat Completions, Mistral", "mistral-large-latest", LiteLlmProviders.Find("mistral")!.Dialect, "/mistral/v1/chat/completions"),
        new(
            "Responses",
            OpenAiModel.ProviderName,
            "gpt-5",
            (body, request) => ResponsesRequest.Write(body, "gpt-5", "here", request),
            "/v1/responses",
            _ => new ResponsesStream("here"))
        {
            Reads = ["Responses"],
            Signed = signature => $$$"""{"place":"here","item":{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"{{{signature}}}"}}""",
            LeadsSomewhere = true,
        },
        new(
            "Messages",
            AnthropicModel.ProviderName,
            "claude-sonnet-4-5",
            (body, request) => AnthropicRequest.Write(body, "claude-sonnet-4-5", request, caching: false),
            "/v1/messages",
            _ => new AnthropicStream())
        {
            Reads = ["Messages", "Converse, Claude"],
            Signed = _ => "{}",
        },
        GenerateContent("generateContent, older", "gemini-2.5-pro"),
        GenerateContent("generateContent", "gemini-3-pro"),
    ];

    /// <summary>The row of a name.</summary>
    public static RequestWriter Named(string name) => All.Single(writer => writer.Name == name);

    /// <summary>A request's body.</summary>
    public byte[] Body(ModelRequest request)
    {
        using var body = new RequestBuffer();
        Write(body, request);
        return body.Written.ToArray();
    }

    /// <summary>What the provider reads, after it found nothing to refuse.</summary>
    public ReceivedCall Read(byte[] body, string when)
    {
        var (call, problems) = RequestReader.Read(new ProviderRequest("POST", Path, Headers, body), 1, IsRead);
        Assert.True(problems.Count == 0, $"{when}, {Name} refuses:\n{string.Join('\n', problems)}\n{Encoding.UTF8.GetString(body)}");
        return call!;
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    // What Bedrock gives as bytes goes back in base64.
    private bool IsRead(string signature)
    {
        var bytes = new byte[signature.Length];
        var decoded = Convert.TryFromBase64String(signature, bytes, out var length) ? Encoding.UTF8.GetString(bytes, 0, length) : "";
        return Reads.Any(name => $"{signature} {decoded}".Contains($"{Histories.Secret}{name}-", StringComparison.Ordinal));
    }

    private static RequestWriter Converse(string name, string modelId) => new(
        name,
        BedrockModel.ProviderName,
        modelId,
        (body, request) => BedrockRequest.Write(body, modelId, request, caching: false),
        $"/model/{Uri.EscapeDataString(modelId)}/converse-stream",
        _ => new BedrockStream())
    {
        Reads = [name],
        Signed = _ => "{}",
    };

    private static RequestWriter ChatCompletions(string name, string modelId, OpenAiDialect dialect, string path) => new(
        name, OpenAiModel.ProviderName, modelId, (body, request) => OpenAiRequest.Write(body, modelId, dialect, request), path, _ => new OpenAiStream())
    {
        Reads = [name],
    };

    private static RequestWriter GenerateContent(string name, string modelId) => new(
        name,
        GeminiModel.ProviderName,
        modelId,
        (body, request) => GeminiRequest.Write(body, modelId, request),
        $"/v1beta/models/{modelId}:streamGenerateContent?alt=sse",
        tools => new GeminiStream(GeminiToolNames.Renamed(tools)))
    {
        Reads = [name],
        Signed = signature => $$"""{"{{GeminiRequest.Signature}}":"{{signature}}"}""",
    };
}
