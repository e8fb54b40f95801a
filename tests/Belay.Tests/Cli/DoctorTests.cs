using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Belay.Sandboxes;

namespace Belay.Tests.Cli;

public sealed class DoctorTests
{
    private static readonly SandboxProbe Good = new(
        true, "process isolation, shared kernel", "", [new("network", true, "none at all"), new("memory limit", false, "no cgroup controller here")]);

    [Fact]
    public async Task Machine_IsShownWithEachGuaranteeAndItsDetail()
    {
        using var run = New(Good);
        run.Environment["OPENAI_API_KEY"] = "a-secret-that-must-not-be-shown";
        run.Service.On("GET /healthz", () => new HttpResponseMessage(HttpStatusCode.OK));
        run.Service.On("GET /api/tags", () => FakeService.Json(JsonNode.Parse("""{"models":[{"name":"qwen3:8b"},{"name":"\u001b[31mred"}]}""")!));

        Assert.Equal(0, await run.RunAsync("doctor"));
        var stable = string.Join('\n', run.Output.Split('\n').Where(line => !line.StartsWith("runtime", StringComparison.Ordinal) && !line.StartsWith("system", StringComparison.Ordinal) && !line.StartsWith("SQLite", StringComparison.Ordinal) && !line.StartsWith("open files", StringComparison.Ordinal)));
        stable = Regex.Replace(stable, @"[0-9.]+ GiB", "N GiB");
        GoldenFile.Matches("doctor", stable.Replace(run.Directory, "DIR", StringComparison.Ordinal));
        Assert.Contains("The server's own findings are missing.", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("a-secret-that-must-not-be-shown", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ok", 0)]
    [InlineData("failed", 1)]
    public async Task RunningServer_ShowsItsOwnFindings(string status, int exitCode)
    {
        using var run = New(Good).WithKey();
        run.Service.On("GET /healthz", () => new HttpResponseMessage(HttpStatusCode.OK));
        run.Service.On("GET /belay/v1/doctor", () => FakeService.Json(JsonNode.Parse($$"""
            {"version":"0.2.0","startedAt":"2026-11-21T07:00:00.000Z","account":"000000000000","sandbox":"process (process isolation, shared kernel)","openSessions":2,
             "findings":[{"name":"store","status":"{{status}}","message":"As the server says."},{"name":"sandbox disk limit","status":"warning","message":"NOT limited"}]}
            """)!));

        var code = await run.RunAsync("doctor");
        Assert.Empty(run.Error);
        GoldenFile.Matches($"doctor-server-{status}", run.Output);
        Assert.Equal(exitCode, code);
        Assert.Equal(exitCode, await run.RunAsync("doctor", "--json"));
        Assert.Contains("\"openSessions\": 2", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1:8642", true)]
    [InlineData("https://belay.example.com", false)]
    public async Task ModelServersOfThisMachine_AreOfUseToAServerOfThisMachine(string url, bool found)
    {
        using var run = New(Good).WithKey();
        run.Service.On("GET /healthz", () => new HttpResponseMessage(HttpStatusCode.OK));
        run.Service.On("GET /v1/models", () => FakeService.Json(JsonNode.Parse("""{"data":[{"id":"m"}]}""")!));
        run.Service.On("GET /belay/v1/doctor", () => FakeService.Json(JsonNode.Parse("""
            {"version":"0.2.0","startedAt":"2026-11-21T07:00:00.000Z","account":"000000000000","sandbox":"process","openSessions":0,"findings":[]}
            """)!));

        Assert.Equal(0, await run.RunAsync("doctor", "--url", url, "--json"));

        var names = JsonNode.Parse(run.Output)!["modelServers"]!.AsArray().Select(server => (string?)server!["name"]);
        Assert.Equal((string[])(found ? ["LM Studio", "vLLM", "llama.cpp"] : []), names);
        Assert.All(run.Service.Sent.Where(sent => sent.Line == "GET /v1/models"), sent => Assert.StartsWith("http://127.0.0.1:", sent.Server, StringComparison.Ordinal));
    }

    [Fact]
    public async Task NothingIsolates_EndsWith1AndSaysWhatToInstall()
    {
        using var run = New(new SandboxProbe(false, "", "bwrap is not installed.", []));

        Assert.Equal(1, await run.RunAsync("doctor"));
        Assert.Contains("does not work here", run.Output, StringComparison.Ordinal);
        Assert.Contains("bwrap is not installed.", run.Output, StringComparison.Ordinal);
        Assert.Contains("apt-get install -y bubblewrap", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_HasEveryGuarantee()
    {
        using var run = New(Good);

        Assert.Equal(0, await run.RunAsync("doctor", "--json", "--data", "d"));
        var report = JsonNode.Parse(run.Output)!;
        Assert.Equal("no cgroup controller here", (string?)report["sandboxes"]![0]!["guarantees"]![1]!["detail"]);
        Assert.False((bool)report["server"]!["answers"]!);
        Assert.Empty(report["problems"]!.AsArray());
        Assert.InRange((int)report["connections"]!, 1, (int)report["openFiles"]!);
    }

    [Fact]
    public async Task ProbeThatNeverEnds_IsCutOff()
    {
        using var run = New(null);

        Assert.Equal(1, await run.RunAsync("doctor"));
        Assert.Contains("did not end within", run.Output, StringComparison.Ordinal);
    }

    private static CliRun New(SandboxProbe? probe) => new()
    {
        Drivers = [new Driver("process", probe), new Driver("unconfined", new SandboxProbe(true, "NO ISOLATION", "", []))],
    };

    private sealed class Driver(string name, SandboxProbe? probe) : ISandboxDriver
    {
        public string Name => name;

        // Without an answer, the deadline has passed already: the probe reports its own cancellation as a real one does.
        public Task<SandboxProbe> ProbeAsync(CancellationToken cancellationToken) =>
            probe is null ? Task.FromException<SandboxProbe>(new OperationCanceledException()) : Task.FromResult(probe);

        public Task<ISandbox> StartAsync(SandboxSpec spec, CancellationToken cancellationToken) => throw new InvalidOperationException("The doctor starts no sandbox itself.");

        public Task<int> ReapAsync(CancellationToken cancellationToken) => Task.FromResult(0);
    }
}
