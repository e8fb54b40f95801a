using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;

namespace Belay.Cli.Client;

/// <content>The channel of a session. The handshake is made here and not by the framework's client, which hides why a server refuses one.</content>
internal sealed partial class BelayClient
{
    // RFC 6455, section 1.3.
    private const string HandshakeSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    // A server that vanished without a word is noticed within the sum; one that is busy with a message does not answer meanwhile.
    private static readonly TimeSpan PingAfter = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan PongWithin = TimeSpan.FromSeconds(60);

    /// <summary>OpenChannel: the events of a session after one, and a way to say something. A refusal is a fault like any other.</summary>
    /// <param name="harnessId">The harness.</param>
    /// <param name="sessionId">The session; it need not exist yet.</param>
    /// <param name="qualifier">Endpoint that is invoked; the default when null.</param>
    /// <param name="after">Id of the last event that the reader has; null for none.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<SessionChannel> OpenChannelAsync(string harnessId, string sessionId, string? qualifier, string? after, CancellationToken cancellationToken)
    {
        var attempt = $"open a channel of session {sessionId}";
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        using var request = Request(HttpMethod.Get, Connection.Data, $"{Session(harnessId, sessionId)}/channel{Query(("after", after), ("qualifier", qualifier))}");
        request.Version = HttpVersion.Version11;
        request.Headers.Connection.Add("Upgrade");
        request.Headers.Add("Upgrade", "websocket");
        request.Headers.Add("Sec-WebSocket-Version", "13");
        request.Headers.Add("Sec-WebSocket-Key", key);
        Sign(request, []);

        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(AnswerTimeout);
        HttpResponseMessage? response = null;
        try
        {
            response = await SendAsync(attempt, Connection.Data, request, deadline.Token);
            if (response.StatusCode != HttpStatusCode.SwitchingProtocols
                || !response.Headers.TryGetValues("Sec-WebSocket-Accept", out var accepted) || accepted.FirstOrDefault() != AcceptOf(key))
            {
                throw NotBelay(attempt, Connection.Data, "it answered without the handshake of a WebSocket");
            }

            var stream = await response.Content.ReadAsStreamAsync(deadline.Token);
            var channel = new SessionChannel(WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { KeepAliveInterval = PingAfter, KeepAliveTimeout = PongWithin }), response);
            response = null;
            return channel;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw NoAnswer(attempt, Connection.Data);
        }
        finally
        {
            response?.Dispose();
        }
    }

#pragma warning disable CA5350 // The protocol's proof that a server understood the handshake; it protects nothing.
    private static string AcceptOf(string key) => Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + HandshakeSuffix)));
#pragma warning restore CA5350
}
