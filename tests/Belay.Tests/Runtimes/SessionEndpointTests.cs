using System.Text.Json.Nodes;
using Belay.Contracts.Harnesses;
using Belay.Models;
using Belay.Server.Invocations;
using Belay.Server.Runtimes;
using Belay.Sessions;
using Belay.Storage;
using Belay.Telemetry;
using Belay.Testing.Clients;
using Belay.Testing.Sessions;
using Belay.Testing.Telemetry;
using Belay.Tests.Harnesses;
using Belay.Tests.Wire;

namespace Belay.Tests.Runtimes;

/// <summary>InvokeHarness, InvokeAgentRuntimeCommand and StopRuntimeSession over a socket, with the engine in memory behind them.</summary>
public sealed class SessionEndpointTests : IAsyncLifetime
{
    private const string Echo = """{"command":"echo hi; err bad; exit 3"}""";
    private const string InvokePath = "/harnesses/invoke?harnessArn=";
    private static readonly Scope Theirs = EngineWorld.Scope with { Account = "210987654321" };
    private static readonly string[] Traces = ["traceparent", "tracestate", "X-Amzn-Trace-Id", "baggage"];

    private readonly Instrumentation _telemetry = new(new TelemetrySettings(), TimeProvider.System);
    private readonly EngineWorld _world;
    private WireServer _server = null!; // Set before every test.
    private Harness _harness = null!; // As above.

    public SessionEndpointTests() => _world = new() { Telemetry = _telemetry };

    public async ValueTask InitializeAsync()
    {
        var catalog = new TestCatalog();
        _harness = await catalog.Catalog.CreateAsync(EngineWorld.Scope, TestCatalog.Named("mine"), default);
        await catalog.SettleAsync();
        _server = await WireServer.StartAsync(compose: parts => parts with
        {
            Operations =
            [
                .. InvocationEndpoints.Operations(catalog.Catalog, _world.Resolver, _world.Host),
                .. CommandEndpoints.Operations(catalog.Catalog, _world.Host, IdSource.System),
            ],
            Telemetry = _telemetry,
            DrainAsync = _ => _world.Host.DisposeAsync().AsTask(),
        });
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _world.DisposeAsync();
        _telemetry.Dispose();
    }

    [Fact]
    public async Task Invoke_StreamsTheTurn_AndRepeatsTheHeaders()
    {
        _world.Model.Say("Hello", " you.");

        var answer = await SendAsync(Invoke(_harness.Arn), WireServer.Invocation("Hi"), request =>
        {
            foreach (var name in Traces)
            {
                request.Headers.Add(name, $"{name}-1");
            }
        });

        Assert.Equal(200, answer.Status);
        Assert.Equal("application/vnd.amazon.eventstream", answer.ContentType);
        Assert.Equal(WireServer.Session, answer.Header(WireServer.SessionHeader));
        Assert.All(Traces, name => Assert.Equal($"{name}-1", answer.Header(name)));
        Assert.Equal(
            ["messageStart", "contentBlockDelta", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"], answer.Frames.Select(frame => frame.Type));
        Assert.Equal("""{"stopReason":"end_turn"}""", answer.Frames[^2].Payload.ToJsonString());
    }

    [Fact]
    public async Task Invoke_WithoutATrace_IsToldTheOneInItsJournal()
    {
        _world.Model.Say("Hello.");

        var answer = await SendAsync(Invoke(_harness.Arn), WireServer.Invocation("Hi"));

        var trace = await JournaledTraceAsync();
        Assert.Equal($"Root=1-{trace[..8]}-{trace[8..]};Sampled=0", answer.Header("X-Amzn-Trace-Id"));
        Assert.Null(answer.Header("traceparent"));
    }

    [Fact]
    public async Task Invoke_Recorded_AnswersWithTheRequestsSpan_AndTheTurnIsBelowIt()
    {
        using var recorder = new SpanRecorder(_telemetry);
        _world.Model.Say("Hello.");

        var answer = await SendAsync(Invoke(_harness.Arn), WireServer.Invocation("Hi"), request => request.Headers.Add("tracestate", "a=b"));

        var trace = await JournaledTraceAsync();
        await Eventually.TrueAsync("the request's span has ended", () => Task.FromResult(recorder.Named("InvokeHarness").IsStopped), CancellationToken.None);
        Assert.Equal(["InvokeHarness", "  invoke_agent mine", "    execute_event_loop_cycle", "      chat"], recorder.Tree());
        var span = recorder.Named("InvokeHarness");
        Assert.All(recorder.Spans, one => Assert.Equal(trace, one.TraceId.ToHexString()));
        Assert.Equal(WireServer.Session, span.GetTagItem("session.id"));
        Assert.Equal($"00-{trace}-{span.SpanId}-01", answer.Header("traceparent"));
        Assert.Equal($"Root=1-{trace[..8]}-{trace[8..]};Parent={span.SpanId};Sampled=1", answer.Header("X-Amzn-Trace-Id"));
        Assert.Equal("a=b", answer.Header("tracestate"));
    }

    [Fact]
    public async Task TraceHeaderThatCannotBeRepeated_HarmsNothing()
    {
        _world.Model.Say("Hello.");

        var answer = await SendAsync(Invoke(_harness.Arn), WireServer.Invocation("Hi"), request => request.Headers.TryAddWithoutValidation("baggage", "name=Zoë"));

        Assert.Equal(200, answer.Status);
        Assert.Null(answer.Header("baggage"));
        Assert.Equal("metadata", answer.Frames[^1].Type);
    }

    [Fact]
    public async Task Invoke_FaultBeforeTheStreamIsHttp_AndInItAFrame()
    {
        _world.Model.Fail(ModelFailure.Refused, "fake: no such model", new ModelEvent.Text(0, "Half"));

        var unasked = await SendAsync(Invoke(_harness.Arn), """{"messages":[{"role":"user","content":[{"toolResult":{"toolUseId":"a1","content":[{"text":"x"}]}}]}]}""");
        var failed = await SendAsync(Invoke(_harness.Arn), WireServer.Invocation("Hi"));

        Assert.Equal((400, "ValidationException"), (unasked.Status, unasked.ErrorType));
        Assert.Equal("messages[0].content[0].toolResult.toolUseId", (string?)unasked.Json["fieldList"]![0]!["name"]);
        Assert.Equal(200, failed.Status);
        Assert.Equal(("exception", "runtimeClientError"), (failed.Frames[^1].MessageType, failed.Frames[^1].Type));
        Assert.Equal("fake: no such model", (string?)failed.Frames[^1].Payload["message"]);
        Assert.DoesNotContain(failed.Frames, frame => frame.Type == "metadata");
    }

    [Fact]
    public async Task Invoke_WithoutASessionOrWithABadOne_IsRefusedTogetherWithItsOtherProblems()
    {
        foreach (var session in new[] { null, "short", new string('x', 101), "-" + WireServer.Session })
        {
            var answer = await SendAsync(Invoke(_harness.Arn), """{"messages":[]}""", request =>
            {
                request.Headers.Remove(WireServer.SessionHeader);
                if (session is not null)
                {
                    request.Headers.Add(WireServer.SessionHeader, session);
                }
            });

            Assert.Equal((400, "ValidationException"), (answer.Status, answer.ErrorType));
            Assert.Equal(["messages", "runtimeSessionId"], answer.Json["fieldList"]!.AsArray().Select(field => (string?)field!["name"]).Distinct().Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task Command_StreamsItsOutput_OnASessionOfItsOwnWhenNoneIsNamed()
    {
        var answer = await SendAsync(Path(_harness.Arn, "commands"), Echo, session: null);

        Assert.Equal(200, answer.Status);
        Assert.True(Guid.TryParse(answer.Header(WireServer.SessionHeader), out _));
        Assert.All(answer.Frames, frame => Assert.Equal(("event", "chunk"), (frame.MessageType, frame.Type)));
        Assert.Equal(
            ["""{"contentStart":{}}""", """{"contentDelta":{"stdout":"hi\n"}}""", """{"contentDelta":{"stderr":"bad\n"}}""", """{"contentStop":{"exitCode":3,"status":"COMPLETED"}}"""],
            answer.Frames.Select(frame => frame.Payload.ToJsonString()));
    }

    [Fact]
    public async Task Command_ByIdAndAccount_SharesTheSandboxOfTheSession_UntilItIsStopped()
    {
        var byId = await SendAsync($"/runtimes/{_harness.HarnessId}/commands?accountId={EngineWorld.Scope.Account}", Echo);
        var byArn = await SendAsync(Path(_harness.Arn, "commands"), Echo);
        var stopped = await SendAsync(Path(_harness.Arn, "stopruntimesession"), """{}""");
        var again = await SendAsync(Path(_harness.Arn, "stopruntimesession"), """{}""");

        Assert.Equal((200, 200), (byId.Status, byArn.Status));
        Assert.Single(_world.Sandboxes);
        Assert.Equal((200, "{}", WireServer.Session), (stopped.Status, stopped.Json.ToJsonString(), stopped.Header(WireServer.SessionHeader)));
        Assert.Equal((404, "ResourceNotFoundException"), (again.Status, again.ErrorType));
    }

    [Theory]
    [InlineData("commands", "{\"command\":\"\",\"timeout\":0}", "agentRuntimeArn body.command body.timeout runtimeSessionId")]
    [InlineData("commands", "{\"command\":\"echo\",\"timeout\":3601}", "agentRuntimeArn body.timeout runtimeSessionId")]
    [InlineData("stopruntimesession", "{\"clientToken\":\"short\"}", "agentRuntimeArn clientToken runtimeSessionId")]
    [InlineData("stopruntimesession", "{}", "agentRuntimeArn runtimeSessionId")]
    public async Task CommandAndStop_NameEveryProblemAtOnce(string what, string json, string fields)
    {
        var answer = await SendAsync(Path("nothing", what), json, session: new string('.', 40));

        Assert.Equal((400, "ValidationException"), (answer.Status, answer.ErrorType));
        Assert.Equal(fields.Split(' '), answer.Json["fieldList"]!.AsArray().Select(field => (string)field!["name"]!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Command_BadTimeoutOrSession_IsRefusedBeforeAnythingStarts()
    {
        var timeout = await SendAsync(Path(_harness.Arn, "commands"), """{"command":"echo","timeout":3601}""");
        var session = await SendAsync(Path(_harness.Arn, "commands"), Echo, session: new string('x', 101));
        var dots = await SendAsync(Path(_harness.Arn, "stopruntimesession"), "{}", session: new string('.', 40));

        Assert.All([timeout, session, dots], answer => Assert.Equal((400, "ValidationException"), (answer.Status, answer.ErrorType)));
        Assert.Empty(_world.Sandboxes);
    }

    [Theory]
    [InlineData("commands")]
    [InlineData("stopruntimesession")]
    public async Task RuntimeBehindAHarness_IsNoTarget(string what)
    {
        var answers = new List<Answer>();
        foreach (var account in new[] { EngineWorld.Scope.Account, Theirs.Account })
        {
            answers.Add(await SendAsync(Path($"arn:aws:bedrock-agentcore:us-west-2:{account}:runtime/mine-0123456789", what), what == "commands" ? Echo : "{}"));
        }

        Assert.All(answers, answer => Assert.Equal((400, "ValidationException"), (answer.Status, answer.ErrorType)));
        Assert.Contains("managed by a harness", (string?)answers[0].Json["message"], StringComparison.Ordinal);
        Assert.Single(answers.Select(answer => (string?)answer.Json["message"]).Distinct());
    }

    [Fact]
    public async Task ServerThatStops_EndsTheStreamWithPartialTurn()
    {
        _world.Model.Hang(new ModelEvent.Text(0, "Half"));
        var sending = SendAsync(Invoke(_harness.Arn), WireServer.Invocation("Hi"));
        while (_world.Model.Requests.Count == 0)
        {
            await Task.Delay(5);
        }

        await _server.StopAsync();
        var answer = await sending;

        Assert.Equal("""{"stopReason":"partial_turn"}""", answer.Frames[^2].Payload.ToJsonString());
    }

    private async Task<string> JournaledTraceAsync()
    {
        var key = new SessionKey(EngineWorld.Scope, _harness.HarnessId, WireServer.Session);
        await foreach (var entry in SessionJournal.ReadAsync(_world.Journal, _world.Sealer, key, 0, CancellationToken.None))
        {
            if (entry.Body is InvocationStarted { TraceId: { } trace })
            {
                return trace;
            }
        }

        throw new InvalidOperationException("No invocation is in the journal.");
    }

    private static string Invoke(string arn) => InvokePath + Uri.EscapeDataString(arn);

    private static string Path(string arn, string what) => $"/runtimes/{Uri.EscapeDataString(arn)}/{what}";

    private async Task<Answer> SendAsync(string target, string json, Action<HttpRequestMessage>? change = null, string? session = WireServer.Session)
    {
        using var request = _server.Request(HttpMethod.Post, target, json);
        request.Headers.Remove(WireServer.SessionHeader);
        if (session is not null)
        {
            request.Headers.Add(WireServer.SessionHeader, session);
        }

        change?.Invoke(request);
        _server.Sign(request, System.Text.Encoding.UTF8.GetBytes(json));
        using var response = await _server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var frames = new List<WireFrame>();
        var body = "{}";
        if (response.Content.Headers.ContentType?.MediaType == "application/vnd.amazon.eventstream")
        {
            await using var stream = await response.Content.ReadAsStreamAsync();
            await foreach (var frame in EventStreamFrames.ReadAsync(stream, CancellationToken.None))
            {
                frames.Add(frame);
            }
        }
        else
        {
            body = await response.Content.ReadAsStringAsync();
        }

        return new((int)response.StatusCode, response, frames, JsonNode.Parse(body)!.AsObject());
    }

    private sealed record Answer(int Status, HttpResponseMessage Response, IReadOnlyList<WireFrame> Frames, JsonObject Json)
    {
        public string? ErrorType => Header("x-amzn-ErrorType");

        public string? ContentType => Response.Content.Headers.ContentType?.MediaType;

        public string? Header(string name) => Response.Headers.TryGetValues(name, out var values) ? string.Join(',', values) : null;
    }
}
