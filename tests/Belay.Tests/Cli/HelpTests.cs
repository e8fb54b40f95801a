namespace Belay.Tests.Cli;

public sealed class HelpTests
{
    [Theory]
    [InlineData("")]
    [InlineData("demo")]
    [InlineData("serve")]
    [InlineData("env")]
    [InlineData("create")]
    [InlineData("create api-key")]
    [InlineData("deploy")]
    [InlineData("get")]
    [InlineData("get session")]
    [InlineData("list")]
    [InlineData("list sessions")]
    [InlineData("list usage")]
    [InlineData("list api-keys")]
    [InlineData("update")]
    [InlineData("update api-key")]
    [InlineData("delete")]
    [InlineData("delete api-key")]
    [InlineData("invoke")]
    [InlineData("exec")]
    [InlineData("wait")]
    [InlineData("steer")]
    [InlineData("cancel")]
    [InlineData("stop")]
    [InlineData("fork")]
    [InlineData("logs")]
    [InlineData("log-level")]
    [InlineData("traces")]
    [InlineData("traces list")]
    [InlineData("traces get")]
    [InlineData("replay")]
    [InlineData("export-session")]
    [InlineData("import-session")]
    [InlineData("test-session")]
    [InlineData("keys")]
    [InlineData("keys create")]
    [InlineData("keys list")]
    [InlineData("keys delete")]
    [InlineData("keys rotate")]
    [InlineData("keys token")]
    [InlineData("keys tokens")]
    [InlineData("keys revoke")]
    [InlineData("doctor")]
    [InlineData("backup")]
    [InlineData("restore")]
    [InlineData("verify")]
    [InlineData("completion")]
    public async Task Help_IsTheGoldenText(string verb)
    {
        using var run = new CliRun();

        var code = await run.RunAsync([.. verb.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);

        Assert.Equal(0, code);
        Assert.Contains("Examples:\n  ", run.Output, StringComparison.Ordinal);
        GoldenFile.Matches($"help{(verb.Length == 0 ? "" : "-" + verb.Replace(' ', '-'))}", run.Output);
    }

    [Fact]
    public async Task NoArguments_ShowHelp()
    {
        using var run = new CliRun();

        Assert.Equal(0, await run.RunAsync());
        Assert.StartsWith("Description:", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--version")]
    [InlineData("-V")]
    public async Task Version_IsOneLine(string option)
    {
        using var run = new CliRun();

        Assert.Equal(0, await run.RunAsync(option));
        Assert.Matches(@"^belay \d+\.\d+\.\d+\n$", run.Output);
    }
}
