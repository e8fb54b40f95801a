using System.Runtime.CompilerServices;
using System.Text.Json;
using Belay.Cli.CommandLine;
using Belay.Contracts;
using Belay.Contracts.EventStream;

namespace Belay.Cli.Client;

/// <summary>Turns the bytes of a response into events, and its exception frames into faults.</summary>
internal static class ResponseStream
{
    private static readonly JsonDocumentOptions Json = new() { MaxDepth = BelayJson.MaxDepth };

    /// <summary>Reads events until the stream ends. <paramref name="attempt"/> completes the sentence "Could not …".</summary>
    public static async IAsyncEnumerable<StreamEvent> ReadAsync(string attempt, Stream bytes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var frames = EventStreamReader.ReadAllAsync(bytes, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using (frames.ConfigureAwait(false))
        {
            while (await NextAsync(attempt, frames))
            {
                yield return Read(attempt, frames.Current);
            }
        }
    }

    private static async Task<bool> NextAsync(string attempt, IAsyncEnumerator<EventStreamMessage> frames)
    {
        try
        {
            return await frames.MoveNextAsync();
        }
        catch (Exception cause) when (cause is EventStreamException or IOException or HttpRequestException)
        {
            throw new CliException(
                ExitCode.Failed,
                $"Could not {attempt}: the connection broke before the answer was complete.",
                "What came so far is in the session; the server's log may say why it broke.",
                cause);
        }
    }

    private static StreamEvent Read(string attempt, EventStreamMessage frame)
    {
        switch (frame.MessageType)
        {
            case "event" when frame.EventType is { } type:
                return new StreamEvent(type, Payload(attempt, frame));
            case "exception" when frame.ExceptionType is { Length: > 0 } type:
                var code = char.ToUpperInvariant(type[0]) + type[1..];
                throw BelayClient.Fault(attempt, code, Payload(attempt, frame), code == "AccessDeniedException");
            case "error":
                throw new CliException(ExitCode.Failed, $"Could not {attempt}: {frame.Text(":error-message") ?? "the service reported an error"}")
                {
                    Fault = frame.Text(":error-code"),
                };
            default:
                throw Unreadable(attempt, null);
        }
    }

    private static JsonElement Payload(string attempt, EventStreamMessage frame)
    {
        try
        {
            return JsonElement.Parse(frame.Payload.Span, Json);
        }
        catch (JsonException cause)
        {
            throw Unreadable(attempt, cause);
        }
    }

    private static CliException Unreadable(string attempt, Exception? cause) =>
        new(ExitCode.Failed, $"Could not {attempt}: the server sent a frame that this program cannot read.", "Check that both are of the same version: belay --version.", cause);
}
