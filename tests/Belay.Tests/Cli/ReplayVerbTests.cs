using System.Text.Json.Nodes;

namespace Belay.Tests.Cli;

public sealed class ReplayVerbTests
{
    private const string Session = "0123456789abcdef0123456789abcdef0";
    private const string Path = $"POST /belay/v1/harnesses/{FakeService.Id}/sessions/{Session}/replay";

    private const string First = """{"invocationId":"3f2504e0-4f89-41d3-9a0c-0305e82c3301","outcome":"identical","firstSequence":1,"lastSequence":9,"entries":9,"events":21}""";

    private const string Second = """
        {"invocationId":"6ba7b810-9dad-41d1-80b4-00c04fd430c8","outcome":"diverged","firstSequence":10,"lastSequence":13,"entries":8,"events":6,"divergence":{"sequence":13,"path":"input.command",
         "expected":{"sequence":13,"kind":"ToolIntent","body":{"toolUseId":"a","input":{"command":"ls"}}},
         "got":{"kind":"ToolIntent","body":{"toolUseId":"a","input":{"command":"ls -l"}}},
         "nearest":{"sequence":5,"kind":"ToolIntent","body":{"toolUseId":"z","input":{"command":"ls -la"}}}}}
        """;

    [Fact]
    public async Task Identical_IsTheGoldenText()
    {
        using var run = New($$"""{"invocation":{{First}}}""", Verdict(true, First));

        Assert.Equal(0, await run.RunAsync("replay", Session, "--harness", FakeService.Id));
        GoldenFile.Matches("replay", run.Output);
        Assert.Equal(Path, run.Service.Sent.Single().Line);
        Assert.Equal("text/event-stream", run.Service.Sent.Single().Headers["Accept"]);
    }

    [Fact]
    public async Task Diverged_IsTheGoldenText_AndFails()
    {
        using var run = New($$"""{"invocation":{{First}}}""", $$"""{"invocation":{{Second}}}""", Verdict(false, First, Second));

        Assert.Equal(1, await run.RunAsync("replay", Session, "--harness", FakeService.Id));
        GoldenFile.Matches("replay-diverged", run.Output);
    }

    [Fact]
    public async Task Json_IsTheVerdict()
    {
        using var run = New($$"""{"invocation":{{First}}}""", Verdict(true, First));

        Assert.Equal(0, await run.RunAsync("replay", Session, "--harness", FakeService.Id, "--json"));
        Assert.Equal(9, (int?)JsonNode.Parse(run.Output)!["entries"]);
    }

    [Fact]
    public async Task Events_AreLinesOfTheirOwn()
    {
        const string Event = """{"type":"messageStart","payload":{"role":"assistant"}}""";
        using var run = New($$"""{"shown":{{Event}}}""", $$"""{"invocation":{{First}}}""", Verdict(true, First));

        Assert.Equal(0, await run.RunAsync("replay", Session, "--harness", FakeService.Id, "--events"));
        Assert.Equal(Event + "\n", run.Output);
        Assert.Contains("1 invocation, 9 entries, 21 events: identical", run.Error, StringComparison.Ordinal);
        Assert.Equal(Path + "?events=true", run.Service.Sent.Single().Line);
    }

    [Fact]
    public async Task StreamWithoutAVerdict_Fails()
    {
        using var run = New($$"""{"invocation":{{First}}}""");

        Assert.Equal(1, await run.RunAsync("replay", Session, "--harness", FakeService.Id));
    }

    [Fact]
    public async Task Fault_IsOneLine()
    {
        using var run = new CliRun().WithKey();
        run.Service.On(Path, () => FakeService.SentEvents("event: error\ndata: {\"__type\":\"ValidationException\",\"message\":\"Entry 1 began on version 1 of its harness, which does not exist any more.\"}\n\n"));

        Assert.Equal(1, await run.RunAsync("replay", Session, "--harness", FakeService.Id));
        Assert.Contains("which does not exist any more.", run.Error, StringComparison.Ordinal);
    }

    private static string Verdict(bool identical, params string[] invocations) =>
        $$$"""{"verdict":{"identical":{{{(identical ? "true" : "false")}}},"entries":{{{9 + (8 * (invocations.Length - 1))}}},"events":21,"durationMs":6,"invocations":[{{{string.Join(',', invocations)}}}]}}""";

    private static CliRun New(params string[] items)
    {
        var run = new CliRun().WithKey();
        run.Service.On(Path, () => FakeService.SentEvents(string.Concat(items.Select((item, index) => $"id: {index}\nevent: replay\ndata: {item.ReplaceLineEndings(" ")}\n\n"))));
        return run;
    }
}
