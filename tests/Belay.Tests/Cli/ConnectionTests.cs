using System.Text.Json.Nodes;
using Belay.Contracts.Signing;
using Belay.Storage;

namespace Belay.Tests.Cli;

public sealed class ConnectionTests
{
    [Theory]
    [InlineData("--url http://10.0.0.1:1 --port 2", "http://env:3", "http://10.0.0.1:1")]
    [InlineData("--port 2", "http://env:3", "http://127.0.0.1:2")]
    [InlineData("", "http://env:3", "http://env:3")]
    [InlineData("", "", "http://127.0.0.1:8642")]
    public async Task Server_IsUrlThenPortThenEnvironmentThen8642(string options, string environment, string server)
    {
        using var run = new CliRun().WithKey();
        run.Environment["AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL"] = environment;
        run.Service.WithHarness();

        Assert.Equal(0, await run.RunAsync(["list", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]));
        Assert.Equal(server, Assert.Single(run.Service.Sent).Server);
    }

    [Fact]
    public async Task DirectoryThatAServerHolds_SaysWhereItListens()
    {
        using var run = new CliRun().WithKey();
        run.Service.WithHarness();
        using var held = DataDirectoryLock.TryTake(Directory.CreateDirectory(Path.Combine(run.Directory, ".belay")).FullName);
        DataDirectoryLock.TellAddress(Path.Combine(run.Directory, ".belay"), "http://127.0.0.1:7001");
        var elsewhere = Directory.CreateDirectory(Path.Combine(run.Directory, "elsewhere")).FullName;
        using (DataDirectoryLock.TryTake(elsewhere))
        {
            DataDirectoryLock.TellAddress(elsewhere, "http://127.0.0.1:7002");
            Assert.Equal(0, await run.RunAsync("list", "--data", elsewhere));
            Assert.Equal(0, await run.RunAsync("list", "--data", elsewhere, "--port", "7003"));
        }

        // Whoever gave the directory back does not answer any more.
        Assert.Equal(0, await run.RunAsync("list", "--data", elsewhere));
        Assert.Equal(0, await run.RunAsync("list"));
        run.Environment["AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL"] = "http://env:3";
        Assert.Equal(0, await run.RunAsync("list"));

        Assert.Equal(
            ["http://127.0.0.1:7002", "http://127.0.0.1:7003", "http://127.0.0.1:8642", "http://127.0.0.1:7001", "http://env:3"],
            run.Service.Sent.Select(sent => sent.Server));
    }

    [Fact]
    public async Task Planes_GoWhereTheirVariablesPoint()
    {
        using var run = new CliRun().WithKey();
        run.Environment["AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL"] = "http://control:1";
        run.Environment["AWS_ENDPOINT_URL_BEDROCK_AGENTCORE"] = "http://data:2";
        run.Service.WithHarness().On("POST /runtimes/", () => FakeService.Json(new JsonObject()));

        Assert.Equal(0, await run.RunAsync("stop", "hello", "--session-id", "0123456789abcdef0123456789abcdef0"));
        Assert.Equal(["http://control:1", "http://data:2"], run.Service.Sent.Select(sent => sent.Server));
    }

    [Fact]
    public async Task Keys_ComeFromTheEnvironmentOfBelayEnv()
    {
        using var run = new CliRun().WithKey();
        run.Service.WithHarness();
        await run.RunAsync("list", "--region", "eu-west-1");

        Assert.StartsWith(
            "AWS4-HMAC-SHA256 Credential=BELAYTESTTESTTESTTES/20261121/eu-west-1/bedrock-agentcore/aws4_request,",
            Assert.Single(run.Service.Sent).Headers["Authorization"],
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task ForeignAwsKeys_AreNeverUsed()
    {
        using var run = new CliRun();
        run.Environment["AWS_ACCESS_KEY_ID"] = "AKIAIOSFODNN7EXAMPLE";
        run.Environment["AWS_SECRET_ACCESS_KEY"] = "secret";

        Assert.Equal(4, await run.RunAsync("list"));
        Assert.Empty(run.Service.Sent);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Keys_ComeFromTheDataDirectory(bool explicitly)
    {
        using var run = new CliRun();
        await run.RunAsync("env", "--json");
        var id = (string)JsonNode.Parse(run.Output)!["AWS_ACCESS_KEY_ID"]!;
        run.Service.WithHarness();
        if (explicitly)
        {
            // A directory that is named beats an environment that may be another server's.
            run.WithKey();
        }

        Assert.Equal(0, await run.RunAsync(explicitly ? ["list", "--data", ".belay"] : ["list"]));
        Assert.Contains($"Credential={id}/", Assert.Single(run.Service.Sent).Headers["Authorization"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task ArnInThePath_IsEscapedOnceAndSignedAsSent()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("POST /runtimes/", () => FakeService.Json(new JsonObject()));
        await run.RunAsync("stop", FakeService.Arn, "--session-id", "0123456789abcdef0123456789abcdef0", "--qualifier", "live");

        var sent = Assert.Single(run.Service.Sent);
        Assert.Equal($"POST /runtimes/{Uri.EscapeDataString(FakeService.Arn)}/stopruntimesession?qualifier=live", sent.Line);
        Assert.Equal(SigV4.Hash(System.Text.Encoding.UTF8.GetBytes(sent.Body)), sent.Headers["x-amz-content-sha256"]);
        Assert.Contains("x-amzn-bedrock-agentcore-runtime-session-id", sent.Headers["Authorization"], StringComparison.Ordinal);
    }
}
