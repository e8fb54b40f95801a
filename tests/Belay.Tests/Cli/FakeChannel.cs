using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Belay.Testing.Clients;

namespace Belay.Tests.Cli;

/// <summary>The server's end of a channel, over memory.</summary>
internal sealed class FakeChannel
{
    private readonly WebSocket _socket;

    private FakeChannel(Stream stream) => _socket = WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = true });

    /// <summary>An answer that opens a channel and plays a server until its part is over; then the connection is cut.</summary>
    public static HttpResponseMessage Open(Func<FakeChannel, Task> play)
    {
        var (near, far) = ConnectedStream.Create();
        _ = PlayAsync(far, play);
        return new(HttpStatusCode.SwitchingProtocols) { Content = new DuplexContent(near) };
    }

    /// <summary>Answers the handshake of a request.</summary>
    public static void Accept(HttpRequestMessage request, HttpResponseMessage response)
    {
#pragma warning disable CA5350 // The protocol's.
        var proof = SHA1.HashData(Encoding.ASCII.GetBytes(request.Headers.GetValues("Sec-WebSocket-Key").Single() + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
#pragma warning restore CA5350
        response.Headers.Add("Sec-WebSocket-Accept", Convert.ToBase64String(proof));
    }

    public async Task<JsonObject> HearAsync()
    {
        using var message = new MemoryStream();
        var part = new byte[4096];
        WebSocketReceiveResult read;
        do
        {
            read = await _socket.ReceiveAsync(part, TestContext.Current.CancellationToken);
            message.Write(part, 0, read.Count);
        }
        while (!read.EndOfMessage);

        return JsonNode.Parse(message.ToArray())!.AsObject();
    }

    public Task SayAsync(string message) => _socket.SendAsync(Encoding.UTF8.GetBytes(message), WebSocketMessageType.Text, endOfMessage: true, TestContext.Current.CancellationToken);

    public Task AcceptAsync(JsonObject message, string? invocationId = null) =>
        SayAsync($$"""{"type":"accepted","messageId":"{{message["id"]}}"{{(invocationId is null ? "" : $",\"invocationId\":\"{invocationId}\"")}}}""");

    public Task TellAsync(string id, string type, string invocation, string data) =>
        SayAsync($$"""{"id":"{{id}}","type":"{{type}}","invocationId":"{{invocation}}","data":{{data}}}""");

    private static async Task PlayAsync(ConnectedStream stream, Func<FakeChannel, Task> play)
    {
        await using (stream)
        {
            await play(new(stream));
        }
    }

    private sealed class DuplexContent(ConnectedStream stream) : HttpContent
    {
        protected override Task<Stream> CreateContentReadStreamAsync() => Task.FromResult<Stream>(stream);

        protected override Task SerializeToStreamAsync(Stream target, TransportContext? context) => throw new NotSupportedException();

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
