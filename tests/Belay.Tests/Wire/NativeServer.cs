using System.Net.Http.Headers;
using System.Text;
using Belay.Contracts.Signing;
using Belay.Identity;
using Belay.Sandboxes;
using Belay.Server;
using Belay.Server.Auth;
using Belay.Server.Logging;
using Belay.Storage;
using Belay.Testing.Clients;
using Microsoft.Extensions.Logging;

namespace Belay.Tests.Wire;

/// <summary>The real server, composed as the program composes it, on a free port; only its sandboxes are unconfined.</summary>
internal sealed class NativeServer : IAsyncDisposable
{
    private readonly BelayServer _server;
    private readonly DirectoryInfo _directory;
    private readonly ILoggerFactory _logging;

    private NativeServer(BelayServer server, ServerParts parts, DirectoryInfo directory, ILoggerFactory logging, LogLines log)
    {
        _server = server;
        _directory = directory;
        _logging = logging;
        Parts = parts;
        Log = log;
        Keys = AccessKeys.Open(directory.FullName, MasterKey.LoadOrCreate(directory.FullName), TimeProvider.System, IdSource.System);
        Http = new HttpClient(WireServer.Handler()) { BaseAddress = server.Address, Timeout = TimeSpan.FromSeconds(60) };
    }

    public ServerParts Parts { get; }

    public LogLines Log { get; }

    /// <summary>The same file of keys that the server has.</summary>
    public AccessKeys Keys { get; }

    public AccessKey Key => Keys.List()[0];

    public HttpClient Http { get; }

    public string Directory => _directory.FullName;

    public static async Task<NativeServer> StartAsync(Func<ServerSettings, ServerSettings>? change = null)
    {
        var directory = System.IO.Directory.CreateTempSubdirectory("belay-native-");
        var settings = new ServerSettings { DataDirectory = directory.FullName, Port = 0, Sandboxes = new SandboxSettings { Driver = "unconfined" } };
        settings = change?.Invoke(settings) ?? settings;
        var log = new LogLines();
        var logging = LoggerFactory.Create(builder => builder.SetMinimumLevel(LogLevel.Trace).AddProvider(log));
        var parts = await ServerParts.OpenAsync(settings, logging, new LogLevels(LogLevel.Trace), CancellationToken.None);
        var server = BelayServer.Create(settings, parts);
        await server.StartAsync(CancellationToken.None);
        return new NativeServer(server, parts, directory, logging, log);
    }

    /// <summary>A request signed with a key; the first one when null.</summary>
    public Task<WireServer.Answer> SignedAsync(HttpMethod method, string target, string? json = null, AccessKey? key = null) => SendAsync(method, target, json, request =>
    {
        var signer = key ?? Key;
        SigV4Signer.Sign(request, json is null ? [] : Encoding.UTF8.GetBytes(json), signer.Id, signer.Secret, "us-west-2", SigV4Verifier.Service, TimeProvider.System.GetUtcNow());
    });

    /// <summary>Returns when a harness that was made can be invoked.</summary>
    public Task ReadyAsync(string harnessId) => Eventually.TrueAsync(
        "the harness is ready",
        async () => (await SignedAsync(HttpMethod.Get, $"/harnesses/{harnessId}")).Json.GetProperty("harness").GetProperty("status").GetString() == "READY",
        TestContext.Current.CancellationToken);

    /// <summary>A request with a bearer token.</summary>
    public Task<WireServer.Answer> BearerAsync(HttpMethod method, string target, string token, string? json = null) =>
        SendAsync(method, target, json, request => request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token));

    /// <summary>A request as it is.</summary>
    public async Task<WireServer.Answer> SendAsync(HttpMethod method, string target, string? json = null, Action<HttpRequestMessage>? change = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(_server.Address, target));
        if (json is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(json));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        change?.Invoke(request);
        using var response = await Http.SendAsync(request);
        return await WireServer.Answer.OfAsync(response);
    }

    /// <summary>A bearer token that the first key made.</summary>
    public async Task<(string Id, string Text)> TokenAsync(AccessKey? key = null)
    {
        var made = (await SignedAsync(HttpMethod.Post, "/belay/v1/tokens", "{}", key)).Json;
        return (made.GetProperty("token").GetProperty("tokenId").GetString()!, made.GetProperty("bearerToken").GetString()!);
    }

    /// <summary>Stops as the program does when it is told to.</summary>
    public Task StopAsync() => _server.StopAsync(CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _server.StopAsync(CancellationToken.None);
        await _server.DisposeAsync();
        _logging.Dispose();
        _directory.Delete(recursive: true);
    }

    /// <summary>Everything that was logged, at every level.</summary>
    internal sealed class LogLines : ILoggerProvider, ILogger
    {
        private readonly StringBuilder _text = new();
        private readonly LoggerExternalScopeProvider _scopes = new();

        public string Text
        {
            get
            {
                lock (_text)
                {
                    return _text.ToString();
                }
            }
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
        {
            Write(state.ToString());
            return _scopes.Push(state);
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Write($"{formatter(state, exception)} {exception} {Scopes()}");

        public void Dispose()
        {
        }

        private string Scopes()
        {
            var names = new StringBuilder();
            _scopes.ForEachScope(static (scope, into) => into.AppendJoin(' ', (scope as IEnumerable<KeyValuePair<string, object?>> ?? []).Select(one => $"{one.Key}={one.Value}")), names);
            return names.ToString();
        }

        private void Write(string? line)
        {
            lock (_text)
            {
                _text.AppendLine(line);
            }
        }
    }
}
