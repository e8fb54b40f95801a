using System.Net;
using System.Text.Json.Nodes;

namespace Belay.Tests.Cli;

public sealed class LogsTests
{
    private const string Session = "0123456789abcdef0123456789abcdef0";

    [Fact]
    public async Task Lines_AreTheGoldenText()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("GET /belay/v1/logs?", () => Page(null, Line(1, "info", "Invocation began."), Line(2, "warn", "Tool shell failed.\n\e[2Jgone"), Line(3, "error", "Invocation ended with RuntimeClientError.")));

        Assert.Equal(0, await run.RunAsync("logs"));
        GoldenFile.Matches("logs", run.Output);
        Assert.Equal("GET /belay/v1/logs?maxResults=100", run.Service.Sent.Single().Line);
    }

    [Fact]
    public async Task Filters_AreSent()
    {
        using var run = new CliRun().WithKey();
        run.Service.WithHarness().On("GET /belay/v1/logs?", () => Page(null));

        Assert.Equal(0, await run.RunAsync("logs", "--harness", "hello", "--session-id", Session, "--since", "1h", "--until", "2026-11-21", "--level", "warn", "--query", "a b&c", "--tail", "5"));
        Assert.Equal(
            $"GET /belay/v1/logs?harnessId={FakeService.Id}&sessionId={Session}&since=2026-11-21T07%3A00%3A00.000Z&until=2026-11-21T00%3A00%3A00.000Z&level=warn&query=a%20b%26c&maxResults=5",
            run.Service.Sent[^1].Line);
        Assert.Empty(run.Output);
        Assert.Equal("There are no such lines.\n", run.Error);
    }

    [Fact]
    public async Task ShortPages_AreReadUntilThereIsEnough()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("GET /belay/v1/logs?", () => Page(30, Line(3, "info", "three")), () => Page(20), () => Page(10, Line(1, "info", "one"), Line(2, "info", "two")));

        Assert.Equal(0, await run.RunAsync("logs", "--limit", "3", "--json"));
        Assert.Equal(["one", "two", "three"], run.Output.TrimEnd('\n').Split('\n').Select(line => (string?)JsonNode.Parse(line)!["message"]));
        Assert.Equal(
            ["GET /belay/v1/logs?maxResults=3", "GET /belay/v1/logs?maxResults=2&before=30", "GET /belay/v1/logs?maxResults=2&before=20"],
            run.Service.Sent.Select(sent => sent.Line));
        Assert.StartsWith("Older lines are left out", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Follow_ComesBackWhereItStood()
    {
        using var run = new CliRun().WithKey();
        using var stop = new CancellationTokenSource();
        run.Service.On(
            "GET /belay/v1/logs?",
            () => FakeService.SentEvents(Event(7, Line(1, "info", "one")) + ": keep-alive\n\n" + Event(9, Line(2, "info", "two")) + "id: 12\nevent: line\ndata: {\"message\":\"cut"),
            () => throw new HttpRequestException(HttpRequestError.ConnectionError, "gone"),
            () => FakeService.Fault(HttpStatusCode.TooManyRequests, "ThrottlingException", "{}"),
            () => FakeService.SentEvents(Event(12, Line(3, "info", "three"))),
            () =>
            {
                stop.Cancel();
                return FakeService.SentEvents("");
            });

        Assert.Equal(130, await run.RunAsync(stop.Token, "logs", "--follow", "--since", "1h", "--json"));
        Assert.Equal(["one", "two", "three"], run.Output.TrimEnd('\n').Split('\n').Select(line => (string?)JsonNode.Parse(line)!["message"]));
        Assert.Equal([null, "9", "9", "9", "12"], run.Service.Sent.Select(sent => sent.Headers.GetValueOrDefault("Last-Event-ID")));
        Assert.All(run.Service.Sent, sent => Assert.Equal("text/event-stream", sent.Headers["Accept"]));
        Assert.All(run.Service.Sent, sent => Assert.Equal("GET /belay/v1/logs?since=2026-11-21T07%3A00%3A00.000Z", sent.Line));
    }

    [Fact]
    public async Task Follow_BeginsWithTheNewestLinesAndRepeatsNone()
    {
        using var run = new CliRun().WithKey();
        using var stop = new CancellationTokenSource();
        run.Service
            .On("GET /belay/v1/logs?maxResults=2", () => Page(null, Line(2, "info", "two"), Line(3, "info", "three")))
            .On(
                "GET /belay/v1/logs?since=2026-11-21T07%3A59%3A53.000Z",
                () => FakeService.SentEvents(string.Concat(Event(1, Line(1, "info", "one")), Event(2, Line(2, "info", "two")), Event(3, Line(3, "info", "three")), Event(4, Line(4, "info", "four")))),
                () =>
                {
                    stop.Cancel();
                    return FakeService.SentEvents("");
                });

        Assert.Equal(130, await run.RunAsync(stop.Token, "logs", "-f", "--tail", "2", "--json"));
        Assert.Equal(["two", "three", "four"], run.Output.TrimEnd('\n').Split('\n').Select(line => (string?)JsonNode.Parse(line)!["message"]));
    }

    [Fact]
    public async Task Follow_WhenTheLastLineWasErased_GoesOn()
    {
        using var run = new CliRun().WithKey();
        using var stop = new CancellationTokenSource();
        run.Service
            .On("GET /belay/v1/logs?maxResults=1", () => Page(null, Line(3, "info", "three")))
            .On(
                "GET /belay/v1/logs?since",
                () => FakeService.SentEvents(Event(1, Line(1, "info", "one")) + Event(4, Line(4, "info", "four"))),
                () =>
                {
                    stop.Cancel();
                    return FakeService.SentEvents("");
                });

        Assert.Equal(130, await run.RunAsync(stop.Token, "logs", "-f", "--tail", "1", "--json"));
        Assert.Equal(["three", "four"], run.Output.TrimEnd('\n').Split('\n').Select(line => (string?)JsonNode.Parse(line)!["message"]));
    }

    [Fact]
    public async Task Follow_FaultOfTheStream_EndsIt()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("GET /belay/v1/logs?", () => FakeService.SentEvents("event: error\ndata: {\"__type\":\"AccessDeniedException\",\"message\":\"The key was deleted.\"}\n\n"));

        Assert.Equal(1, await run.RunAsync("logs", "-f", "--since", "1h"));
        Assert.Equal("Could not follow the logs: The key was deleted.\n", run.Error);
    }

    [Fact]
    public async Task Follow_WithoutAServer_EndsWith3()
    {
        using var run = new CliRun().WithKey();

        Assert.Equal(3, await run.RunAsync("logs", "-f", "--since", "1h"));
        Assert.Contains("Start one with: belay serve", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnknownHarness_IsOneLineAndAWayOn()
    {
        using var run = new CliRun().WithKey();
        run.Service.WithHarness();

        Assert.Equal(1, await run.RunAsync("logs", "--harness", "nobody"));
        Assert.Equal("There is no harness named nobody.\nSee what there is: belay list\n", run.Error);
    }

    private static HttpResponseMessage Page(long? before, params JsonObject[] lines)
    {
        var page = new JsonObject { ["lines"] = new JsonArray([.. lines]) };
        if (before is not null)
        {
            page["nextBefore"] = before;
        }

        return FakeService.Json(page);
    }

    private static string Event(long id, JsonObject line) => $"id: {id}\nevent: line\ndata: {line.ToJsonString()}\n\n";

    private static JsonObject Line(long sequence, string level, string message) => new()
    {
        ["at"] = $"2026-11-21T08:00:0{sequence}.000Z",
        ["level"] = level,
        ["harnessId"] = FakeService.Id,
        ["sessionId"] = Session,
        ["sequence"] = sequence,
        ["kind"] = "ToolOutcome",
        ["message"] = message,
    };
}
