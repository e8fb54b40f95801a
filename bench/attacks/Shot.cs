using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Belay.Bench.Attacks;

/// <summary>One hostile request on a connection of its own: what was answered, and how long after its first byte.</summary>
internal static class Shot
{
    private const long TenGigabytes = 10_000_000_000;
    private static readonly byte[] Deep = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":", 100_000)) + "1" + new string('}', 100_000));
    private static readonly byte[] Keys = MillionKeys();
    private static readonly byte[] Numbers = "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}],\"maxIterations\":1e400,\"maxTokens\":1e400}"u8.ToArray();

    public static async Task<(string Answer, TimeSpan After)> FireAsync(string kind, Target target, Socket socket, CancellationToken stop)
    {
        switch (kind)
        {
            case "huge-length":
                using (var request = target.Signed(HttpMethod.Post, target.InvokePath, []))
                {
                    return await SendAsync(socket, Target.Head(request, $"Content-Length: {TenGigabytes}"), endless: false, stop);
                }

            case "huge-chunks":
                using (var request = target.Signed(HttpMethod.Post, "/harnesses", []))
                {
                    return await SendAsync(socket, Target.Head(request, "Transfer-Encoding: chunked"), endless: true, stop);
                }

            case "large-headers":
                return await SendAsync(socket, $"GET /healthz HTTP/1.1\r\nHost: x\r\nx-large: {new string('a', 64 * 1024)}\r\n\r\n", endless: false, stop);
            case "deep":
                return await SendBodyAsync(target, socket, Deep, stop);
            case "keys":
                return await SendBodyAsync(target, socket, Keys, stop);
            case "numbers":
                return await SendBodyAsync(target, socket, Numbers, stop);
            case "reset":
                return await ResetAsync(target, socket, stop);
            default:
                throw new ArgumentException($"There is no attack of the kind {kind}.");
        }
    }

    private static async Task<(string Answer, TimeSpan After)> SendBodyAsync(Target target, Socket socket, byte[] body, CancellationToken stop)
    {
        using var request = target.Signed(HttpMethod.Post, target.InvokePath, body);
        var head = Encoding.ASCII.GetBytes(Target.Head(request, "Content-Type: application/json", $"Content-Length: {body.Length}"));
        var watch = Stopwatch.StartNew();
        await socket.SendAsync(head, stop);
        await socket.SendAsync(body, stop);
        return (await StatusAsync(socket, stop), watch.Elapsed);
    }

    private static async Task<(string Answer, TimeSpan After)> SendAsync(Socket socket, string head, bool endless, CancellationToken stop)
    {
        var watch = Stopwatch.StartNew();
        var status = StatusAsync(socket, stop);
        try
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes(head), stop);
            var chunk = Encoding.ASCII.GetBytes("10000\r\n" + new string(' ', 0x10000) + "\r\n");
            for (var sent = 0L; endless && sent < TenGigabytes && !status.IsCompleted; sent += 0x10000)
            {
                await socket.SendAsync(chunk, stop);
            }
        }
        catch (SocketException)
        {
            // Closed while the attack was still being sent; what was answered before counts.
        }

        return (await status, watch.Elapsed);
    }

    private static async Task<string> StatusAsync(Socket socket, CancellationToken stop)
    {
        var answer = new byte[12];
        try
        {
            for (var read = 0; read < answer.Length;)
            {
                var more = await socket.ReceiveAsync(answer.AsMemory(read), stop);
                if (more == 0)
                {
                    return "closed";
                }

                read += more;
            }
        }
        catch (SocketException)
        {
            return "closed";
        }

        return Encoding.ASCII.GetString(answer, 9, 3);
    }

    // Streams that are opened and reset as fast as they can be written, until the server has had enough or ten seconds are over.
    private static async Task<(string Answer, TimeSpan After)> ResetAsync(Target target, Socket socket, CancellationToken stop)
    {
        using var stream = await Target.SecureAsync(socket, stop);
        using var request = target.Signed(HttpMethod.Get, "/harnesses", []);
        var block = HeaderBlock(request);
        await stream.WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray().Concat(Frame(4, 0, 0, [])).ToArray(), stop);
        var watch = Stopwatch.StartNew();
        var goAway = GoAwayAsync(stream, stop);
        try
        {
            for (var id = 1; id < 200_000 && !goAway.IsCompleted && watch.Elapsed < TimeSpan.FromSeconds(10);)
            {
                var batch = new MemoryStream();
                for (var i = 0; i < 50; i++, id += 2)
                {
                    batch.Write(Frame(1, 5, id, block));
                    batch.Write(Frame(3, 0, id, [0, 0, 0, 8]));
                }

                await stream.WriteAsync(batch.ToArray(), stop);
            }
        }
        catch (IOException)
        {
            // Cut.
        }

        var after = watch.Elapsed;
        socket.Shutdown(SocketShutdown.Both);
        return (await goAway, after);
    }

    private static async Task<string> GoAwayAsync(Stream stream, CancellationToken stop)
    {
        var head = new byte[9];
        try
        {
            while (true)
            {
                await stream.ReadExactlyAsync(head, stop);
                var payload = new byte[BinaryPrimitives.ReadInt32BigEndian(head) >> 8];
                await stream.ReadExactlyAsync(payload, stop);
                if (head[3] == 7)
                {
                    return string.Create(CultureInfo.InvariantCulture, $"GOAWAY {BinaryPrimitives.ReadInt32BigEndian(payload.AsSpan(4))}");
                }
            }
        }
        catch (IOException)
        {
            return "closed";
        }
    }

    private static byte[] Frame(byte type, byte flags, int stream, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, payload.Length << 8);
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        return frame;
    }

    // Literals without indexing; a length is seven bits, then further ones.
    private static byte[] HeaderBlock(HttpRequestMessage request)
    {
        var block = new MemoryStream();
        string[] all =
        [
            ":method", request.Method.Method, ":scheme", "https", ":path", request.RequestUri!.PathAndQuery, ":authority", request.RequestUri.Authority,
            .. request.Headers.NonValidated.SelectMany(header => new[] { header.Key.ToLowerInvariant(), header.Value.ToString() }),
        ];
        for (var i = 0; i < all.Length; i++)
        {
            if (i % 2 == 0)
            {
                block.WriteByte(0);
            }

            block.WriteByte((byte)Math.Min(all[i].Length, 127));
            for (var rest = all[i].Length - 127; rest >= 0; rest = rest < 128 ? -1 : rest >> 7)
            {
                block.WriteByte((byte)((rest & 127) | (rest < 128 ? 0 : 128)));
            }

            block.Write(Encoding.ASCII.GetBytes(all[i]));
        }

        return block.ToArray();
    }

    private static byte[] MillionKeys()
    {
        var json = new StringBuilder("{\"a\":1");
        for (var i = 0; i < 1_000_000; i++)
        {
            json.Append(CultureInfo.InvariantCulture, $",\"{i:x}\":1");
        }

        return Encoding.ASCII.GetBytes(json.Append('}').ToString());
    }
}
