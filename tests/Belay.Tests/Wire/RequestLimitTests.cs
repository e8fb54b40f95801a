using System.Globalization;
using System.Text;
using System.Text.Json;
using Belay.Server.Wire;
using Belay.Testing;

namespace Belay.Tests.Wire;

/// <summary>Every bound on a request, with requests that end nowhere: what answers has not waited for the rest.</summary>
public sealed class RequestLimitTests
{
    [Theory]
    [InlineData("/harnesses", "1000000", 10_000_000_000)]
    [InlineData(WireServer.InvokePath, "100000000", 10_000_000_000)]
    [InlineData(WireServer.InvokePath, "100000000", 100_000_001)]
    public async Task LengthOverTheLimit_IsRefusedBeforeAByteOfTheBody(string target, string limit, long length)
    {
        await using var server = await WireServer.StartAsync();
        using var connection = await RawConnection.OpenAsync(server);

        await connection.SendAsync(RawConnection.Head(Signed(server, target), $"Content-Length: {length}"));

        var answer = await connection.ReadAsync();
        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains($"The request body is larger than {limit} bytes.", answer, StringComparison.Ordinal);
        await connection.ClosedAsync();
    }

    [Fact]
    public async Task ChunksOverTheLimit_AreRefusedBeforeTheirEnd()
    {
        await using var server = await WireServer.StartAsync();
        using var connection = await RawConnection.OpenAsync(server);

        await connection.SendAsync(RawConnection.Head(Signed(server, "/harnesses"), "Transfer-Encoding: chunked"));
        await connection.SendAsync("F4242\r\n" + new string(' ', 0xF4242));

        var answer = await connection.ReadAsync();
        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains("The request body is larger than 1000000 bytes.", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stranger_IsRefusedBeforeAByteOfTheBody()
    {
        await using var server = await WireServer.StartAsync();
        using var connection = await RawConnection.OpenAsync(server);

        await connection.SendAsync("POST /harnesses HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 403 ", await connection.ReadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task SlowStrangers_TakeNoRoomFromAnybodyElse()
    {
        var time = new ManualTime(TimeProvider.System.GetUtcNow());
        await using var server = await WireServer.StartAsync(new WireSettings { MaxUnverifiedBodyBytes = 100_000 }, compose: parts => parts with { Time = time });

        // 1. Strangers without a stated hash fill their budget and stop. All of them cannot have room.
        var slow = new List<RawConnection>();
        for (var i = 0; i < 10; i++)
        {
            var connection = await RawConnection.OpenAsync(server);
            slow.Add(connection);

            // The server asks for the body once it has begun to count its time: all of them are slower than what comes a second later.
            await connection.SendAsync(RawConnection.Head(Unstated(server, time), "Content-Length: 200000", "Expect: 100-continue"));
            Assert.StartsWith("HTTP/1.1 100 ", await connection.ReadAsync(), StringComparison.Ordinal);
            await connection.SendAsync(new string(' ', 30_000));
        }

        var answers = slow.Select(connection => connection.ReadAsync()).ToList();
        Assert.StartsWith("HTTP/1.1 429 ", await await Task.WhenAny(answers), StringComparison.Ordinal);

        // 2. Whoever sends at once is served beside them, with and without a stated hash.
        time.Advance(TimeSpan.FromSeconds(1));
        var json = new string(' ', 50_000) + "{}";
        using var request = server.Request(HttpMethod.Post, "/harnesses", json);
        server.Sign(request, Encoding.UTF8.GetBytes(json), at: time.GetUtcNow());
        using var response = await server.Http.SendAsync(request);
        Assert.Equal(400, (int)response.StatusCode);
        Assert.Contains("harnessName is required", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        using var unstated = server.Request(HttpMethod.Post, "/harnesses", json);
        new Belay.Testing.Clients.SigV4(server.Key.Id, server.Key.Secret, "us-west-2", time).Sign(unstated, Encoding.UTF8.GetBytes(json));
        using var second = await server.Http.SendAsync(unstated);
        Assert.Equal(400, (int)second.StatusCode);
        Assert.Contains("harnessName is required", await second.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        slow.ForEach(connection => connection.Dispose());
        await Task.WhenAll(answers);
    }

    [Fact]
    public async Task SlowBody_IsAnsweredAndClosed()
    {
        await using var server = await WireServer.StartAsync(new WireSettings { MinBodyBytesPerSecond = 1_000_000, BodyGrace = TimeSpan.FromSeconds(1.1) });
        using var connection = await RawConnection.OpenAsync(server);

        await connection.SendAsync(RawConnection.Head(Signed(server, "/harnesses"), "Content-Length: 1000") + "{");

        Assert.Contains("The request body arrived too slowly.", await connection.ReadAsync(), StringComparison.Ordinal);
        await connection.ClosedAsync();
    }

    [Theory]
    [InlineData("GET /healthz HTTP/1.1\r\nHost: x\r\nx-half: ")]
    [InlineData("GET /heal")]
    public async Task HeadThatDoesNotArrive_IsClosed(string head)
    {
        await using var server = await WireServer.StartAsync(new WireSettings { HeadersTimeout = TimeSpan.FromSeconds(1.1) });
        using var connection = await RawConnection.OpenAsync(server);

        await connection.SendAsync(head);

        Assert.True(await connection.ReadAsync() is "" or ['H', 'T', 'T', 'P', '/', '1', '.', '1', ' ', '4', '0', '8', ..]);
        await connection.ClosedAsync();
    }

    [Fact]
    public async Task IdleConnection_IsClosed()
    {
        await using var server = await WireServer.StartAsync(new WireSettings { KeepAlive = TimeSpan.FromSeconds(1.1) });
        using var silent = await RawConnection.OpenAsync(server);
        using var idle = await RawConnection.OpenAsync(server);
        await idle.SendAsync("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");

        await silent.ClosedAsync();
        await idle.ClosedAsync();
    }

    [Theory]
    [InlineData("x-large: ", 1, 64 * 1024, "431")]
    [InlineData("x-many", 101, 3, "431")]
    [InlineData("x-sum", 60, 1_000, "431")]
    public async Task HeadersOverTheLimit_AreRefusedBeforeTheirEnd(string name, int count, int length, string status)
    {
        await using var server = await WireServer.StartAsync();
        using var connection = await RawConnection.OpenAsync(server);

        var head = new StringBuilder("GET /healthz HTTP/1.1\r\nHost: x\r\n");
        for (var i = 0; i < count; i++)
        {
            head.Append(CultureInfo.InvariantCulture, $"{name.TrimEnd(':', ' ')}{i}: {new string('a', length)}\r\n");
        }

        await connection.SendAsync(head.ToString());

        Assert.StartsWith($"HTTP/1.1 {status} ", await connection.ReadAsync(), StringComparison.Ordinal);
        await connection.ClosedAsync();
    }

    [Fact]
    public async Task RequestLineOverTheLimit_IsRefusedBeforeItsEnd()
    {
        await using var server = await WireServer.StartAsync();
        using var connection = await RawConnection.OpenAsync(server);

        await connection.SendAsync("GET /healthz?" + new string('a', 97 * 1024));

        Assert.StartsWith("HTTP/1.1 414 ", await connection.ReadAsync(), StringComparison.Ordinal);
        await connection.ClosedAsync();
    }

    [Theory]
    [InlineData("1e400")]
    [InlineData("-1e400")]
    [InlineData("1e999999999999")]
    [InlineData("LONG")]
    public async Task NumberThatIsTooLarge_IsRefusedByItsField(string number)
    {
        await using var server = await WireServer.StartAsync();
        var value = number == "LONG" ? new string('9', 100_000) : number;

        var answer = await server.SendAsync(HttpMethod.Post, WireServer.InvokePath, $$$"""
            {"messages":[{"role":"user","content":[{"text":"x"}]}],"maxIterations":{{{value}}},"maxTokens":{{{value}}},
             "model":{"bedrockModelConfig":{"modelId":"belay/scripted","temperature":{{{value}}},"maxTokens":{{{value}}} }} }
            """);

        Assert.Equal((400, "ValidationException"), (answer.Status, answer.ErrorType));
        Assert.Equal(
            ["maxIterations", "maxTokens", "model.bedrockModelConfig.maxTokens", "model.bedrockModelConfig.temperature"],
            answer.Json.GetProperty("fieldList").EnumerateArray().Select(field => field.GetProperty("name").GetString()!).Order(StringComparer.Ordinal));
        Assert.True(answer.Body.Length < 2000, "the value is not repeated");
        Assert.Equal(400, (await server.SendAsync(HttpMethod.Get, "/harnesses?maxResults=1e400")).Status);
    }

    [Fact]
    public async Task AMillionKeys_AreRefused()
    {
        await using var server = await WireServer.StartAsync();
        var json = new StringBuilder("{\"a\":1");
        for (var i = 0; i < 1_000_000; i++)
        {
            json.Append(CultureInfo.InvariantCulture, $",\"{i:x}\":1");
        }

        var answer = await server.SendAsync(HttpMethod.Post, WireServer.InvokePath, json.Append('}').ToString());

        Assert.Equal((400, "The request body cannot be parsed: it has more than 1000000 values."), (answer.Status, answer.Message));
    }

    [Fact]
    public async Task Depth100000_IsRefused()
    {
        await using var server = await WireServer.StartAsync();

        var answer = await server.SendAsync(HttpMethod.Post, WireServer.InvokePath, string.Concat(Enumerable.Repeat("{\"a\":", 100_000)) + "1" + new string('}', 100_000));

        Assert.Equal((400, "The request body cannot be parsed: it is nested deeper than 64 levels."), (answer.Status, answer.Message));
    }

    private static HttpRequestMessage Signed(WireServer server, string target)
    {
        var request = server.Request(HttpMethod.Post, target, null);
        server.Sign(request, JsonSerializer.SerializeToUtf8Bytes("not this body"));
        return request;
    }

    private static HttpRequestMessage Unstated(WireServer server, TimeProvider time)
    {
        var request = server.Request(HttpMethod.Post, "/harnesses", null);
        new Belay.Testing.Clients.SigV4(server.Key.Id, server.Key.Secret, "us-west-2", time).Sign(request, []);
        return request;
    }
}
