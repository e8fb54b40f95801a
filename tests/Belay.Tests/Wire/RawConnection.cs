using System.Net.Sockets;
using System.Text;

namespace Belay.Tests.Wire;

/// <summary>A socket on which a test decides every byte.</summary>
internal sealed class RawConnection : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly TcpClient _client = new();

    private RawConnection()
    {
    }

    public NetworkStream Stream { get; private set; } = null!;

    public static async Task<RawConnection> OpenAsync(WireServer server, int? receiveBuffer = null)
    {
        var connection = new RawConnection();
        if (receiveBuffer is { } bytes)
        {
            connection._client.ReceiveBufferSize = bytes;
        }

        await connection._client.ConnectAsync(server.Http.BaseAddress!.Host, server.Http.BaseAddress.Port);
        connection.Stream = connection._client.GetStream();
        return connection;
    }

    /// <summary>The head of a request, signed when it carries a signature, with headers added to it.</summary>
    public static string Head(HttpRequestMessage request, params string[] more)
    {
        var head = new StringBuilder($"{request.Method} {request.RequestUri!.PathAndQuery} HTTP/1.1\r\nHost: {request.RequestUri.Authority}\r\n");
        foreach (var header in request.Headers.NonValidated)
        {
            head.Append(header.Key).Append(": ").Append(header.Value.ToString()).Append("\r\n");
        }

        foreach (var line in more)
        {
            head.Append(line).Append("\r\n");
        }

        return head.Append("\r\n").ToString();
    }

    public Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text));

    public async Task SendAsync(byte[] bytes)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        await Stream.WriteAsync(bytes, deadline.Token);
    }

    /// <summary>The next answer's head and as much of its body as its length says; empty when the connection is closed instead.</summary>
    public async Task<string> ReadAsync()
    {
        var answer = new StringBuilder();
        var one = new byte[1];
        while (!answer.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (!await FillAsync(one))
            {
                return answer.ToString();
            }

            answer.Append((char)one[0]);
        }

        var length = answer.ToString().Split("\r\n").FirstOrDefault(line => line.StartsWith("Content-Length: ", StringComparison.OrdinalIgnoreCase));
        var body = new byte[length is null ? 0 : int.Parse(length[16..], System.Globalization.CultureInfo.InvariantCulture)];
        return await FillAsync(body) ? answer + Encoding.UTF8.GetString(body) : answer.ToString();
    }

    /// <summary>Completes when the server has closed the connection.</summary>
    public async Task ClosedAsync()
    {
        var buffer = new byte[64 * 1024];
        while (await FillAsync(buffer))
        {
        }
    }

    /// <summary>Sends a text on a connection of its own and answers what came back up to the end of the head, or nothing.</summary>
    public static async Task<string> ExchangeAsync(WireServer server, string text)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server.Http.BaseAddress!.Host, server.Http.BaseAddress.Port);
        var stream = client.GetStream();
        var answer = new StringBuilder();
        try
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(text));
            var buffer = new byte[4096];
            int count;
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            while ((count = await stream.ReadAsync(buffer, deadline.Token)) > 0)
            {
                answer.Append(Encoding.UTF8.GetString(buffer, 0, count));
                if (answer.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
                {
                    break;
                }
            }
        }
        catch (IOException)
        {
            // The server may cut the connection while the flood is still being sent.
        }

        return answer.ToString();
    }

    public void Dispose() => _client.Dispose();

    private async Task<bool> FillAsync(byte[] buffer)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        try
        {
            await Stream.ReadExactlyAsync(buffer, deadline.Token);
            return true;
        }
        catch (Exception cause) when (cause is IOException or ObjectDisposedException)
        {
            // Closed by the server, or given up by the test while it still read.
            return false;
        }
    }
}
