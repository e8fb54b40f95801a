using System.Text.Json.Nodes;

namespace Belay.Tests.Cli;

public sealed class ExecTests
{
    private const string Session = "0123456789abcdef0123456789abcdef0";

    [Fact]
    public async Task Streams_StaySeparateAndTheCodeIsTheCommands()
    {
        using var run = New("""
            chunk {"contentStart":{}}
            chunk {"contentDelta":{"stdout":"one\n"}}
            chunk {"contentDelta":{"stderr":"careful\n"}}
            chunk {"contentDelta":{"stdout":"two\n"}}
            chunk {"contentStop":{"exitCode":3,"status":"COMPLETED"}}
            """);

        Assert.Equal(3, await run.RunAsync("exec", "--harness", FakeService.Arn, "--session-id", Session, "--timeout", "9", "ls -la"));
        Assert.Equal("one\ntwo\n", run.Output);
        Assert.Equal("careful\n", run.Error);
        Assert.Equal("""{"command":"ls -la","timeout":9}""", Assert.Single(run.Service.Sent).Body);
    }

    [Theory]
    [InlineData(new[] { "--", "ls", "-la", "a b" }, "ls -la 'a b'")]
    [InlineData(new[] { "--", "echo", "it's" }, @"echo 'it'\''s'")]
    [InlineData(new[] { "--", "printf", "" }, "printf ''")]
    [InlineData(new[] { "echo $HOME | wc" }, "echo $HOME | wc")]
    [InlineData(new[] { "--command", "echo $HOME" }, "echo $HOME")]
    public async Task Words_KeepTheirBorders(string[] words, string command)
    {
        using var run = New("""chunk {"contentStop":{"exitCode":0,"status":"COMPLETED"}}""");

        Assert.Equal(0, await run.RunAsync(["exec", "--harness", FakeService.Arn, "--session-id", Session, .. words]));
        Assert.Equal(command, (string?)run.Service.Sent[0].Json["command"]);
    }

    [Theory]
    [InlineData(124, "TIMED_OUT", 124)]
    [InlineData(137, "COMPLETED", 137)]
    [InlineData(-1, "COMPLETED", 1)]
    public async Task Ends_AsTheCommandDid(int exitCode, string status, int code)
    {
        using var run = New($$$"""chunk {"contentStop":{"exitCode":{{{exitCode}}},"status":"{{{status}}}"}}""");

        Assert.Equal(code, await run.RunAsync("exec", "--harness", FakeService.Arn, "--session-id", Session, "x"));
        Assert.Equal(status == "TIMED_OUT", run.Error.Contains("--timeout", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Json_HasTheMembersOfTheReferenceCli()
    {
        using var run = New("""
            chunk {"contentDelta":{"stdout":"out\n"}}
            chunk {"contentDelta":{"stderr":"err\n"}}
            chunk {"contentStop":{"exitCode":2,"status":"COMPLETED"}}
            """);

        Assert.Equal(2, await run.RunAsync("exec", "--harness", FakeService.Arn, "--session-id", Session, "--json", "x"));
        Assert.Equal(
            $$"""{"sessionId":"{{Session}}","command":"x","exitCode":2,"status":"COMPLETED","output":"out\nerr\n"}""",
            JsonNode.Parse(run.Output)!.ToJsonString());
        Assert.Empty(run.Error);
    }

    [Fact]
    public async Task StreamThatEndsEarly_IsAnError()
    {
        using var run = New("""chunk {"contentDelta":{"stdout":"half"}}""");

        Assert.Equal(1, await run.RunAsync("exec", "--harness", FakeService.Arn, "x"));
        Assert.Contains("ended before the command did", run.Error, StringComparison.Ordinal);
    }

    private static CliRun New(string events)
    {
        var run = new CliRun().WithKey();
        run.Service.On("POST /runtimes/", () => FakeService.Stream(events));
        return run;
    }
}
