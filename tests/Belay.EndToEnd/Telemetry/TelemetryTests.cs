using System.Text.Json.Nodes;
using Belay.Testing.Clients;
using Belay.Testing.Processes;
using Belay.Testing.Providers;
using Belay.Testing.Telemetry;

namespace Belay.EndToEnd.Telemetry;

/// <summary>The real server with a real collector, a real provider and a real sandbox.</summary>
public sealed class TelemetryTests : IAsyncLifetime
{
    private const string Session = "telemetry-session-000000000000000001";
    private OtlpSink? _sink;
    private ChatCompletionsServer? _provider;
    private BelayProcess? _server;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _sink = await OtlpSink.StartAsync();
        _provider = await ChatCompletionsServer.StartAsync(
            request => request.ToolResultsSinceUser == 0 ? ChatReply.Call("shell", new JsonObject { ["command"] = "echo canary-output" }) : ChatReply.Say("canary-answer"),
            CancellationToken);
        _server = await BelayProcess.StartAsync(
            new Dictionary<string, string>
            {
                ["OTEL_EXPORTER_OTLP_ENDPOINT"] = _sink.Url,
                ["OTEL_EXPORTER_OTLP_HEADERS"] = "x-key=canary-header",
                ["OTEL_BSP_SCHEDULE_DELAY"] = "100",
                ["OTEL_METRIC_EXPORT_INTERVAL"] = "200",
            },
                [],
            CancellationToken);
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
    public async Task Turn_ReachesCollectorScraperAndProvider()
    {
        var (server, sink, provider) = (_server!, _sink!, _provider!);
        var harness = await server.Client.CreateHarnessAsync("telemetry", new JsonObject { ["model"] = provider.Model() }, CancellationToken);
        var arn = (string)harness["arn"]!;

        await server.Client.TurnAsync(arn, Session, "canary-question", CancellationToken);
        await server.Client.CommandAsync(arn, Session, "echo canary-command", CancellationToken);

        // 1. The collector has one tree for the turn, and one for the command.
        await Eventually.TrueAsync(
            "both requests have arrived",
            () => Task.FromResult(sink.Spans.Any(span => span.Name == "InvokeHarness") && sink.Spans.Any(span => span.Name == "InvokeAgentRuntimeCommand")),
            CancellationToken);
        Assert.Null(sink.Unreadable);
        var turn = sink.Spans.Single(span => span.Name == "InvokeHarness");
        Assert.Equal(
            [
                "InvokeHarness",
                "  invoke_agent telemetry",
                "    execute_event_loop_cycle",
                "      chat",
                "      execute_tool shell",
                "        sandbox.start",
                "        execute_command",
                "    execute_event_loop_cycle",
                "      chat",
            ],
            Tree(sink.Spans, turn));
        Assert.Equal(["InvokeAgentRuntimeCommand", "  execute_command"], Tree(sink.Spans, sink.Spans.Single(span => span.Name == "InvokeAgentRuntimeCommand")));
        Assert.All(sink.Spans.Where(span => span.TraceId == turn.TraceId), span => Assert.Equal(Session, span.Attributes["session.id"]));

        // 2. The provider was told which span asks.
        var chats = sink.Spans.Where(span => span.Name == "chat").Select(span => $"00-{span.TraceId}-{span.SpanId}-01");
        Assert.Equal(chats.Order(StringComparer.Ordinal), provider.Requests.Select(request => request.Headers["traceparent"]).Order(StringComparer.Ordinal));

        // 3. The numbers are with the collector and on the page.
        await Eventually.TrueAsync("the numbers have arrived", () => Task.FromResult(sink.Metrics.Contains("Invocations") && sink.Metrics.Contains("strands.tool.call_count")), CancellationToken);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var page = await http.GetStringAsync(new Uri($"http://127.0.0.1:{server.Port}/metrics"), CancellationToken);
        Assert.Contains("Invocations_total{Operation=\"InvokeHarness\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("strands_tool_call_count_total{tool_name=\"shell\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("belay_sandboxes_running 1\n", page, StringComparison.Ordinal);

        // 4. Nothing that was said, and no secret, is anywhere.
        var exported = string.Join('\n', sink.Spans.SelectMany(span => span.Attributes.Concat(span.Events.SelectMany(one => one.Attributes))).Select(one => one.Value));
        Assert.All((string[])[exported, page, server.ReadLog()], text => Assert.DoesNotContain("canary", text, StringComparison.Ordinal));
        Assert.DoesNotContain(server.ClientEnvironment["AWS_SECRET_ACCESS_KEY"], exported, StringComparison.Ordinal);
    }

    private static List<string> Tree(IReadOnlyList<ExportedSpan> spans, ExportedSpan root)
    {
        List<string> lines = [root.Name];
        foreach (var child in spans.Where(span => span.ParentSpanId == root.SpanId).OrderBy(span => span.StartNanoseconds).ThenBy(span => span.Name, StringComparer.Ordinal))
        {
            lines.AddRange(Tree(spans, child).Select(line => "  " + line));
        }

        return lines;
    }
}
