using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Contracts.Runtimes;
using Belay.Contracts.Signing;
using Belay.Identity;
using Belay.Server;
using Belay.Server.Auth;
using Belay.Server.Wire;
using Belay.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Tests.Wire;

/// <summary>A real server on a free port with operations made for tests, and a client that signs.</summary>
public sealed class WireServer : IAsyncDisposable
{
    public const string Arn = "arn:aws:bedrock-agentcore:us-west-2:000000000000:harness/MyHarness-0123456789";
    public const string InvokePath = "/harnesses/invoke?harnessArn=arn%3Aaws%3Abedrock-agentcore%3Aus-west-2%3A000000000000%3Aharness%2FMyHarness-0123456789";
    public const string SessionHeader = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id";
    public const string Session = "123456789012345678901234567890123";

    private readonly BelayServer _server;
    private readonly DirectoryInfo _directory;

    private WireServer(BelayServer server, DirectoryInfo directory, AccessKeys keys)
    {
        _server = server;
        _directory = directory;
        Keys = keys;
        Http = new HttpClient(Handler()) { BaseAddress = server.Address, Timeout = TimeSpan.FromSeconds(60) };
    }

    public AccessKeys Keys { get; }

    public AccessKey Key => Keys.List()[0];

    public HttpClient Http { get; }

    public static async Task<WireServer> StartAsync(WireSettings? wire = null, Func<OperationCall, CancellationToken, Task>? invoke = null, Func<ServerParts, ServerParts>? compose = null, bool tls = false)
    {
        var directory = Directory.CreateTempSubdirectory("belay-wire-");
        var settings = new ServerSettings { DataDirectory = directory.FullName, Port = 0, Wire = wire ?? new(), CertificatePath = tls ? SelfSigned(directory.FullName) : null };
        var keys = FirstKeys(settings);
        var parts = Parts(keys) with { Operations = Operations(invoke ?? EchoAsync) };
        parts = compose?.Invoke(parts) ?? parts;
        var server = BelayServer.Create(settings, parts);
        await server.StartAsync(CancellationToken.None);
        return new WireServer(server, directory, keys);
    }

    /// <summary>Sends headers in UTF-8, and closes a connection at once when an answer on it is not wanted any more.</summary>
    public static SocketsHttpHandler Handler() => new() { RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8, ResponseDrainTimeout = TimeSpan.Zero };

    /// <summary>Makes a certificate with its key, as one PEM file.</summary>
    public static string SelfSigned(string directory)
    {
        using var key = ECDsa.Create();
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        var path = Path.Combine(directory, "server.pem");
        File.WriteAllText(path, certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
        return path;
    }

    /// <summary>The wire alone, without operations.</summary>
    public static ServerParts Parts(AccessKeys keys) =>
        new() { Operations = [], Authenticator = new SigV4Verifier(keys, TimeProvider.System), Logging = NullLoggerFactory.Instance };

    /// <summary>The keys of a new data directory.</summary>
    public static AccessKeys FirstKeys(ServerSettings settings)
    {
        var keys = AccessKeys.Open(settings.DataDirectory, MasterKey.LoadOrCreate(settings.DataDirectory), TimeProvider.System, IdSource.System);
        keys.EnsureFirst(settings.DefaultAccount);
        return keys;
    }

    /// <summary>Sends a signed request and reads the whole answer.</summary>
    public async Task<Answer> SendAsync(HttpMethod method, string target, string? json = null, Action<HttpRequestMessage>? change = null, string service = SigV4Verifier.Service)
    {
        using var request = Request(method, target, json);
        Sign(request, json is null ? [] : Encoding.UTF8.GetBytes(json), service);
        change?.Invoke(request);
        using var response = await Http.SendAsync(request);
        return await Answer.OfAsync(response);
    }

    public void Sign(HttpRequestMessage request, byte[] body, string service = SigV4Verifier.Service, DateTimeOffset? at = null) =>
        SigV4Signer.Sign(request, body, Key.Id, Key.Secret, "us-west-2", service, at ?? TimeProvider.System.GetUtcNow());

    public HttpRequestMessage Request(HttpMethod method, string target, string? json)
    {
        var request = new HttpRequestMessage(method, new Uri(_server.Address, target));
        if (json is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(json));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        if (target.StartsWith("/harnesses/invoke", StringComparison.Ordinal))
        {
            request.Headers.Add(SessionHeader, Session);
        }

        return request;
    }

    public Task StopAsync() => _server.StopAsync(CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _server.StopAsync(CancellationToken.None);
        await _server.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    public static string Invocation(string text) =>
        JsonSerializer.Serialize(new { messages = new[] { new { role = "user", content = new[] { new { text } } } } });

    public static string Text(InvokeHarnessRequest request) => request.Messages[0].Content[0].Text!;

    private static Task EchoAsync(OperationCall call, CancellationToken cancellationToken)
    {
        var request = call.Bind(BelayJson.Default.InvokeHarnessRequest);
        return call.RespondAsync(200, new Dictionary<string, string> { ["echo"] = Text(request) }, BelayJson.Default.DictionaryStringString);
    }

    private static List<Operation> Operations(Func<OperationCall, CancellationToken, Task> invoke) =>
    [
        new("InvokeHarness", "POST", "/harnesses/invoke", Operation.InvokeBodyBytes, invoke),
        new("CreateHarness", "POST", "/harnesses", Operation.ControlBodyBytes, (call, _) =>
            call.RespondAsync(201, new() { ["name"] = call.Bind(BelayJson.Default.CreateHarnessRequest).HarnessName }, BelayJson.Default.DictionaryStringString)),
        new("GetHarness", "GET", "/harnesses/{harnessId}", Operation.ControlBodyBytes, (call, _) =>
            throw new ServiceException(FaultCode.ResourceNotFoundException, $"Harness {call.Bind(BelayJson.Default.GetHarnessRequest).HarnessId} does not exist.")),
        new("ListHarnesses", "GET", "/harnesses", Operation.ControlBodyBytes, (call, _) =>
            call.RespondAsync(200, new() { ["page"] = $"{call.Bind(BelayJson.Default.ListHarnessesRequest).MaxResults}" }, BelayJson.Default.DictionaryStringString)),
        new("DeleteHarness", "DELETE", "/harnesses/{harnessId}", Operation.ControlBodyBytes, (_, _) =>
            throw new FormatException("secret detail of a bug")),
        new("UntagResource", "DELETE", "/tags/{resourceArn}", Operation.ControlBodyBytes, (call, _) =>
        {
            var request = call.Bind(BelayJson.Default.UntagResourceRequest);
            return call.RespondAsync(200, new() { [request.ResourceArn] = string.Join('|', request.TagKeys) }, BelayJson.Default.DictionaryStringString);
        }),
        new("StopRuntimeSession", "POST", "/runtimes/{agentRuntimeArn}/stopruntimesession", Operation.ControlBodyBytes, (call, _) =>
        {
            var request = call.Bind(BelayJson.Default.StopRuntimeSessionRequest);
            return call.RespondAsync(200, new StopRuntimeSessionResponse { RuntimeSessionId = request.RuntimeSessionId, StatusCode = 200 }, BelayJson.Default.StopRuntimeSessionResponse);
        }),
        new("InvokeAgentRuntimeCommand", "POST", "/runtimes/{agentRuntimeArn}/commands", Operation.ControlBodyBytes, (call, _) =>
            call.RespondAsync(200, new() { ["command"] = call.Bind(BelayJson.Default.InvokeAgentRuntimeCommandRequest).Body.Command }, BelayJson.Default.DictionaryStringString)),
    ];

    public sealed record Answer(int Status, string? ErrorType, string Body, string RequestId, HttpResponseHeaders Headers)
    {
        public JsonElement Json => JsonDocument.Parse(Body).RootElement;

        public string Message => Json.GetProperty("message").GetString()!;

        public static async Task<Answer> OfAsync(HttpResponseMessage response) => new(
            (int)response.StatusCode,
            response.Headers.TryGetValues("x-amzn-ErrorType", out var type) ? type.Single() : null,
            await response.Content.ReadAsStringAsync(),
            response.Headers.GetValues("x-amzn-RequestId").Single(),
            response.Headers);
    }
}
