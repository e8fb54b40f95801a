using System.Text.Json;
using Belay.Identity;
using Belay.Tests.Wire;

namespace Belay.Tests.Identity;

/// <summary>Native operations of one account against what belongs to another: refused as if it did not exist. Only the default account looks after keys of all.</summary>
public sealed class NativeCrossAccountTests : IAsyncLifetime
{
    private NativeServer _server = null!;
    private AccessKey _first = null!;
    private AccessKey _mine = null!;
    private AccessKey _theirs = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await NativeServer.StartAsync();
        _first = _server.Key;
        _mine = await KeyAsync("111122223333");
        _theirs = await KeyAsync("444455556666");
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Lists_ShowWhatIsTheCallers()
    {
        var (id, _) = await _server.TokenAsync(_theirs);

        Assert.Equal([_mine.Id], await KeysOfAsync(_mine));
        Assert.Equal(new[] { _first.Id, _mine.Id, _theirs.Id }.Order(), (await KeysOfAsync(_first)).Order());
        Assert.Empty((await _server.SignedAsync(HttpMethod.Get, "/belay/v1/tokens", null, _mine)).Json.GetProperty("tokens").EnumerateArray());
        Assert.Empty((await _server.SignedAsync(HttpMethod.Get, "/belay/v1/tokens", null, _first)).Json.GetProperty("tokens").EnumerateArray());
        Assert.Equal(id, Assert.Single((await _server.SignedAsync(HttpMethod.Get, "/belay/v1/tokens", null, _theirs)).Json.GetProperty("tokens").EnumerateArray()).GetProperty("tokenId").GetString());
        Assert.Equal("111122223333", (await _server.SignedAsync(HttpMethod.Get, "/belay/v1/doctor", null, _mine)).Json.GetProperty("account").GetString());
    }

    [Fact]
    public async Task ForeignNames_AreAnsweredLikeMissingOnes()
    {
        var (token, text) = await _server.TokenAsync(_theirs);
        var harness = await HarnessAsync(_theirs);
        (HttpMethod Method, string Path, string Foreign, string Missing, string? Body)[] rows =
        [
            (HttpMethod.Delete, "/belay/v1/keys/{0}", _theirs.Id, "BELAYAAAAAAAAAAAAAAA", null),
            (HttpMethod.Delete, "/belay/v1/tokens/{0}", token, "AAAAAAAAAAAAAAAA", null),
            (HttpMethod.Get, "/belay/v1/harnesses/{0}/settings", harness, "missing-0123456789", null),
            (HttpMethod.Put, "/belay/v1/harnesses/{0}/settings", harness, "missing-0123456789", """{"document":{"detach":true}}"""),
        ];
        foreach (var (method, path, foreign, missing, body) in rows)
        {
            var answers = new List<string>();
            foreach (var name in new[] { foreign, missing })
            {
                var answer = await _server.SignedAsync(method, string.Format(System.Globalization.CultureInfo.InvariantCulture, path, name), body, _mine);
                Assert.Equal((404, "ResourceNotFoundException"), (answer.Status, answer.ErrorType));
                answers.Add(answer.Message.Replace(name, "<name>", StringComparison.Ordinal));
            }

            Assert.Single(answers.Distinct());
            var malformed = await _server.SignedAsync(method, string.Format(System.Globalization.CultureInfo.InvariantCulture, path, "..%2Fx%7F"), body, _mine);
            Assert.True(malformed.Status is 400 or 404, $"{path}: {malformed.Body}");
        }

        Assert.Equal(200, (await _server.BearerAsync(HttpMethod.Get, "/belay/v1/doctor", text)).Status);
        Assert.Equal("1", (await _server.SignedAsync(HttpMethod.Get, $"/belay/v1/harnesses/{harness}/settings", null, _theirs)).Json.GetProperty("harnessVersion").GetString());
    }

    [Fact]
    public async Task KeysOfOtherAccounts_OnlyTheDefaultAccountMakesAndDeletes_AndTheLastOneStays()
    {
        Assert.Equal(403, (await _server.SignedAsync(HttpMethod.Post, "/belay/v1/keys", """{"account":"444455556666"}""", _mine)).Status);
        var second = await KeyAsync("444455556666");
        Assert.Equal(204, (await _server.SignedAsync(HttpMethod.Delete, $"/belay/v1/keys/{_theirs.Id}", null, _first)).Status);
        Assert.Equal(403, (await _server.SignedAsync(HttpMethod.Get, "/belay/v1/keys", null, _theirs)).Status);
        foreach (var (last, signer) in new[] { (second, _first), (_first, _first), (_mine, _mine) })
        {
            var answer = await _server.SignedAsync(HttpMethod.Delete, $"/belay/v1/keys/{last.Id}", null, signer);
            Assert.Equal((409, "ConflictException"), (answer.Status, answer.ErrorType));
        }
    }

    [Fact]
    public async Task WrongMembers_AreAllNamed()
    {
        var answer = await _server.SignedAsync(HttpMethod.Post, "/belay/v1/tokens", """{"name":"","expiresInSeconds":59}""");
        Assert.Equal(400, answer.Status);
        Assert.Equal(["expiresInSeconds", "name"], answer.Json.GetProperty("fieldList").EnumerateArray().Select(field => field.GetProperty("name").GetString()!).Order());
        Assert.Equal(400, (await _server.SignedAsync(HttpMethod.Post, "/belay/v1/keys", """{"account":"12"}""")).Status);
    }

    private async Task<List<string>> KeysOfAsync(AccessKey key) =>
        [.. (await _server.SignedAsync(HttpMethod.Get, "/belay/v1/keys", null, key)).Json.GetProperty("keys").EnumerateArray().Select(one => one.GetProperty("accessKeyId").GetString()!)];

    private async Task<AccessKey> KeyAsync(string account)
    {
        var made = (await _server.SignedAsync(HttpMethod.Post, "/belay/v1/keys", JsonSerializer.Serialize(new { account }))).Json;
        return new AccessKey(made.GetProperty("key").GetProperty("accessKeyId").GetString()!, account, null, default, made.GetProperty("secretAccessKey").GetString()!);
    }

    private async Task<string> HarnessAsync(AccessKey key)
    {
        var made = await _server.SignedAsync(HttpMethod.Post, "/harnesses", """{"harnessName":"agent","executionRoleArn":"arn:aws:iam::444455556666:role/HarnessRole"}""", key);
        return made.Json.GetProperty("harness").GetProperty("harnessId").GetString()!;
    }
}
