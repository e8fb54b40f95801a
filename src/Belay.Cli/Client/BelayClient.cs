using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Signing;

namespace Belay.Cli.Client;

/// <summary>
/// Speaks the AWS wire protocol to a server: signs each request and turns every way in which it can fail into a
/// <see cref="CliException"/> that says what was attempted. Nothing is retried; the reader decides.
/// </summary>
internal sealed partial class BelayClient(Connection connection, HttpMessageHandler handler, TimeProvider time) : IDisposable
{
    private const string SessionHeader = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id";
    private const string UserHeader = "X-Amzn-Bedrock-AgentCore-Runtime-User-Id";
    private const string SettingsHeader = "X-Belay-Settings";
    private const string EventStream = "application/vnd.amazon.eventstream";
    private const string SigningName = "bedrock-agentcore";
    private const int LargestAnswerBytes = 64 * 1024 * 1024;
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(60);

    // Streams live as long as their invocation; everything else has AnswerTimeout.
    private readonly HttpClient _http = new(handler) { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>Which server this is, and as whom.</summary>
    public Connection Connection { get; } = connection;

    /// <summary>CreateHarness, with the document of Belay's own settings where there is one.</summary>
    public Task<JsonElement> CreateHarnessAsync(JsonObject body, JsonObject? settings, CancellationToken cancellationToken) =>
        AnswerAsync("create the harness", HttpMethod.Post, Connection.Control, "/harnesses", body, cancellationToken, (SettingsHeader, settings?.ToJsonString()));

    /// <summary>GetHarness.</summary>
    public Task<JsonElement> GetHarnessAsync(string harnessId, string? version, CancellationToken cancellationToken) =>
        AnswerAsync($"get harness {harnessId}", HttpMethod.Get, Connection.Control, $"/harnesses/{Escape(harnessId)}{Query(("harnessVersion", version))}", null, cancellationToken);

    /// <summary>UpdateHarness, with a new document of Belay's own settings; the old one stays when null.</summary>
    public Task<JsonElement> UpdateHarnessAsync(string harnessId, JsonObject body, JsonObject? settings, CancellationToken cancellationToken) =>
        AnswerAsync(
            $"update harness {harnessId}", HttpMethod.Patch, Connection.Control, $"/harnesses/{Escape(harnessId)}", body, cancellationToken, (SettingsHeader, settings?.ToJsonString()));

    /// <summary>DeleteHarness.</summary>
    public Task<JsonElement> DeleteHarnessAsync(string harnessId, string clientToken, bool? deleteManagedMemory, CancellationToken cancellationToken) =>
        AnswerAsync(
            $"delete harness {harnessId}",
            HttpMethod.Delete,
            Connection.Control,
            $"/harnesses/{Escape(harnessId)}{Query(("clientToken", clientToken), ("deleteManagedMemory", deleteManagedMemory switch { true => "true", false => "false", null => null }))}",
            null,
            cancellationToken);

    /// <summary>Every harness of the account, page by page, newest first.</summary>
    public async IAsyncEnumerable<JsonElement> ListHarnessesAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? next = null;
        do
        {
            var page = await AnswerAsync("list the harnesses", HttpMethod.Get, Connection.Control, $"/harnesses{Query(("maxResults", "100"), ("nextToken", next))}", null, cancellationToken);
            foreach (var harness in page.Items("harnesses"))
            {
                yield return harness;
            }

            next = page.Text("nextToken");
        }
        while (next is not null);
    }

    /// <summary>InvokeHarness: the events of the stream, until it ends. A fault in the stream is thrown where it stands.</summary>
    public IAsyncEnumerable<StreamEvent> InvokeAsync(InvokeCall call, CancellationToken cancellationToken) =>
        StreamAsync(
            "invoke the harness",
            $"/harnesses/invoke{Query(("harnessArn", call.HarnessArn), ("qualifier", call.Qualifier))}",
            call.Body,
            [(SessionHeader, call.SessionId), (UserHeader, call.UserId)],
            call.Traced,
            cancellationToken);

    /// <summary>InvokeAgentRuntimeCommand: the chunks of the stream, until it ends.</summary>
    public IAsyncEnumerable<StreamEvent> ExecuteAsync(string harnessArn, string? qualifier, string sessionId, JsonObject body, CancellationToken cancellationToken) =>
        StreamAsync(
            "run the command",
            $"/runtimes/{Escape(harnessArn)}/commands{Query(("qualifier", qualifier))}",
            body,
            [(SessionHeader, sessionId)],
            traced: null,
            cancellationToken);

    /// <summary>StopRuntimeSession.</summary>
    public Task StopSessionAsync(string harnessArn, string? qualifier, string sessionId, string clientToken, CancellationToken cancellationToken) =>
        AnswerAsync(
            $"stop session {sessionId}",
            HttpMethod.Post,
            Connection.Data,
            $"/runtimes/{Escape(harnessArn)}/stopruntimesession{Query(("qualifier", qualifier))}",
            new JsonObject { ["clientToken"] = clientToken },
            cancellationToken,
            (SessionHeader, sessionId));

    /// <summary>CreateBackup: copies the archive. That it is whole, only reading it tells.</summary>
    public async Task BackupAsync(string passphrase, Stream output, IProgress<long> progress, CancellationToken cancellationToken)
    {
        const string Attempt = "back up";
        using var response = await SendAsync(Attempt, HttpMethod.Post, Connection.Control, "/belay/v1/backup", new JsonObject { ["passphrase"] = passphrase }, [], cancellationToken);
        try
        {
            await using var archive = await response.Content.ReadAsStreamAsync(cancellationToken);
            var buffer = new byte[128 * 1024];
            var copied = 0L;
            while (await archive.ReadAsync(buffer, cancellationToken) is > 0 and var read)
            {
                await output.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                progress.Report(copied += read);
            }
        }
        catch (Exception cause) when (cause is HttpRequestException or HttpIOException)
        {
            throw new CliException(ExitCode.Failed, "Could not back up: the server ended the archive before it was whole.", "The server's log says why.", cause);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<JsonElement> AnswerAsync(
        string attempt,
        HttpMethod method,
        Uri server,
        string pathAndQuery,
        JsonObject? body,
        CancellationToken cancellationToken,
        params (string Name, string? Value)[] headers)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(AnswerTimeout);
        try
        {
            using var response = await SendAsync(attempt, method, server, pathAndQuery, body, headers, deadline.Token);
            var bytes = await ReadBodyAsync(attempt, server, response, deadline.Token);
            return bytes.Length == 0 ? default : Parse(attempt, server, bytes);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw NoAnswer(attempt, server);
        }
    }

    private async IAsyncEnumerable<StreamEvent> StreamAsync(
        string attempt,
        string pathAndQuery,
        JsonObject body,
        (string Name, string? Value)[] headers,
        Action<string>? traced,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var response = await SendAsync(attempt, HttpMethod.Post, Connection.Data, pathAndQuery, body, headers, cancellationToken);
        if (TraceHeader.Find(response.Headers) is { } trace)
        {
            traced?.Invoke(trace);
        }

        if (response.Content.Headers.ContentType?.MediaType != EventStream)
        {
            throw NotBelay(attempt, Connection.Data, $"it answered {response.Content.Headers.ContentType?.MediaType ?? "without a content type"} where an event stream was due");
        }

        await using var bytes = await response.Content.ReadAsStreamAsync(cancellationToken);
        await foreach (var item in ResponseStream.ReadAsync(attempt, bytes, cancellationToken))
        {
            yield return item;
        }
    }

    private async Task<HttpResponseMessage> SendAsync(
        string attempt,
        HttpMethod method,
        Uri server,
        string pathAndQuery,
        JsonObject? body,
        (string Name, string? Value)[] headers,
        CancellationToken cancellationToken)
    {
        using var request = Request(method, server, pathAndQuery);
        var bytes = body is null ? [] : Encoding.UTF8.GetBytes(body.ToJsonString());
        if (body is not null)
        {
            request.Content = new ByteArrayContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        }

        foreach (var (name, value) in headers)
        {
            if (value is not null)
            {
                request.Headers.Add(name, value);
            }
        }

        Sign(request, bytes);
        return await SendAsync(attempt, server, request, cancellationToken);
    }

    private void Sign(HttpRequestMessage request, ReadOnlySpan<byte> body) =>
        SigV4Signer.Sign(request, body, Connection.Key.AccessKeyId, Connection.Key.Secret, Connection.Region, SigningName, time.GetUtcNow());

    // The target is written as it is: Uri would leave an escaped slash alone but not every escaped colon.
    private static HttpRequestMessage Request(HttpMethod method, Uri server, string pathAndQuery) =>
        new(method, new Uri(server.GetLeftPart(UriPartial.Authority) + pathAndQuery, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));

    private async Task<HttpResponseMessage> SendAsync(string attempt, Uri server, HttpRequestMessage request, CancellationToken cancellationToken)
    {
        HttpResponseMessage response;
        try
        {
            response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        }
        catch (HttpRequestException cause)
        {
            throw CannotConnect(attempt, server, cause);
        }

        if (response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.SwitchingProtocols)
        {
            return response;
        }

        using (response)
        {
            throw Fault(attempt, server, response, await ReadBodyAsync(attempt, server, response, cancellationToken));
        }
    }

    private async Task<byte[]> ReadBodyAsync(string attempt, Uri server, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            await response.Content.LoadIntoBufferAsync(LargestAnswerBytes, cancellationToken);
            return await response.Content.ReadAsByteArrayAsync(cancellationToken);
        }
        catch (HttpRequestException cause)
        {
            throw CannotConnect(attempt, server, cause);
        }
    }

    private static JsonElement Parse(string attempt, Uri server, byte[] bytes)
    {
        try
        {
            return JsonElement.Parse(bytes, new JsonDocumentOptions { MaxDepth = BelayJson.MaxDepth });
        }
        catch (JsonException cause)
        {
            throw NotBelay(attempt, server, "it answered something that is not JSON", cause);
        }
    }

    private static CliException Fault(string attempt, Uri server, HttpResponseMessage response, byte[] bytes)
    {
        // A server that answers errors in another form is a proxy, or not Belay at all.
        var code = response.Headers.TryGetValues("x-amzn-errortype", out var values) ? values.First().Split(':')[0] : null;
        JsonElement body = default;
        try
        {
            body = JsonElement.Parse(bytes, new JsonDocumentOptions { MaxDepth = BelayJson.MaxDepth });
        }
        catch (JsonException) when (code is null)
        {
            return NotBelay(attempt, server, $"it answered HTTP {(int)response.StatusCode}");
        }
        catch (JsonException)
        {
        }

        code ??= body.Text("__type")?.Split('#')[^1];
        return code is null
            ? NotBelay(attempt, server, $"it answered HTTP {(int)response.StatusCode}")
            : Fault(attempt, code, body, response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden);
    }

    /// <summary>A fault as the service reported it, before or in a stream.</summary>
    public static CliException Fault(string attempt, string code, JsonElement body, bool refused)
    {
        var fields = body.Items("fieldList")
            .Select(field => new FieldProblem(field.Text("name") ?? "?", field.Text("message") ?? "is wrong"))
            .ToList();
        var message = fields.Count > 0
            ? $"Could not {attempt}: the service found {(fields.Count == 1 ? "one problem" : $"{fields.Count} problems")}."
            : $"Could not {attempt}: {body.Text("message") ?? code}";
        return new CliException(refused ? ExitCode.Refused : ExitCode.Failed, message, Hint(code, refused)) { Fault = code, Fields = fields };
    }

    private static string? Hint(string code, bool refused) => code switch
    {
        _ when refused => "Point this shell at the server's own keys: eval \"$(belay env --data DIR)\", or name its directory with --data DIR.",
        nameof(FaultCode.ThrottlingException) => "The server is asked too often; try again in a moment.",
        nameof(FaultCode.RetryableConflictException) => "The session is changing state; try again in a moment.",
        nameof(FaultCode.InternalServerException) => "The server's log says why.",
        _ => null,
    };

    private CliException CannotConnect(string attempt, Uri server, Exception cause) => new(
        ExitCode.CannotConnect,
        $"Could not {attempt}: no server answers at {server.GetLeftPart(UriPartial.Authority)}{Reason(cause)}.",
        Connection.WhenAbsent(server),
        cause)
    { OnOneLine = true };

    private static string Reason(Exception cause) => cause switch
    {
        HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError } => " (connection refused)",
        HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError } => " (no such host)",
        HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } => " (TLS failed)",
        _ => " (the connection broke)",
    };

    private static CliException NoAnswer(string attempt, Uri server) => new(
        ExitCode.CannotConnect,
        $"Could not {attempt}: {server.GetLeftPart(UriPartial.Authority)} accepted the connection but did not answer within {AnswerTimeout.TotalSeconds:0} s.",
        "The server's log may say why.");

    private static CliException NotBelay(string attempt, Uri server, string what, Exception? cause = null) => new(
        ExitCode.Failed,
        $"Could not {attempt}: {server.GetLeftPart(UriPartial.Authority)} does not speak Belay's protocol; {what}.",
        "Check --url and --port.",
        cause);

    private static string Escape(string segment) => Uri.EscapeDataString(segment);

    private static string Query(params (string Name, string? Value)[] parameters)
    {
        var present = parameters.Where(parameter => parameter.Value is not null).Select(parameter => $"{parameter.Name}={Escape(parameter.Value!)}");
        var query = string.Join('&', present);
        return query.Length == 0 ? query : "?" + query;
    }
}

/// <summary>Input of InvokeHarness.</summary>
/// <param name="HarnessArn">The harness.</param>
/// <param name="Qualifier">Endpoint; <c>DEFAULT</c> when null.</param>
/// <param name="SessionId">The session.</param>
/// <param name="UserId">User on whose behalf the call is made.</param>
/// <param name="Body">Messages and overrides.</param>
internal sealed record InvokeCall(string HarnessArn, string? Qualifier, string SessionId, string? UserId, JsonObject Body)
{
    /// <summary>Is told the id of the call's trace before the first event, when the server says it.</summary>
    public Action<string>? Traced { get; init; }
}
