using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Belay.Server.Wire;

namespace Belay.Tests.Wire;

/// <summary>What a body may be, and how much of it is taken in.</summary>
public sealed class RequestBodyTests
{
    [Theory]
    [InlineData("application/json", true)]
    [InlineData("application/json; charset=utf-8", true)]
    [InlineData("application/json; charset=\"UTF-8\"", true)]
    [InlineData(null, true)]
    [InlineData("application/json; charset=utf-16", false)]
    [InlineData("text/plain", false)]
    public async Task ContentTypes(string? contentType, bool accepted)
    {
        await using var server = await WireServer.StartAsync();
        var json = WireServer.Invocation("hi");
        using var request = server.Request(HttpMethod.Post, WireServer.InvokePath, json);
        request.Content!.Headers.Remove("Content-Type");
        if (contentType is not null)
        {
            request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        }

        server.Sign(request, Encoding.UTF8.GetBytes(json));
        using var response = await server.Http.SendAsync(request);

        Assert.Equal(accepted ? 200 : 400, (int)response.StatusCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}x")]
    [InlineData("[]")]
    [InlineData("{\"messages\":")]
    public async Task BrokenBody_IsRefused(string json)
    {
        await using var server = await WireServer.StartAsync();

        var answer = await server.SendAsync(HttpMethod.Post, WireServer.InvokePath, json);

        Assert.Equal(400, answer.Status);
        Assert.Equal(json.Length == 0 ? "FieldValidationFailed" : "CannotParse", answer.Json.GetProperty("reason").GetString());
    }

    [Fact]
    public async Task DepthBombs_AreRefused()
    {
        await using var server = await WireServer.StartAsync();
        foreach (var depth in new[] { 65, 1_000, 400_000 })
        {
            var answer = await server.SendAsync(HttpMethod.Post, "/harnesses", "{\"x\":" + new string('[', depth) + new string(']', depth) + "}");

            Assert.Equal((400, "The request body cannot be parsed: it is nested deeper than 64 levels."), (answer.Status, answer.Message));
        }
    }

    [Fact]
    public async Task NaughtyStrings_ComeBackUnchanged()
    {
        using var strings = JsonDocument.Parse(File.ReadAllBytes(Vectors.Require("naughty-strings.json", 515)));
        await using var server = await WireServer.StartAsync();
        var count = 0;
        foreach (var element in strings.RootElement.EnumerateArray())
        {
            var text = element.GetString()!;
            var answer = await server.SendAsync(HttpMethod.Post, WireServer.InvokePath, WireServer.Invocation(text));
            if (text.Length == 0)
            {
                Assert.Equal(400, answer.Status);
            }
            else
            {
                Assert.Equal(text, answer.Json.GetProperty("echo").GetString());
            }

            var tagged = await server.SendAsync(HttpMethod.Delete, $"/tags/{Uri.EscapeDataString(WireServer.Arn)}?tagKeys={Uri.EscapeDataString(text)}");
            Assert.True(tagged.Status is 200 or 400, $"{tagged.Status} for {text}");
            count++;
        }

        Assert.Equal(515, count);
    }

    [Fact]
    public async Task BodyOverTheLimit_IsRefusedBeforeItIsRead()
    {
        await using var server = await WireServer.StartAsync();
        var json = "{\"x\":\"" + new string('a', Operation.ControlBodyBytes) + "\"}";

        var answer = await server.SendAsync(HttpMethod.Post, "/harnesses", json);

        Assert.Equal((400, "The request body is larger than 1000000 bytes."), (answer.Status, answer.Message));
    }

    [Fact]
    public async Task ChunkedBodyOfMoreThan100MB_IsRefused()
    {
        await using var server = await WireServer.StartAsync();
        using var request = server.Request(HttpMethod.Post, WireServer.InvokePath, null);
        request.Content = new StreamContent(new Blanks(Operation.InvokeBodyBytes + 1L));
        request.Headers.TransferEncodingChunked = true;

        using var response = await server.Http.SendAsync(Unhashed(request, server));

        var answer = await WireServer.Answer.OfAsync(response);
        Assert.Equal((400, "The request body is larger than 100000000 bytes."), (answer.Status, answer.Message));
    }

    [Fact]
    public async Task Unauthenticated_BodyIsNotRead()
    {
        await using var server = await WireServer.StartAsync(new WireSettings { MaxBufferedBodyBytes = 1 });

        // A budget of one byte would throttle whatever is read.
        using var request = server.Request(HttpMethod.Post, "/harnesses", new string(' ', 100_000));
        using var response = await server.Http.SendAsync(request);

        Assert.Equal(403, (int)response.StatusCode);
    }

    [Fact]
    public async Task BodiesBeyondTheBudget_AreThrottled()
    {
        await using var server = await WireServer.StartAsync(new WireSettings { MaxBufferedBodyBytes = 100_000 });

        Assert.Equal(429, (await server.SendAsync(HttpMethod.Post, "/harnesses", new string(' ', 200_000) + "{}")).Status);
        Assert.Equal(400, (await server.SendAsync(HttpMethod.Post, "/harnesses", "{}")).Status);
    }

    [Fact]
    public async Task SlowBody_IsCutOff()
    {
        await using var server = await WireServer.StartAsync(new WireSettings { MinBodyBytesPerSecond = 1_000_000, BodyGrace = TimeSpan.FromSeconds(1.1) });
        using var request = server.Request(HttpMethod.Post, "/harnesses", null);
        var head = new StringBuilder("POST /harnesses HTTP/1.1\r\nHost: ").Append(server.Http.BaseAddress!.Authority).Append("\r\nContent-Length: 1000\r\n");
        foreach (var header in Unhashed(request, server).Headers)
        {
            head.Append(header.Key).Append(": ").AppendJoin(',', header.Value).Append("\r\n");
        }

        var watch = Stopwatch.StartNew();
        var answer = await RawConnection.ExchangeAsync(server, head.Append("\r\n{").ToString());

        Assert.True(answer.Length == 0 || answer.StartsWith("HTTP/1.1 400", StringComparison.Ordinal), answer);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"took {watch.Elapsed}");
    }

    /// <summary>Signs for a body of which no hash is stated.</summary>
    private static HttpRequestMessage Unhashed(HttpRequestMessage request, WireServer server)
    {
        var time = Belay.Contracts.Signing.SigV4.Time(TimeProvider.System.GetUtcNow());
        request.Headers.Remove("x-amz-date");
        request.Headers.Add("x-amz-date", time);
        request.Headers.Remove("Authorization");
        var names = request.Headers.Contains(WireServer.SessionHeader) ? "host;x-amz-date;x-amzn-bedrock-agentcore-runtime-session-id" : "host;x-amz-date";
        request.Headers.TryAddWithoutValidation(
            "Authorization",
            $"AWS4-HMAC-SHA256 Credential={server.Key.Id}/{time[..8]}/us-west-2/bedrock-agentcore/aws4_request, SignedHeaders={names}, Signature={new string('0', 64)}");
        return request;
    }

    /// <summary>So many blanks, made while they are read.</summary>
    private sealed class Blanks(long length) : Stream
    {
        private long _left = length;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count)
        {
            var give = (int)Math.Min(count, _left);
            buffer.AsSpan(offset, give).Fill((byte)' ');
            _left -= give;
            return give;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
