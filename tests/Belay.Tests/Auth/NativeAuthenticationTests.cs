using System.Text;
using Belay.Identity;
using Belay.Tests.Wire;

namespace Belay.Tests.Auth;

/// <summary>Who gets in to the native API, and with what: signatures, bearer tokens, tickets, and no two of them at once.</summary>
public sealed class NativeAuthenticationTests : IAsyncLifetime
{
    private const string Doctor = "/belay/v1/doctor";
    private NativeServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await NativeServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Signature_Token_AndTicket_EachGetIn()
    {
        var (_, token) = await _server.TokenAsync();
        var ticket = await TicketAsync(() => _server.BearerAsync(HttpMethod.Post, "/belay/v1/tickets", token));

        Assert.StartsWith("belay_000000000000_", token, StringComparison.Ordinal);
        foreach (var answer in new[]
        {
            await _server.SignedAsync(HttpMethod.Get, Doctor),
            await _server.BearerAsync(HttpMethod.Get, Doctor, token),
            await _server.SendAsync(HttpMethod.Get, $"{Doctor}?ticket={ticket}"),
        })
        {
            Assert.Equal(200, answer.Status);
            Assert.Equal("000000000000", answer.Json.GetProperty("account").GetString());
        }
    }

    [Fact]
    public async Task NothingPresented_Is403InShape()
    {
        var answer = await _server.SendAsync(HttpMethod.Get, Doctor);

        Assert.Equal((403, "AccessDeniedException"), (answer.Status, answer.ErrorType));
    }

    [Fact]
    public async Task TwoWaysAtOnce_AreRefused_AndTheTicketIsNotSpent()
    {
        var (_, token) = await _server.TokenAsync();
        var ticket = await TicketAsync();

        Refused("more than one way", await _server.BearerAsync(HttpMethod.Get, $"{Doctor}?ticket={ticket}", token));
        Refused("more than one way", await _server.SignedAsync(HttpMethod.Get, $"{Doctor}?ticket={ticket}"));
        Refused("more than one way", await _server.SendAsync(HttpMethod.Get, $"{Doctor}?ticket={ticket}&ticket={ticket}"));
        Refused("more than one way", await _server.SendAsync(HttpMethod.Get, $"{Doctor}?ticket={ticket}&X-Amz-Signature=00"));
        Assert.Equal(200, (await _server.SendAsync(HttpMethod.Get, $"{Doctor}?ticket={ticket}")).Status);
    }

    [Theory]
    [InlineData("GET", "/harnesses")]
    [InlineData("POST", "/harnesses")]
    [InlineData("GET", "/belay/v1x/doctor")]
    [InlineData("GET", "/belay%2Fv1/doctor")]
    [InlineData("GET", "/harnesses/belay/v1/doctor")]
    public async Task Token_IsNotAcceptedOutsideTheNativeApi(string method, string path)
    {
        var (_, token) = await _server.TokenAsync();

        var answer = await _server.BearerAsync(new HttpMethod(method), path, token);

        Refused("A bearer token is not accepted here; the required method is AWS Signature Version 4.", answer);
        var ticket = await TicketAsync();
        Assert.Equal(403, (await _server.SendAsync(HttpMethod.Get, $"{path}?ticket={ticket}")).Status);
    }

    [Fact]
    public async Task WrongTokens_AreRefusedAlike_BeforeTheBody()
    {
        var (id, token) = await _server.TokenAsync();
        var messages = new List<string>();
        foreach (var wrong in new[]
        {
            "belay_", "x", new string('a', 5000), token[..^1], token + "a", token[..^1] + (token[^1] == 'a' ? 'b' : 'a'),
            token.Replace("belay_000000000000", "belay_000000000001", StringComparison.Ordinal),
            token.Replace(id, new string('a', id.Length), StringComparison.Ordinal), token.ToUpperInvariant(), token.Replace('_', '/'),
        })
        {
            var answer = await _server.BearerAsync(HttpMethod.Put, "/belay/v1/harnesses/h/settings", wrong, "not json, and never read");
            Assert.Equal((403, "AccessDeniedException"), (answer.Status, answer.ErrorType));
            messages.Add(answer.Message);
        }

        Assert.Single(messages.Distinct());
    }

    [Fact]
    public async Task RevokedToken_IsRefusedAtOnce_AndSoIsItsTicket()
    {
        var (id, token) = await _server.TokenAsync();
        var ticket = await TicketAsync(() => _server.BearerAsync(HttpMethod.Post, "/belay/v1/tickets", token));
        Assert.Equal(204, (await _server.SignedAsync(HttpMethod.Delete, $"/belay/v1/tokens/{id}")).Status);

        Refused("unknown, revoked or over", await _server.BearerAsync(HttpMethod.Get, Doctor, token));
        Refused("The ticket is unknown", await _server.SendAsync(HttpMethod.Get, $"{Doctor}?ticket={ticket}"));
        Assert.Equal(404, (await _server.SignedAsync(HttpMethod.Delete, $"/belay/v1/tokens/{id}")).Status);
    }

    [Fact]
    public async Task DeletedKey_TakesItsTokensAndTicketsWithIt()
    {
        var made = (await _server.SignedAsync(HttpMethod.Post, "/belay/v1/keys", "{}")).Json;
        var id = made.GetProperty("key").GetProperty("accessKeyId").GetString()!;
        var key = new AccessKey(id, "000000000000", null, default, made.GetProperty("secretAccessKey").GetString()!);
        var (_, token) = await _server.TokenAsync(key);
        var ticket = await TicketAsync(() => _server.SignedAsync(HttpMethod.Post, "/belay/v1/tickets", null, key));
        Assert.Equal(200, (await _server.BearerAsync(HttpMethod.Get, Doctor, token)).Status);

        Assert.Equal(204, (await _server.SignedAsync(HttpMethod.Delete, $"/belay/v1/keys/{id}")).Status);

        Refused("unknown, revoked or over", await _server.BearerAsync(HttpMethod.Get, Doctor, token));
        Refused("The ticket is unknown", await _server.SendAsync(HttpMethod.Get, $"{Doctor}?ticket={ticket}"));
        Assert.Empty((await _server.SignedAsync(HttpMethod.Get, "/belay/v1/tokens")).Json.GetProperty("tokens").EnumerateArray());
    }

    [Theory]
    [InlineData("POST", "/belay/v1/tokens", "{}")]
    [InlineData("POST", "/belay/v1/keys", "{}")]
    [InlineData("DELETE", "/belay/v1/keys/BELAYX", null)]
    [InlineData("DELETE", "/belay/v1/tokens/x", null)]
    public async Task Token_CannotMakeOrEndAccess(string method, string path, string? body)
    {
        var (_, token) = await _server.TokenAsync();

        Refused("must be signed with an access key", await _server.BearerAsync(new HttpMethod(method), path, token, body));
    }

    [Fact]
    public async Task Ticket_WorksOnce_EvenInARace()
    {
        var ticket = await TicketAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => _server.SendAsync(HttpMethod.Get, $"{Doctor}?ticket={ticket}")));

        Assert.Single(answers, answer => answer.Status == 200);
        Assert.Equal(15, answers.Count(answer => answer.Status == 403));
    }

    [Fact]
    public async Task Ticket_IsForGetOnly()
    {
        var ticket = await TicketAsync();

        Refused("GET request only", await _server.SendAsync(HttpMethod.Post, $"/belay/v1/tickets?ticket={ticket}"));
    }

    [Fact]
    public async Task Unknown_Path_Or_Method_Is404InShape()
    {
        foreach (var (method, path) in new[] { ("GET", "/belay/v1/nothing"), ("GET", "/belay/v1"), ("PUT", "/belay/v1/keys"), ("DELETE", "/belay/v1/doctor") })
        {
            var answer = await _server.SignedAsync(new HttpMethod(method), path);
            Assert.Equal((404, "UnknownOperationException"), (answer.Status, answer.ErrorType));
        }
    }

    [Fact]
    public async Task Secrets_AreNeitherLoggedNorReadableAtRest()
    {
        var made = (await _server.SignedAsync(HttpMethod.Post, "/belay/v1/keys", """{"account":"111122223333"}""")).Json;
        var (_, token) = await _server.TokenAsync();
        var (used, unused) = (await TicketAsync(), await TicketAsync());
        await _server.BearerAsync(HttpMethod.Get, Doctor, token);
        await _server.BearerAsync(HttpMethod.Get, "/belay/v1/nothing", token);
        await _server.SendAsync(HttpMethod.Get, $"{Doctor}?ticket={used}");
        await _server.SendAsync(HttpMethod.Get, $"/belay/v1/nothing?ticket={unused}");
        await _server.SendAsync(HttpMethod.Get, $"/harnesses?ticket={unused}");

        string[] secrets = [token, token[^43..], used, unused, made.GetProperty("secretAccessKey").GetString()!, _server.Key.Secret];
        var log = _server.Log.Text;
        Assert.Contains("Examine answered 200", log, StringComparison.Ordinal);
        foreach (var secret in secrets)
        {
            Assert.DoesNotContain(secret, log, StringComparison.Ordinal);
            foreach (var file in Directory.EnumerateFiles(_server.Directory, "*", SearchOption.AllDirectories).Where(file => new FileInfo(file).Length > 0 && !file.EndsWith("belay.lock", StringComparison.Ordinal)))
            {
                using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                using var bytes = new MemoryStream();
                await stream.CopyToAsync(bytes);
                Assert.True(bytes.ToArray().AsSpan().IndexOf(Encoding.UTF8.GetBytes(secret)) < 0, $"A secret is readable in {Path.GetFileName(file)}.");
            }
        }
    }

    [Fact]
    public async Task TokensCountAsTheirAccountsRequests()
    {
        await using var slow = await NativeServer.StartAsync(settings => settings with { Wire = new() { ControlRate = new(0.001, 3) } });
        var (_, token) = await slow.TokenAsync();
        Assert.Equal(200, (await slow.BearerAsync(HttpMethod.Get, Doctor, token)).Status);
        Assert.Equal(200, (await slow.SignedAsync(HttpMethod.Get, Doctor)).Status);

        Assert.Equal((429, "ThrottlingException"), await slow.BearerAsync(HttpMethod.Get, Doctor, token) is var answer ? (answer.Status, answer.ErrorType!) : default);
    }

    private static void Refused(string words, WireServer.Answer answer)
    {
        Assert.Equal((403, "AccessDeniedException"), (answer.Status, answer.ErrorType));
        Assert.Contains(words, answer.Message, StringComparison.Ordinal);
    }

    private async Task<string> TicketAsync(Func<Task<WireServer.Answer>>? ask = null)
    {
        var answer = await (ask?.Invoke() ?? _server.SignedAsync(HttpMethod.Post, "/belay/v1/tickets"));
        Assert.Equal(201, answer.Status);
        return answer.Json.GetProperty("ticket").GetString()!;
    }
}
