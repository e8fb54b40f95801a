using System.Net;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;

namespace Belay.Tests.Cli;

/// <summary><c>invoke</c> where a person sits: one channel that sends, shows, steers and cancels, across lost connections.</summary>
public sealed class AttendedTests
{
    private const string Session = "0123456789abcdef0123456789abcdef0";
    private const string Path = $"/belay/v1/harnesses/{FakeService.Id}/sessions/{Session}";
    private const string Ended = """{"stopReason":"end_turn","why":"The turn is complete.","iterations":1,"latencyMs":1}""";

    private static readonly string[] Command = ["invoke", "--harness", "hello", "--session-id", Session, "Look at a."];

    [Fact]
    public async Task LineSteers_AndInterruptCancels_AcrossCuts_WithNothingLostOrTwice()
    {
        Action? interrupt = null;
        using var run = new CliRun { IsTerminal = true, Input = "\nLook at b too.\n", OnInterrupt = instead => new Undo(interrupt = instead) }.WithKey();
        var heard = new List<JsonObject>();
        Serve(
            run,
            async server => heard.Add(await server.HearAsync()),
            async server =>
            {
                var send = await server.HearAsync();
                await server.AcceptAsync(send, "i2");
                await server.TellAsync("4.0", "invocationStarted", "i2", """{"endpoint":"DEFAULT","traceId":"5f0c"}""");
                await server.TellAsync("5.0", "messageStart", "i2", """{"role":"assistant"}""");
                await server.TellAsync("5.1", "contentBlockDelta", "i2", """{"contentBlockIndex":0,"delta":{"text":"Do"}}""");
                heard.AddRange(send, await server.HearAsync());
            },
            async server =>
            {
                var steer = await server.HearAsync();
                await server.AcceptAsync(steer);
                await server.TellAsync("5.2", "contentBlockDelta", "i2", """{"contentBlockIndex":0,"delta":{"text":"ne."}}""");
                await server.TellAsync("6.0", "steered", "i2", """{"steerId":"x","text":"Look at b too."}""");
                interrupt!();
                var cancel = await server.HearAsync();
                heard.AddRange(steer, cancel);
                await server.AcceptAsync(cancel, "i2");
                await server.TellAsync("7.0", "messageStop", "i2", """{"stopReason":"interrupted"}""");
                await server.TellAsync("7.1", "invocationEnded", "i2", """{"stopReason":"interrupted","why":"The invocation was cancelled.","iterations":1,"latencyMs":1}""");
            });

        Assert.Equal(1, await run.RunAsync(Command));

        Assert.Equal(["send", "send", "steer", "steer", "interrupt"], heard.Select(said => (string?)said["type"]));
        Assert.Equal(3, heard.Select(said => (string?)said["id"]).Distinct().Count());
        Assert.Equal("Look at b too.", (string?)heard[3]["text"]);
        Assert.Equal("Look at a.", (string?)heard[0]["messages"]![0]!["content"]![0]!["text"]);
        Assert.Equal(["?after=3", "?after=3", "?after=5.1"], run.Service.Sent.Where(sent => sent.Line.Contains("/channel", StringComparison.Ordinal)).Select(sent => sent.Line[sent.Line.IndexOf('?', StringComparison.Ordinal)..]));
        Assert.Equal("Done.\n", run.Output);
        Assert.Contains("told: Look at b too.", run.Error, StringComparison.Ordinal);
        Assert.Contains("agent stopped: interrupted", run.Error, StringComparison.Ordinal);
        Assert.Contains("belay traces get 5f0c", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task EventsBeforeTheReply_AreShownOnceItIsThere_OthersNever()
    {
        using var run = Attended();
        Serve(run, async server =>
        {
            var send = await server.HearAsync();
            await server.TellAsync("4.0", "invocationStarted", "i2", """{"endpoint":"DEFAULT"}""");
            await server.SayAsync("""{"id":"5.0","type":"sandboxStarted","data":{"sandboxId":"s","driver":"process","durationMs":1}}""");
            await server.TellAsync("6.0", "contentBlockDelta", "i1", """{"contentBlockIndex":0,"delta":{"text":"Another's."}}""");
            await server.TellAsync("6.1", "contentBlockDelta", "i2", """{"contentBlockIndex":0,"delta":{"text":"Mine."}}""");
            await server.TellAsync("7.0", "messageStop", "i2", """{"stopReason":"end_turn"}""");
            await server.TellAsync("7.1", "invocationEnded", "i2", Ended);
            await server.AcceptAsync(send, "i2");
        });

        Assert.Equal(0, await run.RunAsync(Command));
        Assert.Equal("Mine.\n", run.Output);
    }

    [Fact]
    public async Task RefusedMessage_IsSaidWithItsReason()
    {
        using var run = Attended();
        Serve(run, async server =>
        {
            var send = await server.HearAsync();
            await server.SayAsync($$$"""{"type":"refused","messageId":"{{{send["id"]}}}","error":{"__type":"RuntimeClientError","message":"Session s is already processing a request."}}""");
        });

        Assert.Equal(1, await run.RunAsync(Command));
        Assert.Contains("Could not invoke the harness: Session s is already processing a request.", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RefusedChannel_IsSaidWithItsReason_AndNotTriedAgain()
    {
        using var run = Attended();
        run.Service.WithHarness()
            .On($"GET {Path}/channel", () => FakeService.Fault(HttpStatusCode.Conflict, "ConflictException", """{"message":"Somebody else writes to session s on a channel."}"""))
            .On($"GET {Path}", () => FakeService.Fault(HttpStatusCode.NotFound, "ResourceNotFoundException", """{"message":"There is no such session."}"""));

        Assert.Equal(1, await run.RunAsync(Command));
        Assert.Contains("Somebody else writes to session s", run.Error, StringComparison.Ordinal);
        Assert.Equal($"GET {Path}/channel", Assert.Single(run.Service.Sent, sent => sent.Line.Contains("/channel", StringComparison.Ordinal)).Line);
    }

    [Fact]
    public async Task ServerThatComesBack_WithTheOldConnectionStillThere_IsAskedAgain()
    {
        using var run = Attended();
        run.Service.WithHarness()
            .On(
                $"GET {Path}/channel",
                () => FakeChannel.Open(async server =>
                {
                    await server.AcceptAsync(await server.HearAsync(), "i2");
                    await server.TellAsync("4.0", "messageStop", "i2", """{"stopReason":"end_turn"}""");
                }),
                () => throw new HttpRequestException(HttpRequestError.ConnectionError, "refused"),
                () => FakeService.Fault(HttpStatusCode.Conflict, "ConflictException", """{"message":"Somebody else writes."}"""),
                () => FakeChannel.Open(server => server.TellAsync("4.1", "invocationEnded", "i2", Ended)))
            .On($"GET {Path}", Summary);

        Assert.Equal(0, await run.RunAsync(Command));
        Assert.Contains("trying again", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ServerThatWasNeverThere_IsNotWaitedFor()
    {
        using var run = Attended();
        run.Service.WithHarness()
            .On($"GET {Path}/channel", () => throw new HttpRequestException(HttpRequestError.ConnectionError, "refused"))
            .On($"GET {Path}", Summary);

        Assert.Equal((int)ExitCode.CannotConnect, await run.RunAsync(Command));
        Assert.Contains("no server answers", run.Error, StringComparison.Ordinal);
    }

    private static CliRun Attended() => new CliRun { IsTerminal = true, OnInterrupt = _ => new Undo(() => { }) }.WithKey();

    private static void Serve(CliRun run, params Func<FakeChannel, Task>[] connections) => run.Service.WithHarness()
        .On($"GET {Path}/channel", [.. connections.Select(play => (Func<HttpResponseMessage>)(() => FakeChannel.Open(play)))])
        .On($"GET {Path}", Summary);

    private static HttpResponseMessage Summary() => FakeService.Json(JsonNode.Parse("""{"session":{"lastSequence":3},"invocations":[],"models":[]}""")!);
}
