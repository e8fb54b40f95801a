using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Belay.Tests.Wire;

/// <summary>An HTTP/2 client that sends whatever frames a test wants. It knows no more of HPACK than literals.</summary>
internal sealed class Http2Connection : IDisposable
{
    public const byte Headers = 1;
    public const byte ResetStream = 3;
    public const byte Settings = 4;
    public const byte Ping = 6;
    public const byte GoAway = 7;
    public const byte EndStreamAndHeaders = 5;
    public const int Cancel = 8;
    public const int EnhanceYourCalm = 11;

    private const int FrameHead = 9;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private readonly TcpClient _client = new();
    private readonly SslStream _stream;

    private Http2Connection(TcpClient client, SslStream stream)
    {
        _client = client;
        _stream = stream;
    }

    /// <summary>Agrees on HTTP/2 within TLS and sends the preface with no settings.</summary>
    public static async Task<Http2Connection> OpenAsync(WireServer server)
    {
        var client = new TcpClient();
        await client.ConnectAsync(server.Http.BaseAddress!.Host, server.Http.BaseAddress.Port);
        var stream = new SslStream(client.GetStream());
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            ApplicationProtocols = [SslApplicationProtocol.Http2],
            RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate!.Subject == "CN=localhost",
        });
        var connection = new Http2Connection(client, stream);
        await stream.WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        await connection.SendAsync(Frame(Settings, 0, 0, []));
        return connection;
    }

    /// <summary>One frame.</summary>
    public static byte[] Frame(byte type, byte flags, int stream, byte[] payload)
    {
        var frame = new byte[FrameHead + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, payload.Length << 8);
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, FrameHead);
        return frame;
    }

    /// <summary>A whole request.</summary>
    public static byte[] Request(int stream, byte[] headers) => Frame(Headers, EndStreamAndHeaders, stream, headers);

    /// <summary>The client does not want a stream any more.</summary>
    public static byte[] Reset(int stream) => Frame(ResetStream, 0, stream, [0, 0, 0, Cancel]);

    /// <summary>Headers of a signed request.</summary>
    public static byte[] HeadersOf(HttpRequestMessage request)
    {
        var block = new MemoryStream();
        Write(":method", request.Method.Method);
        Write(":scheme", "https");
        Write(":path", request.RequestUri!.PathAndQuery);
        Write(":authority", request.RequestUri.Authority);
        foreach (var header in request.Headers.NonValidated)
        {
            Write(header.Key.ToLowerInvariant(), header.Value.ToString());
        }

        return block.ToArray();

        void Write(string name, string value)
        {
            block.WriteByte(0);
            WriteText(name);
            WriteText(value);
        }

        void WriteText(string text)
        {
            // A length of seven bits, then further ones of seven bits each.
            var rest = text.Length - 127;
            block.WriteByte((byte)Math.Min(text.Length, 127));
            for (; rest >= 0; rest = rest < 128 ? -1 : rest >> 7)
            {
                block.WriteByte((byte)((rest & 127) | (rest < 128 ? 0 : 128)));
            }

            block.Write(Encoding.ASCII.GetBytes(text));
        }
    }

    public async Task SendAsync(byte[] bytes)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        await _stream.WriteAsync(bytes, deadline.Token);
    }

    /// <summary>The next frame of one of these types; null when the connection is closed before.</summary>
    public async Task<(byte Type, byte[] Payload)?> ReadAsync(params byte[] types)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        var head = new byte[FrameHead];
        try
        {
            while (true)
            {
                await _stream.ReadExactlyAsync(head, deadline.Token);
                var payload = new byte[BinaryPrimitives.ReadInt32BigEndian(head) >> 8];
                await _stream.ReadExactlyAsync(payload, deadline.Token);
                if (types.Contains(head[3]))
                {
                    return (head[3], payload);
                }
            }
        }
        catch (IOException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        _stream.Dispose();
        _client.Dispose();
    }
}
