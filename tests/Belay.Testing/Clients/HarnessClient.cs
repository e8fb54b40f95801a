using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;

namespace Belay.Testing.Clients;

/// <summary>A plain signed HTTP client of a Belay server, for what the SDKs hide: raw frames, early leaving, timing.</summary>
public sealed class HarnessClient(Uri url, string accessKeyId, string secretAccessKey, string region) : IDisposable
{
    private const string SessionHeader = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id";
    private const string RoleArn = "arn:aws:iam::123456789012:role/EndToEndRole";

    // No proxy, cookies or redirects: what is measured and tested is the server alone.
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false, AllowAutoRedirect = false })
    {
        BaseAddress = url,
        Timeout = Timeout.InfiniteTimeSpan,
    };

    private readonly SigV4 _signer = new(accessKeyId, secretAccessKey, region, TimeProvider.System);

    /// <summary>Sends a signed request; the answer's body is not read yet.</summary>
    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string target, JsonNode? body, string? sessionId, CancellationToken cancellationToken)
    {
        var bytes = body is null ? [] : Encoding.UTF8.GetBytes(body.ToJsonString());
        using var request = new HttpRequestMessage(method, new Uri(url, target));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(bytes);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        }

        if (sessionId is not null)
        {
            request.Headers.TryAddWithoutValidation(SessionHeader, sessionId);
        }

        _signer.Sign(request, bytes);
        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    /// <summary>Asks for a stream of server-sent events and yields its lines. Leaving early closes the connection.</summary>
    public async IAsyncEnumerable<string> ReadEventsAsync(string target, string? lastEventId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(url, target));
        request.Headers.TryAddWithoutValidation("Accept", "text/event-stream");
        if (lastEventId is not null)
        {
            request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
        }

        _signer.Sign(request, []);
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            yield return line;
        }
    }

    /// <summary>Sends a signed request and answers its JSON; throws <see cref="WireException"/> for any other status than 2xx.</summary>
    public async Task<JsonObject> CallAsync(HttpMethod method, string target, JsonNode? body, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(method, target, body, sessionId: null, cancellationToken);
        return await ReadJsonAsync(response, cancellationToken);
    }

    /// <summary>Creates a harness and answers it once it is READY.</summary>
    public async Task<JsonObject> CreateHarnessAsync(string name, JsonObject members, CancellationToken cancellationToken)
    {
        var request = (JsonObject)members.DeepClone();
        request["harnessName"] = name;
        request["executionRoleArn"] ??= RoleArn;
        var created = await CallAsync(HttpMethod.Post, "/harnesses", request, cancellationToken);
        var id = (string)created["harness"]!["harnessId"]!;
        return await Eventually.GetAsync(
            $"harness {id} is READY",
            async () =>
            {
                var harness = (await CallAsync(HttpMethod.Get, $"/harnesses/{id}", body: null, cancellationToken))["harness"]!.AsObject();
                return (string?)harness["status"] == "READY" ? harness : null;
            },
            cancellationToken);
    }

    /// <summary>Invokes a harness with one user message and yields the frames of its stream.</summary>
    public IAsyncEnumerable<WireFrame> InvokeAsync(string harnessArn, string sessionId, string text, CancellationToken cancellationToken) =>
        InvokeAsync(harnessArn, sessionId, UserText(text), cancellationToken);

    /// <summary>Invokes a harness and yields the frames of its stream. Leaving early closes the connection.</summary>
    public async IAsyncEnumerable<WireFrame> InvokeAsync(
        string harnessArn, string sessionId, JsonObject body, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var response = await SendAsync(
            HttpMethod.Post, $"/harnesses/invoke?harnessArn={Uri.EscapeDataString(harnessArn)}", body, sessionId, cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            await ReadJsonAsync(response, cancellationToken);
        }

        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        await foreach (var frame in EventStreamFrames.ReadAsync(stream, cancellationToken))
        {
            yield return frame;
        }
    }

    /// <summary>Invokes a harness and reads its stream to the end; each frame is also shown as it arrives.</summary>
    public async Task<Turn> TurnAsync(string harnessArn, string sessionId, JsonObject body, CancellationToken cancellationToken, Action<WireFrame>? seen = null)
    {
        var frames = new List<WireFrame>();
        await foreach (var frame in InvokeAsync(harnessArn, sessionId, body, cancellationToken))
        {
            frames.Add(frame);
            seen?.Invoke(frame);
        }

        return new Turn(frames);
    }

    /// <summary>Invokes a harness with one user message and reads its stream to the end.</summary>
    public Task<Turn> TurnAsync(string harnessArn, string sessionId, string text, CancellationToken cancellationToken) =>
        TurnAsync(harnessArn, sessionId, UserText(text), cancellationToken);

    /// <summary>Runs a command in a session's sandbox.</summary>
    public async Task<CommandRun> CommandAsync(string harnessArn, string sessionId, string command, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(
            HttpMethod.Post,
            $"/runtimes/{Uri.EscapeDataString(harnessArn)}/commands",
            new JsonObject { ["command"] = command, ["timeout"] = 60 },
            sessionId,
            cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            await ReadJsonAsync(response, cancellationToken);
        }

        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var run = new CommandRun("", "", int.MinValue);
        await foreach (var frame in EventStreamFrames.ReadAsync(stream, cancellationToken))
        {
            if (frame.Type != "chunk")
            {
                throw new WireException(200, frame.Type, (string?)frame.Payload["message"] ?? "");
            }

            run = new CommandRun(
                run.Stdout + (string?)frame.Payload["contentDelta"]?["stdout"],
                run.Stderr + (string?)frame.Payload["contentDelta"]?["stderr"],
                (int?)frame.Payload["contentStop"]?["exitCode"] ?? run.ExitCode);
        }

        return run;
    }

    /// <summary>The body of an invocation with one user message.</summary>
    public static JsonObject UserText(string text) => new()
    {
        ["messages"] = new JsonArray(new JsonObject
        {
            ["role"] = "user",
            ["content"] = new JsonArray(new JsonObject { ["text"] = text }),
        }),
    };

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static async Task<JsonObject> ReadJsonAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        if (response.IsSuccessStatusCode)
        {
            return text.Length == 0 ? [] : JsonNode.Parse(text)!.AsObject();
        }

        var type = response.Headers.TryGetValues("x-amzn-ErrorType", out var values) ? values.First() : "";
        throw new WireException((int)response.StatusCode, type, text);
    }
}

/// <summary>What a command printed and how it ended.</summary>
public sealed record CommandRun(string Stdout, string Stderr, int ExitCode);

/// <summary>A refusal of the server.</summary>
public sealed class WireException(int status, string type, string body) : Exception($"{status} {type}: {body}")
{
    /// <summary>HTTP status.</summary>
    public int Status { get; } = status;

    /// <summary>Error code.</summary>
    public string Type { get; } = type;
}

/// <summary>One invocation as its frames tell it.</summary>
public sealed record Turn(IReadOnlyList<WireFrame> Frames)
{
    /// <summary>What the model said.</summary>
    public string Text => string.Concat(Frames.Where(frame => frame.Type == "contentBlockDelta").Select(frame => (string?)frame.Payload["delta"]!["text"]));

    /// <summary>Stop reasons, in order.</summary>
    public string[] Stops => [.. Frames.Where(frame => frame.Type == "messageStop").Select(frame => (string)frame.Payload["stopReason"]!)];

    /// <summary>Totals of the invocation; null when it ended with an exception.</summary>
    public JsonObject? Metadata => Frames.SingleOrDefault(frame => frame.Type == "metadata")?.Payload;

    /// <summary>The exception that ended the stream; null when it ended normally.</summary>
    public WireFrame? Exception => Frames is [.., { MessageType: not "event" } last] ? last : null;

    /// <summary>Text and JSON of the tools' answers, each as one string, in order.</summary>
    public string[] ToolResults => [.. ToolResultsOf(Frames)];

    /// <summary>Statuses of the tools' answers, in order.</summary>
    public string[] ToolStatuses =>
        [.. Frames.Select(frame => (string?)frame.Payload["start"]?["toolResult"]?["status"]).OfType<string>()];

    private static IEnumerable<string> ToolResultsOf(IEnumerable<WireFrame> frames)
    {
        StringBuilder? open = null;
        foreach (var frame in frames)
        {
            if (frame.Payload["start"]?["toolResult"] is not null)
            {
                open = new StringBuilder();
            }
            else if (frame.Payload["delta"]?["toolResult"] is JsonArray items)
            {
                foreach (var item in items)
                {
                    open!.Append((string?)item!["text"] ?? item["json"]!.ToJsonString());
                }
            }
            else if (frame.Type == "contentBlockStop" && open is not null)
            {
                yield return open.ToString();
                open = null;
            }
        }
    }
}
