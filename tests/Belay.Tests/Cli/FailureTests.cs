using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Belay.Tests.Cli;

/// <summary>What people and scripts see when something is wrong: words, a way on, an exit code; never a stack trace or a secret.</summary>
public sealed class FailureTests
{
    private const string Session = "0123456789abcdef0123456789abcdef0";

    [Theory]
    [InlineData("frob")]
    [InlineData("create")]
    [InlineData("create --name hello --max-iterations 0")]
    [InlineData("create --name hello --max-iterations many")]
    [InlineData("create --name hello --tools [1,}")]
    [InlineData("create --name hello --tools file://missing.json")]
    [InlineData("create --name hello --model {} --model-id x")]
    [InlineData("create --name hello --environment {} --network-mode PUBLIC")]
    [InlineData("create --name hello --api-base http://localhost:1/")]
    [InlineData("create --name hello --tags a")]
    [InlineData("get")]
    [InlineData("get a b")]
    [InlineData("get not-an-id")]
    [InlineData("get hello --harness other")]
    [InlineData("get hello --url ftp://x")]
    [InlineData("get hello --url http://127.0.0.1:1/path")]
    [InlineData("get hello --port 0")]
    [InlineData("get hello --port 70000")]
    [InlineData("update hello")]
    [InlineData("update hello --clear-memory --memory {}")]
    [InlineData("invoke hi")]
    [InlineData("invoke --harness hello")]
    [InlineData("invoke --harness hello --prompt hi hi")]
    [InlineData("invoke --harness hello --session-id short hi")]
    [InlineData("invoke --harness hello --prompt -")]
    [InlineData("exec --harness hello")]
    [InlineData("exec --harness hello --command ls ls")]
    [InlineData("exec --harness hello --timeout 3601 ls")]
    [InlineData("stop hello")]
    [InlineData("serve --sandbox chroot")]
    [InlineData("serve --host example.com")]
    [InlineData("serve --account 12")]
    [InlineData("serve --set Tools")]
    [InlineData("logs --since yesterday")]
    [InlineData("logs --since 5y")]
    [InlineData("logs --level fatal")]
    [InlineData("logs --limit 0")]
    [InlineData("logs --follow --until 1h")]
    [InlineData("logs --harness not-an-id")]
    [InlineData("traces --json get")]
    [InlineData("log-level loud")]
    [InlineData("list sessions --ended badly")]
    [InlineData("create --name hello --belay detach")]
    [InlineData("create --name hello --belay detach=perhaps")]
    [InlineData("update hello --belay toolConcurrency=65")]
    [InlineData("update hello --belay detach=true,detach=false")]
    [InlineData("traces get")]
    [InlineData("traces list --until 2026-13-01")]
    [InlineData("traces list --limit many")]
    [InlineData("get session")]
    [InlineData("get hello session 0123456789")]
    [InlineData("get --port 9000 session 0123456789")]
    [InlineData("list --json sessions")]
    [InlineData("list sessions --state asleep")]
    [InlineData("list usage --group-by colour")]
    [InlineData("list usage --group-by harness,harness")]
    [InlineData("list usage --interval minute")]
    [InlineData("completion")]
    [InlineData("completion tcsh")]
    [InlineData("keys --json list")]
    [InlineData("keys create --account x")]
    public async Task WrongCommandLine_SendsNothingAndEndsWith2(string line)
    {
        using var run = new CliRun().WithKey();

        var code = await run.RunAsync(line.Split(' '));

        Assert.Equal(2, code);
        Assert.Empty(run.Output);
        Assert.Empty(run.Service.Sent);
        AssertForPeople(run.Error);
    }

    [Fact]
    public async Task WrongCommandLines_AreTheGoldenText()
    {
        using var run = new CliRun { Together = true }.WithKey();

        foreach (var line in new[] { "frob", "create", "create --name hello --tools [1,}", "get not-an-id", "get hello --port 0", "invoke --harness hello", "stop hello", "serve --account 12" })
        {
            await run.RunAsync(line.Split(' '));
        }

        GoldenFile.Matches("usage", run.Output);
    }

    [Fact]
    public async Task NoServer_EndsWith3()
    {
        using var run = new CliRun().WithKey();

        Assert.Equal(3, await run.RunAsync("list", "--port", "9000"));
        Assert.Equal("Could not list the harnesses: no server answers at http://127.0.0.1:9000 (connection refused). Start one with: belay serve --port 9000\n", run.Error);
    }

    [Theory]
    [InlineData("", "Start one with: belay serve\n")]
    [InlineData("--data some/where", "Start one with: belay serve --data some/where\n")]
    [InlineData("--port 9000 --data there", "Start one with: belay serve --port 9000 --data there\n")]
    [InlineData("--url http://localhost:9001", "Start one with: belay serve --port 9001\n")]
    [InlineData("--url http://belay.example:8642", "Start it there with belay serve, or name another with --url or --port.\n")]
    [InlineData("--url https://127.0.0.1:8642", "Start it there with belay serve, or name another with --url or --port.\n")]
    public async Task NoServer_OneLineSaysHowToStartTheOneThatIsMeant(string options, string says)
    {
        using var run = new CliRun().WithKey();

        Assert.Equal(3, await run.RunAsync(["list", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]));
        Assert.EndsWith(says, run.Error, StringComparison.Ordinal);
        Assert.Single(run.Error.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task NoKey_EndsWith4AndSaysHowToGetOne()
    {
        using var run = new CliRun();

        Assert.Equal(4, await run.RunAsync("list"));
        Assert.Empty(run.Service.Sent);
        Assert.Contains("belay serve --data .belay", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RefusedSignature_EndsWith4()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("GET /harnesses", () => FakeService.Fault(HttpStatusCode.Forbidden, "AccessDeniedException", """{"message":"The security token included in the request is invalid."}"""));

        Assert.Equal(4, await run.RunAsync("list"));
        Assert.Contains("The security token included in the request is invalid.", run.Error, StringComparison.Ordinal);
        Assert.Contains("belay env", run.Error, StringComparison.Ordinal);
        AssertForPeople(run.Error);
    }

    [Fact]
    public async Task ValidationFault_NamesEveryField()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("POST /harnesses", () => FakeService.Fault(HttpStatusCode.BadRequest, "ValidationException", """
            {"message":"2 validation errors detected: …","reason":"FieldValidationFailed","fieldList":[
             {"name":"harnessName","message":"must match [a-zA-Z][a-zA-Z0-9_]{0,39}"},{"name":"maxTokens","message":"must be at least 1"}]}
            """));

        Assert.Equal(1, await run.RunAsync("create", "--name", "no-hyphens"));
        Assert.Equal(
            """
            Could not create the harness: the service found 2 problems.
              harnessName must match [a-zA-Z][a-zA-Z0-9_]{0,39}
              maxTokens must be at least 1

            """,
            run.Error);
    }

    [Fact]
    public async Task FaultWithJson_IsJsonOnStandardError()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("GET /harnesses", () => FakeService.Fault(HttpStatusCode.TooManyRequests, "ThrottlingException", """{"message":"slow down"}"""));

        Assert.Equal(1, await run.RunAsync("list", "--json"));
        Assert.Empty(run.Output);
        var error = JsonNode.Parse(run.Error)!["error"]!;
        Assert.Equal("ThrottlingException", (string?)error["code"]);
        Assert.Equal("Could not list the harnesses: slow down", (string?)error["message"]);
    }

    [Fact]
    public async Task SomethingElseThatAnswers_IsNamedAsSuch()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("GET /harnesses", () => new HttpResponseMessage(HttpStatusCode.BadGateway) { Content = new StringContent("<html>") });

        Assert.Equal(1, await run.RunAsync("list"));
        Assert.Contains("does not speak Belay's protocol; it answered HTTP 502", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StreamThatBreaks_IsAnErrorAndNeverAnAnswer()
    {
        using var run = new CliRun().WithKey();
        run.Service.WithHarness().On("POST /harnesses/invoke", () => FakeService.StreamOf(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK, said the proxy")));

        Assert.Equal(1, await run.RunAsync("invoke", "--harness", FakeService.Arn, "--session-id", Session, "hi"));
        Assert.Contains("the connection broke before the answer was complete", run.Error, StringComparison.Ordinal);
        AssertForPeople(run.Error);
    }

    [Fact]
    public async Task StreamWithoutStopReason_IsAnError()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("POST /harnesses/invoke", () => FakeService.Stream("""
            messageStart {"role":"assistant"}
            contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"The answer is"}}
            """));

        Assert.Equal(1, await run.RunAsync("invoke", "--harness", FakeService.Arn, "hi"));
        Assert.Contains("ended without a stop reason", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FaultInTheStream_SaysWhatFailed()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("POST /harnesses/invoke", () => FakeService.Stream("""
            messageStart {"role":"assistant"}
            !runtimeClientError {"message":"The model openai/x answered 401: check its API key."}
            """));

        Assert.Equal(1, await run.RunAsync("invoke", "--harness", FakeService.Arn, "hi"));
        Assert.Contains("Could not invoke the harness: The model openai/x answered 401: check its API key.", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Interrupted_EndsWith130()
    {
        using var run = new CliRun().WithKey();
        run.Service.WithHarness();

        Assert.Equal(130, await run.RunAsync(new CancellationToken(canceled: true), "list"));
        Assert.Equal("Interrupted.\n", run.Error);
    }

    [Fact]
    public async Task UnknownName_PointsToList()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("GET /harnesses?", () => FakeService.Json(new JsonObject { ["harnesses"] = new JsonArray() }));

        Assert.Equal(1, await run.RunAsync("get", "nobody"));
        Assert.Equal("There is no harness named nobody.\nSee what there is: belay list\n", run.Error);
    }

    private static void AssertForPeople(string text)
    {
        Assert.NotEmpty(text);
        Assert.DoesNotContain("   at ", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception:", text, StringComparison.Ordinal);
        Assert.DoesNotContain("a-secret-that-must-not-be-shown", text, StringComparison.Ordinal);
    }
}
