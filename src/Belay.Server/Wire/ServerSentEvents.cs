using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Belay.Contracts.Faults;
using Belay.Server.Auth;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Wire;

/// <summary>One server-sent event.</summary>
/// <param name="Id">Where its reader stands after it; comes back as <c>Last-Event-ID</c>. Null when it moves nobody.</param>
/// <param name="Name">What it is.</param>
/// <param name="WriteData">Writes its data as JSON.</param>
public sealed record ServerSentEvent(string? Id, string Name, Action<Utf8JsonWriter> WriteData)
{
    /// <summary>An event of a contract record.</summary>
    public static ServerSentEvent Of<T>(long id, string name, T value, JsonTypeInfo<T> type) =>
        new(id.ToString(CultureInfo.InvariantCulture), name, json => JsonSerializer.Serialize(json, value, type));
}

/// <summary>
/// The running <c>text/event-stream</c> of a response. Events are pulled one at a time, and the next only when the client has taken the one
/// before, so a slow client costs one event of memory. A comment goes out when nothing has for a while, so that proxies keep the connection
/// and a client that left is noticed. As often it is asked whether the client may still read: a stream does not outlive the key or token that
/// began it. A client that takes nothing for <paramref name="timeout"/> has left.
/// </summary>
public sealed class ServerSentEvents(HttpResponse response, TimeSpan timeout, TimeProvider time)
{
    /// <summary>Time without an event after which a comment goes out.</summary>
    public static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(15);

    /// <summary>Media type of the stream.</summary>
    public const string MediaType = "text/event-stream";

    /// <summary>How long a client waits before it comes back, in milliseconds.</summary>
    private const int RetryMilliseconds = 2000;

    private readonly WriteDeadline _deadline = new(response, timeout, time);
    private readonly ArrayBufferWriter<byte> _event = new(1024);
    private readonly ArrayBufferWriter<byte> _data = new(1024);

    /// <summary>Whether a request asks for a stream.</summary>
    public static bool AreAskedFor(HttpRequest request) => request.Headers.Accept
        .SelectMany(value => (value ?? "").Split(','))
        .Any(range => range.Split(';')[0].Trim().Equals(MediaType, StringComparison.OrdinalIgnoreCase));

    /// <summary>Writes events until there are no more.</summary>
    /// <param name="events">What is written.</param>
    /// <param name="isStillGoodAsync">Whether the client may still read.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ServiceException">403: what let the client in was taken away.</exception>
    public async Task PumpAsync(IAsyncEnumerable<ServerSentEvent> events, Func<CancellationToken, ValueTask<bool>> isStillGoodAsync, CancellationToken cancellationToken)
    {
        var asked = time.GetTimestamp();
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await WriteTextAsync(string.Create(CultureInfo.InvariantCulture, $"retry: {RetryMilliseconds}\n\n"), cancellationToken);
        var reader = events.GetAsyncEnumerator(leave.Token);
        Task<bool>? moving = null;
        try
        {
            while (true)
            {
                moving = reader.MoveNextAsync().AsTask();
                while (!moving.IsCompleted && !await EndsInTimeAsync(moving, cancellationToken))
                {
                    await AskAsync();
                    await WriteTextAsync(": keep-alive\n\n", cancellationToken);
                }

                if (!await moving)
                {
                    return;
                }

                if (time.GetElapsedTime(asked) >= KeepAlive)
                {
                    await AskAsync();
                }

                await WriteAsync(reader.Current.Id, reader.Current.Name, reader.Current.WriteData, cancellationToken);
            }
        }
        finally
        {
            // Whoever leaves in the middle of a wait lets go of everything before this returns.
            await leave.CancelAsync();
            if (moving is not null)
            {
                await ((Task)moving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            await reader.DisposeAsync();
        }

        async ValueTask AskAsync()
        {
            asked = time.GetTimestamp();
            if (!await isStillGoodAsync(cancellationToken))
            {
                throw SigV4Verifier.Denied("What let this stream begin, an access key or a token, has been revoked or is over.");
            }
        }
    }

    /// <summary>Ends the stream with a fault, in the shape that faults have before a stream.</summary>
    internal Task WriteFaultAsync(ServiceException fault, CancellationToken cancellationToken) =>
        WriteAsync(null, "error", json => FaultResponse.WriteBody(json, fault.Code, fault), cancellationToken);

    private async Task<bool> EndsInTimeAsync(Task moving, CancellationToken cancellationToken)
    {
        try
        {
            await moving.WaitAsync(KeepAlive, time, cancellationToken);
            return true;
        }
        catch (TimeoutException) when (!moving.IsCompleted)
        {
            return false;
        }
    }

    private async Task WriteAsync(string? id, string name, Action<Utf8JsonWriter> writeData, CancellationToken cancellationToken)
    {
        _event.ResetWrittenCount();
        _data.ResetWrittenCount();
        using (var json = new Utf8JsonWriter(_data, OperationCall.WriterOptions))
        {
            writeData(json);
        }

        Add(id is null ? $"event: {name}\n" : $"id: {id}\nevent: {name}\n");

        // Line ends between the tokens of foreign JSON would end the field; each line is a field of its own, and the reader joins them.
        for (var rest = _data.WrittenSpan; ;)
        {
            var end = rest.IndexOfAny((byte)'\r', (byte)'\n');
            Add("data: ");
            _event.Write(end < 0 ? rest : rest[..end]);
            Add("\n");
            if (end < 0)
            {
                break;
            }

            rest = rest[(end + 1)..];
        }

        Add("\n");
        await SendAsync(_event.WrittenMemory, cancellationToken);
    }

    private async Task WriteTextAsync(string text, CancellationToken cancellationToken) =>
        await SendAsync(Encoding.UTF8.GetBytes(text), cancellationToken);

    private Task SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        _deadline.WaitAsync(response.BodyWriter.WriteAsync(bytes, cancellationToken), cancellationToken);

    private void Add(string text) => Encoding.UTF8.GetBytes(text, _event);
}
