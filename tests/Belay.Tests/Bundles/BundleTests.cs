using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Belay.Bundles;
using Belay.Contracts.Harnesses;
using Belay.Identity;
using Belay.Replays;
using Belay.Sessions;
using Belay.Testing;
using Belay.Testing.Sessions;
using Belay.Tests.Cli;

namespace Belay.Tests.Bundles;

public sealed class BundleTests : IAsyncDisposable
{
    private const string Canary = "canary-that-stays-at-home";

    private readonly TemporaryDirectory _directory = new();
    private readonly BundleKey _key;
    private readonly EngineWorld _world = new();

    public BundleTests() => _key = BundleKey.LoadOrCreate(_directory.Path, MasterKey.LoadOrCreate(_directory.Path));

    public async ValueTask DisposeAsync()
    {
        _key.Dispose();
        await _world.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task Bundle_IsReadBack_AndReplayed()
    {
        var lines = await WriteAsync();

        var bundle = await ReadAsync(lines, _key.Fingerprint);

        Assert.Equal((_world.Harness.HarnessId, EngineWorld.SessionId, _key.Fingerprint), (bundle.Header.HarnessId, bundle.Header.SessionId, bundle.Fingerprint));
        Assert.Equal((await _world.EntriesAsync()).Select(JournalJson.KindOf), bundle.Entries.Select(entry => JournalJson.KindOf(entry.Body)));
        var replayed = await new Replayer((version, _) => Task.FromResult(bundle.Versions.GetValueOrDefault(version)), _world.BuiltIns)
            .RunAsync(bundle.Entries.ToAsyncEnumerable(), new(), CancellationToken.None).ToListAsync();
        Assert.Equal([ReplayResult.Identical, ReplayResult.Identical], replayed.Select(invocation => invocation.Result));
    }

    [Fact]
    public async Task WhatIsSensitiveInConfiguration_IsNotInIt()
    {
        _world.Harness = _world.Harness with
        {
            SystemPrompt = [new() { Text = Canary }],
            EnvironmentVariables = new Dictionary<string, string> { ["TOKEN"] = Canary },
            Model = new() { LiteLlmModelConfig = new() { ModelId = "openai/m", ApiBase = $"http://localhost/{Canary}", AdditionalParams = JsonElement.Parse($$$"""{"seed":1,"belay":{"fallbacks":[{"liteLlmModelConfig":{"modelId":"openai/n","apiBase":"http://localhost/{{{Canary}}}"}}]}}""") } },
            Tools = [new() { Type = HarnessToolType.InlineFunction, Name = "approve", Config = new() { InlineFunction = new() { Description = Canary, InputSchema = JsonElement.Parse($$"""{"title":"{{Canary}}"}""") } } }],
        };

        var lines = await WriteAsync();

        Assert.DoesNotContain(lines, line => line.Contains(Canary, StringComparison.Ordinal));
        var version = (await ReadAsync(lines)).Versions["1"];
        Assert.Equal(Redaction.LeftOut, version.SystemPrompt[0].Text);
        Assert.Equal("""{"seed":1,"belay":{"fallbacks":[{"liteLlmModelConfig":{"modelId":"openai/n"}}]}}""", version.Model.LiteLlmModelConfig!.AdditionalParams!.Value.GetRawText());
    }

    [Fact]
    public async Task CutBundle_IsRefused_WhereverItIsCut()
    {
        var whole = Encoding.UTF8.GetBytes(string.Concat((await WriteAsync()).Select(line => line + "\n")));

        for (var length = 0; length < whole.Length; length += 97)
        {
            await Assert.ThrowsAsync<BundleException>(() => ReadAsync(whole[..length]));
        }
    }

    [Fact]
    public async Task ChangedLine_IsNamed()
    {
        var lines = await WriteAsync();
        for (var i = 0; i < lines.Count; i++)
        {
            var changed = lines.ToList();
            changed[i] = changed[i][..^2] + " " + changed[i][^2..];

            var fault = await Assert.ThrowsAsync<BundleException>(() => ReadAsync(changed));

            Assert.StartsWith(i == 0 ? "This is no session bundle" : $"Line {i + 1}", fault.Message, StringComparison.Ordinal);
        }

        var result = lines.FindIndex(line => line.Contains("\"kind\":\"ToolOutcome\"", StringComparison.Ordinal));
        var forged = lines.ToList();
        forged[result] = forged[result].Replace("exit_code", "exit-code", StringComparison.Ordinal).Replace("ok", "no", StringComparison.Ordinal);
        Assert.Contains($"(entry {result})", (await Assert.ThrowsAsync<BundleException>(() => ReadAsync(forged))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LineThatIsMissingOrMoved_IsNamed()
    {
        var lines = await WriteAsync();

        Assert.StartsWith("Line 4 ", (await Assert.ThrowsAsync<BundleException>(() => ReadAsync([.. lines[..3], .. lines[4..]]))).Message, StringComparison.Ordinal);
        Assert.StartsWith("Line 4 ", (await Assert.ThrowsAsync<BundleException>(() => ReadAsync([.. lines[..3], lines[4], lines[3], .. lines[5..]]))).Message, StringComparison.Ordinal);
        Assert.Contains("behind the bundle's end", (await Assert.ThrowsAsync<BundleException>(() => ReadAsync([.. lines, lines[^1]]))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BundleThatWasWrittenAnew_NeedsTheKey()
    {
        var lines = (await WriteAsync()).Select(line => line[65..]).ToList();
        lines[1] = lines[1].Replace("\"Go\"", "\"No\"", StringComparison.Ordinal);

        Assert.Equal("The bundle's signature is not that of its key: it was changed.", (await Assert.ThrowsAsync<BundleException>(() => ReadAsync(Chained(lines)))).Message);

        using var other = new TemporaryDirectory();
        using var stranger = BundleKey.LoadOrCreate(other.Path, MasterKey.LoadOrCreate(other.Path));
        Assert.Equal(
            $"The bundle was signed by {_key.Fingerprint}, not by {stranger.Fingerprint}.",
            (await Assert.ThrowsAsync<BundleException>(async () => await ReadAsync(await WriteAsync(), stranger.Fingerprint))).Message);
    }

    [Fact]
    public async Task NewerFormat_TooLarge_AndNoBundleAtAll_AreRefusedInWords()
    {
        var lines = (await WriteAsync()).Select(line => line[65..]).ToList();
        var newer = lines.ToList();
        newer[0] = newer[0].Replace("\"format\":2", "\"format\":3", StringComparison.Ordinal);

        Assert.StartsWith("The bundle has format 3;", (await Assert.ThrowsAsync<BundleException>(() => ReadAsync(Chained(newer)))).Message, StringComparison.Ordinal);
        Assert.Contains("more than 3 entries", (await Assert.ThrowsAsync<BundleException>(() => ReadAsync(Bytes(Chained(lines)), new() { Entries = 3 }))).Message, StringComparison.Ordinal);
        Assert.Contains("longer than 100 bytes", (await Assert.ThrowsAsync<BundleException>(() => ReadAsync(new byte[5000], new() { LineBytes = 100 }))).Message, StringComparison.Ordinal);
        Assert.Contains("larger than 100 bytes", (await Assert.ThrowsAsync<BundleException>(() => ReadAsync(new byte[5000], new() { Bytes = 100 }))).Message, StringComparison.Ordinal);
        Assert.StartsWith("This is no session bundle", (await Assert.ThrowsAsync<BundleException>(() => ReadAsync("PK\u0003\u0004 \n"u8.ToArray()))).Message, StringComparison.Ordinal);
        Assert.StartsWith("This is no session bundle", (await Assert.ThrowsAsync<BundleException>(() => ReadAsync(Array.Empty<byte>()))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Key_IsMadeOnce_AndSealed()
    {
        using var again = BundleKey.LoadOrCreate(_directory.Path, MasterKey.LoadOrCreate(_directory.Path));

        Assert.Equal(_key.Fingerprint, again.Fingerprint);
        Assert.Matches("^([0-9a-f]{4}:){7}[0-9a-f]{4}$", again.Fingerprint);
        Assert.Throws<InvalidDataException>(() => BundleKey.LoadOrCreate(_directory.Path, MasterKey.FromBytes(new byte[32])));
    }

    [Fact]
    public async Task TestSession_ReplaysWithoutAServer_AndFailsWithTheNearestRecording()
    {
        using var run = new CliRun();
        var good = Path.Combine(_directory.Path, "good.belay");
        var bad = Path.Combine(_directory.Path, "bad.belay");
        var cut = Path.Combine(_directory.Path, "cut.belay");
        await File.WriteAllLinesAsync(good, await WriteAsync(), TestContext.Current.CancellationToken);
        await File.WriteAllBytesAsync(bad, await WriteAsync(Changed), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(cut, "cut", TestContext.Current.CancellationToken);

        Assert.Equal(0, await run.RunAsync("test-session", good, "--trust", _key.Fingerprint));
        Assert.Contains("Tests run: 1, Failures: 0, Errors: 0, Skipped: 0", run.Output, StringComparison.Ordinal);
        Assert.Empty(run.Service.Sent);

        using var failed = new CliRun();
        Assert.Equal(1, await failed.RunAsync("test-session", good, bad, cut));
        Assert.Contains("Tests run: 3, Failures: 1, Errors: 1, Skipped: 0", failed.Output, StringComparison.Ordinal);
        Assert.Contains("differs at input.command", failed.Output, StringComparison.Ordinal);
        Assert.Contains("  nearest   ToolIntent (entry ", failed.Output, StringComparison.Ordinal);
        Assert.Contains("middle of line 1", failed.Error, StringComparison.Ordinal);
    }

    private static OpenedEntry Changed(OpenedEntry opened)
    {
        if (opened.Entry.Body is not ToolIntent { ToolUseId: "a" } intent)
        {
            return opened;
        }

        var body = intent with { Input = JsonElement.Parse("""{"command":"rm"}""") };
        return opened with { Entry = opened.Entry with { Body = body }, Json = JournalJson.Serialize(body) };
    }

    private async Task<List<string>> WriteAsync() => [.. Encoding.UTF8.GetString(await WriteAsync(change: null)).Split('\n', StringSplitOptions.RemoveEmptyEntries)];

    private async Task<byte[]> WriteAsync(Func<OpenedEntry, OpenedEntry>? change)
    {
        if (_world.Model.Requests.Count == 0)
        {
            _world.Model.Call(("a", "shell", """{"command":"effect a; echo ok"}"""), ("b", "shell", """{"command":"effect b; echo ok"}""")).Say("Done.").Say("Bye.");
            await _world.InvokeAsync(EngineWorld.User("Go"));
            await _world.InvokeAsync(EngineWorld.User("Go home"));
        }

        using var output = new MemoryStream();
        var row = await _world.Journal.FindAsync(_world.Key, CancellationToken.None);
        var entries = SessionJournal.ReadOpenedAsync(_world.Journal, _world.Sealer, _world.Key, 0, CancellationToken.None).Select(entry => change?.Invoke(entry) ?? entry);
        await new BundleWriter(output, _key).WriteAsync(
            new(BundleWriter.Format, _world.Harness.HarnessId, "test", EngineWorld.SessionId, DateTimeOffset.UnixEpoch, row!.LastSequence),
            entries.Select(entry => new PlacedEntry(_world.Key, entry)),
            (_, _, _) => Task.FromResult<Harness?>(_world.Harness),
            files: null,
            CancellationToken.None);
        return output.ToArray();
    }

    // As somebody would who knows the form and does not have the key.
    private static List<string> Chained(IEnumerable<string> lines)
    {
        var digest = SHA256.HashData("belay session bundle"u8);
        var chained = new List<string>();
        foreach (var line in lines)
        {
            digest = SHA256.HashData([.. digest, .. Encoding.UTF8.GetBytes(line)]);
            chained.Add($"{Convert.ToHexStringLower(digest)} {line}");
        }

        return chained;
    }

    private static byte[] Bytes(IEnumerable<string> lines) => Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + "\n")));

    private static Task<SessionBundle> ReadAsync(IEnumerable<string> lines, string? trust = null) => ReadAsync(Bytes(lines), trust: trust);

    private static async Task<SessionBundle> ReadAsync(byte[] bytes, BundleLimits? limits = null, string? trust = null)
    {
        using var input = new MemoryStream(bytes);
        return await new BundleReader(limits ?? new()).ReadAsync(input, trust, CancellationToken.None);
    }
}
