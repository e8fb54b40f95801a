using System.Net;
using System.Text.Json.Nodes;
using Belay.Bundles;
using Belay.Identity;
using Belay.Testing;
using Belay.Testing.Sessions;
using Belay.Tests.Bundles;

namespace Belay.Tests.Cli;

/// <summary><c>belay export-session</c> and <c>belay import-session</c>, before a server that says what the test wants.</summary>
public sealed class BundleVerbTests : IAsyncDisposable
{
    private const string Fork = "fork-00000000000000000000000000000001";

    private readonly TemporaryDirectory _directory = new();
    private readonly BundleKey _key;
    private readonly EngineWorld _world = new();

    public BundleVerbTests() => _key = BundleKey.LoadOrCreate(_directory.Path, MasterKey.LoadOrCreate(_directory.Path));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        _key.Dispose();
        await _world.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task Export_SaysWhatIsInTheFile()
    {
        var bytes = await BundleAsync();
        using var run = new CliRun().WithKey();
        run.Service.On("GET /belay/v1/harnesses/", () => new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent(bytes) });

        Assert.Equal(0, await run.RunAsync("export-session", Fork, "--harness", FakeService.Id, "-o", "one.belay"));

        var past = (await _world.EntriesAsync()).Count;
        Assert.Contains($"It goes on from session {EngineWorld.SessionId} at entry {past}, which is in it.", run.Output, StringComparison.Ordinal);
        Assert.Contains("Its files are in it as of entry 1: 2 files, 3 bytes.", run.Output, StringComparison.Ordinal);
        Assert.Equal($"GET /belay/v1/harnesses/{FakeService.Id}/sessions/{Fork}/bundle", run.Service.Sent[^1].Line);

        Assert.Equal(0, await run.RunAsync("export-session", Fork, "--harness", FakeService.Id, "-o", "two.belay", "--no-files", "--json"));
        Assert.EndsWith("/bundle?files=false", run.Service.Sent[^1].Line, StringComparison.Ordinal);
        var json = JsonNode.Parse(run.Output[run.Output.IndexOf('{', StringComparison.Ordinal)..])!;
        Assert.Equal((past, EngineWorld.SessionId, 2), ((int)json["past"]![0]!["entries"]!, (string?)json["past"]![0]!["sessionId"], (int)json["files"]!["files"]!));
    }

    [Fact]
    public async Task Verify_ReadsBundlesWithoutAServer()
    {
        using var run = new CliRun();
        var bytes = await BundleAsync();
        await File.WriteAllBytesAsync(Path.Combine(run.Directory, "whole.belay"), bytes, Token);
        var changed = bytes.ToArray();
        changed[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(Path.Combine(run.Directory, "changed.belay"), changed, Token);
        await File.WriteAllBytesAsync(Path.Combine(run.Directory, "cut.belay"), bytes[..(bytes.Length / 2)], Token);

        Assert.Equal(0, await run.RunAsync("verify", "whole.belay", "--trust", _key.Fingerprint));
        Assert.Contains($"of session {Fork}, signed by {_key.Fingerprint}: nothing is damaged.", run.Output, StringComparison.Ordinal);
        Assert.Equal(5, await run.RunAsync("verify", "whole.belay", "changed.belay", "cut.belay"));
        Assert.Contains("changed.belay: ", run.Error, StringComparison.Ordinal);
        Assert.Contains("cut.belay: ", run.Error, StringComparison.Ordinal);
        Assert.Equal(5, await run.RunAsync("verify", "whole.belay", "--trust", "00:11"));
        Assert.Equal(1, await run.RunAsync("verify", "none.belay"));
        Assert.Equal(2, await run.RunAsync("verify", "whole.belay", "--session-id", Fork));
        Assert.Equal(2, await run.RunAsync("verify", "--trust", _key.Fingerprint));
        Assert.Empty(run.Service.Sent);

        using var json = new CliRun();
        await File.WriteAllBytesAsync(Path.Combine(json.Directory, "whole.belay"), bytes, Token);
        Assert.Equal(5, await json.RunAsync("verify", "whole.belay", Path.Combine(run.Directory, "cut.belay"), "--json"));
        var found = JsonNode.Parse(json.Output)!["bundles"]!.AsArray();
        Assert.Equal((Fork, true), ((string?)found[0]!["sessionId"], found[1]!["error"] is not null));
    }

    [Fact]
    public async Task Import_SaysWhatCameWithIt()
    {
        using var run = new CliRun().WithKey();
        await File.WriteAllBytesAsync(Path.Combine(run.Directory, "one.belay"), await BundleAsync(), Token);
        run.Service.On("POST /belay/v1/sessions/import", () => FakeService.Json(JsonNode.Parse($$$"""
            {"harnessId":"{{{FakeService.Id}}}","harnessArn":"{{{FakeService.Arn}}}","harnessCreated":false,"leftOut":[],"sessionId":"{{{Fork}}}","entries":5,"fingerprint":"ab:cd",
             "pastSessionIds":["{{{EngineWorld.SessionId}}}"],"workspace":{"entry":1,"savedAt":"2026-11-21T08:00:00.000Z","files":2,"bytes":3}}
            """)!, HttpStatusCode.Created));

        Assert.Equal(0, await run.RunAsync("import-session", "one.belay"));
        Assert.Contains($"It goes on from session {EngineWorld.SessionId}.", run.Output, StringComparison.Ordinal);
        Assert.Contains("Its files are those of entry 1: 2 files, 3 bytes.", run.Output, StringComparison.Ordinal);
        Assert.Equal("POST /belay/v1/sessions/import", run.Service.Sent[^1].Line);

        Assert.Equal(0, await run.RunAsync("import-session", "one.belay", "--no-files"));
        Assert.Equal("POST /belay/v1/sessions/import?files=false", run.Service.Sent[^1].Line);
    }

    private async Task<byte[]> BundleAsync()
    {
        _world.Model.Say("One.").Say("Two.");
        await _world.InvokeAsync(EngineWorld.User("Go"));
        var key = _world.Key with { SessionId = Fork };
        await _world.Forks.ForkAsync(_world.Key, new(Fork, null, null, null), Token);
        using var archive = new MemoryStream("an archive"u8.ToArray());
        return await BundleFile.WriteAsync(_world, key, _key, new(1, DateTimeOffset.UnixEpoch, 2, 3, archive.Length), archive);
    }
}
