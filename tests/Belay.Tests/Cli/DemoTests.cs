using System.Net;
using System.Text.Json.Nodes;
using Belay.Cli.Serving;
using Belay.Identity;
using Belay.Storage;

namespace Belay.Tests.Cli;

public sealed class DemoTests
{
    private const string Turn = """
        messageStart {"role":"assistant"}
        contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t1","name":"shell"}}}
        contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"command\":\"wc -w notes.txt\"}"}}}
        contentBlockStop {"contentBlockIndex":0}
        messageStop {"stopReason":"tool_use"}
        messageStart {"role":"user"}
        contentBlockStart {"contentBlockIndex":0,"start":{"toolResult":{"toolUseId":"t1","status":"success"}}}
        contentBlockDelta {"contentBlockIndex":0,"delta":{"toolResult":[{"text":"8 notes.txt"}]}}
        contentBlockStop {"contentBlockIndex":0}
        messageStop {"stopReason":"tool_result"}
        messageStart {"role":"assistant"}
        contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"It has 8 words."}}
        contentBlockStop {"contentBlockIndex":0}
        messageStop {"stopReason":"end_turn"}
        metadata {"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15},"metrics":{"latencyMs":42}}
        """;

    [Fact]
    public async Task Demo_TellsEachStepAndCleansUp()
    {
        using var run = New(Turn);

        Assert.Equal(0, await run.RunAsync("demo"));
        Assert.Empty(run.Error);
        Assert.False(Directory.Exists(run.Started!.DataDirectory));
        Assert.True(run.Started.UnconfinedAsLastResort);
        GoldenFile.Matches("demo", run.Output.Replace(run.Started.DataDirectory, "DIR", StringComparison.Ordinal));
    }

    [Fact]
    public async Task ProviderKey_IsOfferedAndNotTaken()
    {
        using var run = New(Turn);
        run.Environment["OPENAI_API_KEY"] = "a-secret-that-must-not-be-shown";
        run.Environment["ANTHROPIC_API_KEY"] = "a-secret-that-must-not-be-shown";

        Assert.Equal(0, await run.RunAsync("demo"));
        Assert.Contains("ANTHROPIC_API_KEY is set: belay demo --model-id anthropic/", run.Output, StringComparison.Ordinal);
        Assert.Contains("OPENAI_API_KEY is set: belay demo --model-id openai/", run.Output, StringComparison.Ordinal);
        Assert.Contains("belay/scripted", run.Service.Sent.Single(sent => sent.Line == "POST /harnesses").Body, StringComparison.Ordinal);
        Assert.DoesNotContain("a-secret-that-must-not-be-shown", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ChosenDirectory_IsKept()
    {
        using var run = New(Turn);

        Assert.Equal(0, await run.RunAsync("demo", "--data", "kept"));
        Assert.True(File.Exists(Path.Combine(run.Directory, "kept", "master.key")));
    }

    [Fact]
    public async Task AgentThatIsStopped_EndsWith1()
    {
        using var run = New("""
            messageStop {"stopReason":"timeout_exceeded"}
            metadata {"usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"metrics":{"latencyMs":5}}
            """);

        Assert.Equal(1, await run.RunAsync("demo"));
        Assert.Contains("belay doctor", run.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(run.Started!.DataDirectory));
    }

    private static CliRun New(string events)
    {
        var run = new CliRun { StartServer = Start };
        run.Service
            .On("GET /harnesses?", () => FakeService.Json(new JsonObject { ["harnesses"] = new JsonArray() }))
            .On("POST /harnesses/invoke", () => FakeService.Stream(events))
            .On("POST /harnesses", () => FakeService.Json(new JsonObject { ["harness"] = FakeService.Harness("CREATING") }, HttpStatusCode.Created))
            .On("GET /harnesses/", () => FakeService.Json(new JsonObject { ["harness"] = FakeService.Harness() }));
        return run;
    }

    private static RunningServer Start(ServeSettings settings)
    {
        var keys = AccessKeys.Open(settings.DataDirectory, MasterKey.LoadOrCreate(settings.DataDirectory), TimeProvider.System, IdSource.System);
        keys.EnsureFirst(settings.Account);
        return new RunningServer(new Uri("http://127.0.0.1:40000"), "process (process isolation, shared kernel)", new TaskCompletionSource().Task, () => ValueTask.CompletedTask);
    }
}
