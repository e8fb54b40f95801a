using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Belay.Testing.Clients;

namespace Belay.Bench.Attacks;

/// <summary>The server, as attackers see it. Some of them have a key: a stolen one must not bring the server down either.</summary>
internal sealed record Target(int Port, string KeyId, string Secret, string Region, string HarnessArn, bool Tls)
{
    private static int _addresses;

    /// <summary>Reads what <see cref="Argument"/> wrote.</summary>
    public static Target Of(int port, string argument)
    {
        var parts = argument.Split(' ');
        return new(port, parts[0], parts[1], parts[2], parts[3], parts[4] == "tls");
    }

    /// <summary>Everything but the port, for a child.</summary>
    public string Argument => $"{KeyId} {Secret} {Region} {HarnessArn} {(Tls ? "tls" : "plain")}";

    /// <summary>Connects from one of several loopback addresses, each of which has ports of its own.</summary>
    public async Task<Socket> ConnectAsync(CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.Bind(new IPEndPoint(new IPAddress([127, 0, 1, (byte)(1 + (Interlocked.Increment(ref _addresses) % 8))]), 0));
            await socket.ConnectAsync(IPAddress.Loopback, Port, cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Agrees on HTTP/2 within TLS.</summary>
    public static async Task<SslStream> SecureAsync(Socket socket, CancellationToken cancellationToken)
    {
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
        await stream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                ApplicationProtocols = [SslApplicationProtocol.Http2],
                RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate!.Subject == "CN=localhost",
            },
            cancellationToken);
        return stream;
    }

    /// <summary>A signed request, of which the body's hash is not stated.</summary>
    public HttpRequestMessage Signed(HttpMethod method, string path, ReadOnlySpan<byte> body)
    {
        var request = new HttpRequestMessage(method, new Uri($"{(Tls ? "https" : "http")}://127.0.0.1:{Port}{path}"));
        if (path.StartsWith("/harnesses/invoke", StringComparison.Ordinal))
        {
            request.Headers.Add("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", new string('a', 33));
        }

        new SigV4(KeyId, Secret, Region, TimeProvider.System).Sign(request, body);
        return request;
    }

    /// <summary>The path of an invocation.</summary>
    public string InvokePath => $"/harnesses/invoke?harnessArn={Uri.EscapeDataString(HarnessArn)}";

    /// <summary>The head of a request as HTTP/1.1 has it.</summary>
    public static string Head(HttpRequestMessage request, params string[] more)
    {
        var head = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"{request.Method} {request.RequestUri!.PathAndQuery} HTTP/1.1\r\nHost: {request.RequestUri.Authority}\r\n"));
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
}
