using System.Text.Json.Nodes;
using Belay.Testing.Clients;
using Belay.Testing.Processes;
using Belay.Testing.Providers;
using Belay.Testing.Telemetry;

namespace Belay.EndToEnd.Storage;

/// <summary>
/// Every provider is called with its own key, by a tool turn that looks for it and by one whose provider repeats it in a refusal.
/// Then every place is searched: what clients read, the sandbox, the journal as it is exported, what telemetry was sent, the log
/// and every byte of the data directory.
/// </summary>
public sealed class ProviderKeyTests : IAsyncLifetime
{
    private const string Canary = "canary-key-c41d-";
    private const string DerivedToken = "bedrock-api-key-";
    private const string Look = "!call shell {\"command\":\"echo looked; env; cat /proc/[0-9]*/environ | tr '\\\\0' '\\\\n'\"}\n!then\n!say Nothing.";

    private BelayProcess? _server;
    private ScriptedProviderServer? _provider;
    private OtlpSink? _sink;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    private HarnessClient Client => _server!.Client;

    public async ValueTask InitializeAsync()
    {
        _sink = await OtlpSink.StartAsync();
        _provider = await ScriptedProviderServer.StartAsync(CancellationToken);
        var variables = ScriptedProviders.Environment(_provider.Url, SecretOf);
        variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = _sink.Url;
        variables["OTEL_BSP_SCHEDULE_DELAY"] = "100";
        _server = await BelayProcess.StartAsync(variables, ["--log-format", "json", "--log-level", "trace", "--provider-keys"], CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var one in (IAsyncDisposable?[])[_server, _provider, _sink])
        {
            if (one is not null)
            {
                await one.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task EveryProvidersKey_ReachesItsProviderAndNobodyElse()
    {
        // 1. Every key is used, and repeated by its provider.
        var harness = await Client.CreateHarnessAsync("keys", new JsonObject { ["model"] = ScriptedProviders.All[0].Configuration.DeepClone() }, CancellationToken);
        var seen = await Task.WhenAll(ScriptedProviders.All.Select(model => UseAsync(harness, model)));

        Assert.Empty(_provider!.Replies.Problems);
        var sent = _provider.Replies.Calls.Select(call => call.Key).Where(key => key.StartsWith(Canary, StringComparison.Ordinal)).ToHashSet();
        var keys = ScriptedProviders.Environment(_provider.Url, variable => $"{Canary}{variable}").Values.Where(value => value.StartsWith(Canary, StringComparison.Ordinal)).ToList();
        Assert.Equal(keys.Where(key => !key.EndsWith("AWS_SECRET_ACCESS_KEY", StringComparison.Ordinal)).Order(StringComparer.Ordinal), sent.Order(StringComparer.Ordinal));

        // 2. Nobody was shown one: not the client, not the sandbox, not the reader of the journal.
        Assert.All(seen, text => Assert.DoesNotContain(Canary, text, StringComparison.Ordinal));
        Assert.All(seen, text => Assert.DoesNotContain(DerivedToken, text, StringComparison.Ordinal));
        Assert.All(seen, text => Assert.Contains("looked", text, StringComparison.Ordinal));
        Assert.All(seen, text => Assert.Contains("HTTP 401", text, StringComparison.Ordinal));

        // 3. Telemetry got the spans, and no key.
        await Eventually.TrueAsync("every turn's span has arrived", () => Task.FromResult(_sink!.Spans.Count(span => span.Name == "InvokeHarness") == 2 * ScriptedProviders.All.Count), CancellationToken);
        var exported = _sink!.Spans.SelectMany(span => span.Attributes.Concat(span.Events.SelectMany(one => one.Attributes))).Select(one => one.Value.ToString());
        Assert.All(exported, text => Assert.DoesNotContain(Canary, text, StringComparison.Ordinal));
        Assert.All(exported, text => Assert.DoesNotContain(DerivedToken, text, StringComparison.Ordinal));

        // 4. Nothing at rest and nothing in the log, while the server runs and after it was killed.
        Canaries.AssertUnreadable(_server!, [Canary, DerivedToken]);
        await _server!.Kill9Async(CancellationToken);
        Canaries.AssertUnreadable(_server, [Canary, DerivedToken]);
    }

    private static string SecretOf(string variable) => $"{Canary}{variable}";

    /// <summary>Everything that is to be read of two turns.</summary>
    private async Task<string> UseAsync(JsonObject harness, ScriptedProviderModel model)
    {
        var arn = (string)harness["arn"]!;
        var session = $"session-{Guid.CreateVersion7()}";
        var looked = await Client.TurnAsync(arn, session, Body(Look), CancellationToken);
        var refused = await Client.TurnAsync(arn, session, Body("!fail refused"), CancellationToken);
        Assert.Equal("Nothing.", looked.Text);
        Assert.NotNull(refused.Exception);

        var id = (string)harness["harnessId"]!;
        using var bundle = await Client.SendAsync(HttpMethod.Get, $"/belay/v1/harnesses/{id}/sessions/{session}/bundle", body: null, sessionId: null, CancellationToken);
        var traces = await Client.CallAsync(HttpMethod.Get, $"/belay/v1/traces?harnessId={id}&sessionId={session}", body: null, CancellationToken);
        var logs = await Client.CallAsync(HttpMethod.Get, $"/belay/v1/logs?harnessId={id}&sessionId={session}", body: null, CancellationToken);
        return string.Join(
            '\n',
            [.. looked.Frames.Concat(refused.Frames).Select(frame => frame.Payload.ToJsonString()), await bundle.Content.ReadAsStringAsync(CancellationToken), traces.ToJsonString(), logs.ToJsonString()]);

        JsonObject Body(string text)
        {
            var body = HarnessClient.UserText(text);
            body["model"] = model.Configuration.DeepClone();
            return body;
        }
    }
}
