using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Contracts;

namespace Belay.Cli.Client;

/// <summary>One open channel of a session. One reader and one writer at a time.</summary>
internal sealed class SessionChannel(WebSocket socket, HttpResponseMessage response) : IDisposable
{
    // An event is a journal entry at most.
    private const int LargestMessageBytes = 64 * 1024 * 1024;

    private static readonly JsonDocumentOptions Json = new() { MaxDepth = BelayJson.MaxDepth };

    /// <summary>Sends a message.</summary>
    /// <exception cref="WebSocketException">The connection broke.</exception>
    public Task SayAsync(JsonObject message, CancellationToken cancellationToken) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(message.ToJsonString()).AsMemory(), WebSocketMessageType.Text, endOfMessage: true, cancellationToken).AsTask();

    /// <summary>What the server says, until it closes the channel.</summary>
    /// <exception cref="WebSocketException">The connection broke.</exception>
    public async IAsyncEnumerable<JsonElement> HearAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var message = new MemoryStream();
        var part = new byte[16 * 1024];
        while (true)
        {
            var read = await socket.ReceiveAsync(part.AsMemory(), cancellationToken);
            if (read.MessageType == WebSocketMessageType.Close)
            {
                yield break;
            }

            message.Write(part, 0, read.Count);
            if (message.Length > LargestMessageBytes)
            {
                throw Unreadable(null);
            }

            if (read.EndOfMessage)
            {
                yield return Parse(message.GetBuffer().AsSpan(0, (int)message.Length));
                message.SetLength(0);
            }
        }
    }

    /// <summary>Says that nothing more comes. Whoever is gone does not hear it.</summary>
    public async Task LeaveAsync(CancellationToken cancellationToken)
    {
        try
        {
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, cancellationToken);
        }
        catch (Exception gone) when (gone is WebSocketException or IOException or OperationCanceledException)
        {
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        socket.Dispose();
        response.Dispose();
    }

    private static JsonElement Parse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return JsonElement.Parse(bytes, Json);
        }
        catch (JsonException cause)
        {
            throw Unreadable(cause);
        }
    }

    private static CliException Unreadable(Exception? cause) =>
        new(ExitCode.Failed, "Could not follow the session: the server sent a message that this program cannot read.", "Check that both are of the same version: belay --version.", cause);
}
