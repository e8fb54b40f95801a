using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Belay.Contracts.EventStream;

namespace Belay.Tests.Cli;

/// <summary>A server as the command line sees it: answers by method and path, and keeps what it was sent.</summary>
internal sealed class FakeService : HttpMessageHandler
{
    public const string Id = "hello-AbCdEfGhIj";
    public const string Arn = "arn:aws:bedrock-agentcore:us-west-2:000000000000:harness/" + Id;

    private readonly List<(string Start, Queue<Func<HttpResponseMessage>> Answers)> _routes = [];

    public List<SentRequest> Sent { get; } = [];

    /// <summary>The harness that most tests talk about.</summary>
    public static JsonObject Harness(string status = "READY", string version = "1") => JsonNode.Parse($$$$"""
        {"harnessId":"{{{{Id}}}}","harnessName":"hello","arn":"{{{{Arn}}}}","status":"{{{{status}}}}","harnessVersion":"{{{{version}}}}",
         "executionRoleArn":"arn:aws:iam::000000000000:role/Belay","createdAt":"2026-11-21T08:00:00.000Z","updatedAt":"2026-11-21T08:00:01.000Z",
         "model":{"bedrockModelConfig":{"modelId":"belay/scripted"}},"systemPrompt":[],"tools":[],"skills":[],"allowedTools":["*"],
         "truncation":{"strategy":"sliding_window","config":{"slidingWindow":{"messagesCount":150}}},
         "environment":{"agentCoreRuntimeEnvironment":{"lifecycleConfiguration":{"idleRuntimeSessionTimeout":900,"maxLifetime":28800},
           "networkConfiguration":{"networkMode":"PUBLIC"}}},
         "environmentVariables":{"TOKEN":"a-secret-that-must-not-be-shown"},"maxIterations":75,"timeoutSeconds":3600}
        """)!.AsObject();

    /// <summary>Answers requests whose "METHOD /path?query" begins like this; the last answer is repeated.</summary>
    public FakeService On(string start, params Func<HttpResponseMessage>[] answers)
    {
        _routes.Add((start, new(answers)));
        return this;
    }

    /// <summary>The routes that resolve the name <c>hello</c>.</summary>
    public FakeService WithHarness() =>
        On("GET /harnesses?", () => Json(new JsonObject { ["harnesses"] = new JsonArray(Harness()) }))
        .On($"GET /harnesses/{Id}", () => Json(new JsonObject { ["harness"] = Harness() }))
        .On($"GET /belay/v1/harnesses/{Id}/settings", () => Json(new JsonObject
        {
            ["document"] = new JsonObject { ["detach"] = true, ["overridable"] = new JsonArray("model", "tools") },
            ["tags"] = new JsonObject { ["detach"] = "false", ["toolConcurrency"] = "3" },
        }));

    public static HttpResponseMessage Json(JsonNode body, HttpStatusCode status = HttpStatusCode.OK) =>
        new(status) { Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json") };

    public static HttpResponseMessage Fault(HttpStatusCode status, string code, string body)
    {
        var response = new HttpResponseMessage(status) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        response.Headers.Add("x-amzn-ErrorType", code);
        return response;
    }

    /// <summary>A stream of events, one a line: the type, a blank, the payload. A type that begins with ! is an exception.</summary>
    public static HttpResponseMessage Stream(string events)
    {
        var bytes = new ArrayBufferWriter<byte>();
        foreach (var line in events.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var blank = line.IndexOf(' ', StringComparison.Ordinal);
            var (type, payload) = (line[..blank], line[(blank + 1)..].Trim());
            var headers = type[0] == '!' ? EventStreamWriter.ExceptionHeaders(type[1..]) : EventStreamWriter.EventHeaders(type);
            EventStreamWriter.Write(bytes, headers.Span, Encoding.UTF8.GetBytes(payload));
        }

        return StreamOf(bytes.WrittenSpan.ToArray());
    }

    /// <summary>A stream of server-sent events that ends after them.</summary>
    public static HttpResponseMessage SentEvents(string events) => new(HttpStatusCode.OK)
    {
        Content = new StringContent(events, Encoding.UTF8, "text/event-stream"),
    };

    public static HttpResponseMessage StreamOf(byte[] bytes) => new(HttpStatusCode.OK)
    {
        Content = new ByteArrayContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue("application/vnd.amazon.eventstream") } },
    };

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var body = request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken);
        var sent = new SentRequest(
            $"{request.Method} {request.RequestUri!.PathAndQuery}",
            request.RequestUri.GetLeftPart(UriPartial.Authority),
            request.Headers.ToDictionary(header => header.Key, header => string.Join(',', header.Value), StringComparer.OrdinalIgnoreCase),
            body);
        Sent.Add(sent);
        foreach (var (start, answers) in _routes)
        {
            if (sent.Line.StartsWith(start, StringComparison.Ordinal))
            {
                var answer = answers.Count > 1 ? answers.Dequeue()() : answers.Peek()();
                if (answer.StatusCode == HttpStatusCode.SwitchingProtocols)
                {
                    FakeChannel.Accept(request, answer);
                }

                return answer;
            }
        }

        throw new HttpRequestException(HttpRequestError.ConnectionError, $"No route for {sent.Line}.");
    }
}

/// <summary>A request as it went out.</summary>
internal sealed record SentRequest(string Line, string Server, IReadOnlyDictionary<string, string> Headers, string Body)
{
    public JsonObject Json => JsonNode.Parse(Body)!.AsObject();
}
