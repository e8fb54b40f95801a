using System.Text.Json;
using Belay.Models;
using Belay.Models.Anthropic;
using Belay.Models.Bedrock;
using Belay.Models.Gemini;
using Belay.Models.OpenAi;
using Belay.Testing.Models;
using Belay.Tools;

namespace Belay.Tests.Models.Switching;

/// <summary>A provider and format under test: how it is asked, what it takes, what its replies look like. One row for each is all that the tests need.</summary>
/// <param name="Name">What failures call it.</param>
/// <param name="Provider">Owner of the state in its replies.</param>
/// <param name="ModelId">Model that is asked.</param>
/// <param name="Write">Writes a request.</param>
/// <param name="Rules">What the provider takes, fresh for each request.</param>
/// <param name="Reply">Bytes of a reply that calls tools.</param>
/// <param name="Parser">Reads a reply to a request with these tools.</param>
internal sealed record RequestWriter(
    string Name,
    string Provider,
    string ModelId,
    Action<RequestBuffer, ModelRequest> Write,
    Func<RequestRules> Rules,
    Func<IReadOnlyList<CalledTool>, byte[]> Reply,
    Func<IReadOnlyList<ToolSpec>, IReplyParser> Parser)
{
    private const string Claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    private const string Nova = "amazon.nova-pro-v1:0";
    private const string GptOss = "openai.gpt-oss-120b-1:0";

    /// <summary>Names of the writers whose reasoning it takes back, itself included; nobody's where it takes none.</summary>
    public IReadOnlyList<string> Reads { get; init; } = [];

    /// <summary>Every provider and format.</summary>
    public static IReadOnlyList<RequestWriter> All { get; } =
    [
        Converse("Converse, Claude", Claude, () => new ConverseRules(claude: true)) with { Reads = ["Converse, Claude"] },
        Converse("Converse, Nova", Nova, () => new ConverseRules(claude: false, bareRoots: true)) with { Reads = ["Converse, Nova"] },
        Converse("Converse, others", GptOss, () => new ConverseRules(claude: false)) with { Reads = ["Converse, others"] },
        ChatCompletions("Chat Completions", "gpt-5", new(OpenAiDialect.MaxCompletionTokens), () => new ChatCompletionsRules(ChatCompletionsRules.ShortIds, userAfterTool: true)),
        ChatCompletions("Chat Completions, Mistral", "mistral-large-latest", LiteLlmProviders.Find("mistral")!.Dialect, () => new ChatCompletionsRules(ChatCompletionsRules.NineCharacters, userAfterTool: false)),
        new(
            "Messages",
            AnthropicModel.ProviderName,
            "claude-sonnet-4-5",
            (body, request) => AnthropicRequest.Write(body, "claude-sonnet-4-5", request, caching: false),
            () => new MessagesRules(),
            ReplyBytes.Messages,
            _ => new AnthropicStream())
        {
            Reads = ["Messages", "Converse, Claude"],
        },
        GenerateContent("generateContent, older", "gemini-2.5-pro", signed: false),
        GenerateContent("generateContent", "gemini-3-pro", signed: true),
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
    public RequestRules Read(byte[] body, string when)
    {
        var rules = Rules();
        rules.Read(body);
        Assert.True(rules.Problems.Count == 0, $"{when}, {Name} refuses:\n{string.Join('\n', rules.Problems)}\n{System.Text.Encoding.UTF8.GetString(body)}");
        return rules;
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static RequestWriter Converse(string name, string modelId, Func<RequestRules> rules) => new(
        name, BedrockModel.ProviderName, modelId, (body, request) => BedrockRequest.Write(body, modelId, request, caching: false), rules, ReplyBytes.Converse, _ => new BedrockStream());

    private static RequestWriter ChatCompletions(string name, string modelId, OpenAiDialect dialect, Func<RequestRules> rules) => new(
        name, OpenAiModel.ProviderName, modelId, (body, request) => OpenAiRequest.Write(body, modelId, dialect, request), rules, ReplyBytes.ChatCompletions, _ => new OpenAiStream())
    {
        Reads = [name],
    };

    private static RequestWriter GenerateContent(string name, string modelId, bool signed) => new(
        name,
        GeminiModel.ProviderName,
        modelId,
        (body, request) => GeminiRequest.Write(body, modelId, request),
        () => new GenerateContentRules(signed),
        calls => ReplyBytes.GenerateContent([.. calls.Select(call => call with { Name = GeminiToolNames.Fit(call.Name) })]),
        tools => new GeminiStream(GeminiToolNames.Renamed(tools)))
    {
        Reads = [name],
    };
}

/// <summary>A call in a reply.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">The tool.</param>
/// <param name="Pieces">Its arguments, in pieces where the format has pieces.</param>
internal sealed record CalledTool(string Id, string Name, IReadOnlyList<string> Pieces);

/// <summary>Replies that call tools, as each format streams them.</summary>
internal static class ReplyBytes
{
    public static byte[] Converse(IReadOnlyList<CalledTool> calls) => ProviderBytes.Frames(
    [
        ("messageStart", """{"role":"assistant"}"""),
        .. calls.SelectMany((call, index) => (IEnumerable<(string, string)>)
        [
            ("contentBlockStart", $$$$"""{"contentBlockIndex":{{{{index}}}},"start":{"toolUse":{"toolUseId":{{{{Text(call.Id)}}}},"name":{{{{Text(call.Name)}}}}}}}"""),
            .. call.Pieces.Select(piece => ("contentBlockDelta", $$$$"""{"contentBlockIndex":{{{{index}}}},"delta":{"toolUse":{"input":{{{{Text(piece)}}}}}}}""")),
            ("contentBlockStop", $$"""{"contentBlockIndex":{{index}}}"""),
        ]),
        ("messageStop", """{"stopReason":"tool_use"}"""),
    ]);

    public static byte[] Messages(IReadOnlyList<CalledTool> calls) => ProviderBytes.Events(
    [
        """{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}""",
        .. calls.SelectMany((call, index) => (IEnumerable<string>)
        [
            $$$$"""{"type":"content_block_start","index":{{{{index}}}},"content_block":{"type":"tool_use","id":{{{{Text(call.Id)}}}},"name":{{{{Text(call.Name)}}}},"input":{}}}""",
            .. call.Pieces.Select(piece => $$$$"""{"type":"content_block_delta","index":{{{{index}}}},"delta":{"type":"input_json_delta","partial_json":{{{{Text(piece)}}}}}}"""),
            $$"""{"type":"content_block_stop","index":{{index}}}""",
        ]),
        """{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":7}}""",
        """{"type":"message_stop"}""",
    ]);

    public static byte[] ChatCompletions(IReadOnlyList<CalledTool> calls) => ProviderBytes.Events(
    [
        .. calls.SelectMany((call, index) => (IEnumerable<string>)
        [
            ProviderBytes.Chunk($$$"""{"tool_calls":[{"index":{{{index}}},"id":{{{Text(call.Id)}}},"type":"function","function":{"name":{{{Text(call.Name)}}},"arguments":""}}]}"""),
            .. call.Pieces.Select(piece => ProviderBytes.Chunk($$$$"""{"tool_calls":[{"index":{{{{index}}}},"function":{"arguments":{{{{Text(piece)}}}}}}]}""")),
        ]),
        ProviderBytes.Chunk("{}", "tool_calls"),
        "[DONE]",
    ]);

    public static byte[] GenerateContent(IReadOnlyList<CalledTool> calls) => ProviderBytes.Events(
    [
        .. calls.Select(call => ProviderBytes.Candidate($$$$"""{"functionCall":{"id":{{{{Text(call.Id)}}}},"name":{{{{Text(call.Name)}}}},"args":{{{{string.Concat(call.Pieces)}}}}}}""")),
        ProviderBytes.Candidate("""{"text":""}""", "STOP"),
    ]);

    private static string Text(string text) => $"\"{JsonEncodedText.Encode(text)}\"";
}
