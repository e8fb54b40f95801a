using System.Buffers;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Contracts.Sessions;
using Belay.Server.Wire;
using Belay.Sessions;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Sessions;

/// <summary>
/// One open channel. Events are pulled and sent one at a time, so a slow client costs one of them; one that takes nothing for the time that
/// streams allow is let go, and told why if it wakes up at once: it goes on from the last event that it has. What it sends is bounded in size
/// and rate and taken one message after another. Every end says why.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "Its one run disposes what it owns.")]
internal sealed class Channel(ChannelServices services, OperationCall call, WebSocket socket, SessionKey key, string harnessArn, OpenChannelRequest request)
{
    /// <summary>Messages of a client in one <see cref="Window"/>.</summary>
    public const int MaxMessages = 100;

    /// <summary>A client that says nothing for this long while nothing is told is let go; it may come back.</summary>
    public static readonly TimeSpan Idle = TimeSpan.FromMinutes(30);

    // What a close frame has room for.
    private const int MaxReasonBytes = 120;

    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    // For a client to take what was sent last.
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _oneSend = new(1, 1);
    private readonly Queue<long> _lately = new();
    private bool _unread;
    private long _lastTraffic = services.Time.GetTimestamp();

    /// <summary>Serves it to its end.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<(WebSocketCloseStatus Status, string Why)>[] parts = [TellAsync(leave.Token), ListenAsync(leave.Token), WatchAsync(leave.Token)];
        var (status, why) = (WebSocketCloseStatus.InternalServerError, "Something of ours broke.");
        try
        {
            (status, why) = await await Task.WhenAny(parts);
        }
        catch (WebSocketException) when (_unread)
        {
            (status, why) = (WebSocketCloseStatus.PolicyViolation, "The client does not read its channel. Open it again after the last event that arrived.");
        }
        catch (WebSocketException broken) when (broken.WebSocketErrorCode == WebSocketError.Faulted)
        {
            // The client broke the protocol, and the socket has said so. Cut at once, the connection could lose it.
            await Task.Delay(Farewell, services.Time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            socket.Abort();
        }
        catch (Exception left) when (left is OperationCanceledException or WebSocketException)
        {
            socket.Abort();
        }
        catch (ServiceException fault)
        {
            (status, why) = (WebSocketCloseStatus.InternalServerError, fault.Message);
        }
        finally
        {
            await CloseAsync(status, why, listening: parts[1]);
            await leave.CancelAsync();
            socket.Abort();
            await ((Task)Task.WhenAll(parts)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _oneSend.Dispose();
        }
    }

    // Ends when the server does, after everything that was stored until then.
    private async Task<(WebSocketCloseStatus, string)> TellAsync(CancellationToken cancellationToken)
    {
        await JournalEndpoints.GuardAsync(services.Reader, async () =>
        {
            await foreach (var told in services.Events.ReadAsync(key, EventEndpoints.After(request.After), follow: true, services.Subscriptions.Closing, cancellationToken))
            {
                await SendAsync(json => EventEndpoints.Write(json, told), cancellationToken);
            }
        });
        return (WebSocketCloseStatus.EndpointUnavailable, "The server is shutting down.");
    }

    private async Task<(WebSocketCloseStatus, string)> ListenAsync(CancellationToken cancellationToken)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        while (true)
        {
            buffer.ResetWrittenCount();
            ValueWebSocketReceiveResult part;
            do
            {
                part = await socket.ReceiveAsync(buffer.GetMemory(4096), cancellationToken);
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    return (WebSocketCloseStatus.NormalClosure, "Closed by the client.");
                }

                buffer.Advance(part.Count);
                if (buffer.WrittenCount > ChannelMessage.MaxBytes)
                {
                    return (WebSocketCloseStatus.MessageTooBig, $"A message may have {ChannelMessage.MaxBytes} bytes.");
                }
            }
            while (!part.EndOfMessage);

            if (part.MessageType != WebSocketMessageType.Text)
            {
                return (WebSocketCloseStatus.InvalidMessageType, "Messages are JSON in text frames.");
            }

            await AnswerAsync(buffer.WrittenMemory, cancellationToken);
        }
    }

    private async Task<(WebSocketCloseStatus, string)> WatchAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(ServerSentEvents.KeepAlive, services.Time, cancellationToken);
            if (!await call.IsStillGoodAsync(cancellationToken))
            {
                return (WebSocketCloseStatus.PolicyViolation, "What let this channel open, an access key or a token, has been revoked or is over.");
            }

            if (services.Time.GetElapsedTime(Volatile.Read(ref _lastTraffic)) >= Idle && services.Sessions.Look(key) != SessionActivity.Busy)
            {
                return (WebSocketCloseStatus.NormalClosure, "Nothing was said for a while.");
            }
        }
    }

    private async Task AnswerAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        string? id = null;
        try
        {
            ThrowIfTooFast();
            var message = RequestBinder.Bind(BelayJson.Default.ChannelMessage, new Dictionary<string, string>(), new Dictionary<string, List<string>>(), new HeaderDictionary(), bytes, rules: null, found: []);
            id = message.Id;
            if (request.Mode == ChannelMode.Read)
            {
                throw new ServiceException(FaultCode.AccessDeniedException, "This channel was opened with mode=read.");
            }

            var invocationId = await DoAsync(message, cancellationToken);
            await SendAsync(
                json => JsonSerializer.Serialize(json, new() { Type = "accepted", MessageId = id, InvocationId = invocationId }, BelayJson.Default.ChannelReply), cancellationToken);
        }
        catch (ServiceException fault)
        {
            await SendAsync(
                json =>
                {
                    json.WriteStartObject();
                    json.WriteString("type", "refused");
                    if (id is not null)
                    {
                        json.WriteString("messageId", id);
                    }

                    json.WritePropertyName("error");
                    FaultResponse.WriteBody(json, fault.Code, fault);
                    json.WriteEndObject();
                },
                cancellationToken);
        }
    }

    // Answers with the id of the invocation that was begun or ended.
    private async Task<string?> DoAsync(ChannelMessage message, CancellationToken cancellationToken)
    {
        switch (message.Type)
        {
            case ChannelMessageType.Interrupt:
                return await services.Sessions.CancelAsync(key, cancellationToken);
            case ChannelMessageType.Steer:
                await services.Sessions.SteerAsync(key, message.Id, message.Text ?? throw Missing("text", "is what a steer says"), cancellationToken);
                return null;
            case ChannelMessageType.Answer:
                var results = message.Results is { Count: > 0 } given ? given : throw Missing("results", "are what an answer brings");
                return await InvokeAsync(message, [new() { Role = HarnessConversationRole.User, Content = [.. results.Select(result => new HarnessContentBlock { ToolResult = result })] }], cancellationToken);
            case ChannelMessageType.Send:
                var said = message.Messages ?? [new() { Role = HarnessConversationRole.User, Content = [new() { Text = message.Text ?? throw Missing("text", "or messages must be there in a send") }] }];
                return await InvokeAsync(message, said, cancellationToken);
            default:
                throw new UnreachableException();
        }
    }

    private async Task<string> InvokeAsync(ChannelMessage message, IReadOnlyList<HarnessMessage> said, CancellationToken cancellationToken)
    {
        // The same message again, after a cut, is the same invocation.
        var id = InvocationIdOf(key, message.Id);
        if (await KnowsAsync(id, cancellationToken))
        {
            return id;
        }

        var invoke = new InvokeHarnessRequest
        {
            HarnessArn = harnessArn,
            RuntimeSessionId = key.SessionId,
            Messages = said,
            Model = message.Model,
            SystemPrompt = message.SystemPrompt,
            Tools = message.Tools,
            Skills = message.Skills,
            AllowedTools = message.AllowedTools,
            MaxIterations = message.MaxIterations,
            MaxTokens = message.MaxTokens,
            TimeoutSeconds = message.TimeoutSeconds,
            ActorId = message.ActorId,
        };
        var served = await services.Catalog.ServeAsync(key.Scope, harnessArn, request.Qualifier, cancellationToken);
        await using var accepted = await services.Sessions.InvokeAsync(key, services.Resolver.Resolve(served, invoke) with { Id = id, Detached = true }, cancellationToken);
        return id;
    }

    private async Task<bool> KnowsAsync(string invocationId, CancellationToken cancellationToken) =>
        await services.Reader.Journal.FindAsync(key, cancellationToken) is { LastSequence: > 0 } row
        && await services.Reader.ReadAsync(row, new ReadBudget(1), (_, fold, _) => fold.Invocations.Any(invocation => invocation.Id == invocationId), cancellationToken) is { Value: true };

    private static string InvocationIdOf(SessionKey key, string messageId)
    {
        var bytes = SHA256.HashData(Encoding.UTF8.GetBytes($"{key.HarnessId}\n{key.SessionId}\n{messageId}")).AsSpan(0, 16);
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x80);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true).ToString();
    }

    private void ThrowIfTooFast()
    {
        var now = services.Time.GetTimestamp();
        while (_lately.TryPeek(out var oldest) && services.Time.GetElapsedTime(oldest, now) >= Window)
        {
            _lately.Dequeue();
        }

        if (_lately.Count >= MaxMessages)
        {
            throw new ServiceException(FaultCode.ThrottlingException, $"A channel takes {MaxMessages} messages in {Window.TotalSeconds:0} s.");
        }

        _lately.Enqueue(now);
    }

    private async Task SendAsync(Action<Utf8JsonWriter> write, CancellationToken cancellationToken)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer, OperationCall.WriterOptions))
        {
            write(json);
        }

        await _oneSend.WaitAsync(cancellationToken);
        try
        {
            await socket.SendAsync(buffer.WrittenMemory, WebSocketMessageType.Text, endOfMessage: true, cancellationToken).AsTask().WaitAsync(call.WriteTimeout, services.Time, cancellationToken);
            Volatile.Write(ref _lastTraffic, services.Time.GetTimestamp());
        }
        catch (TimeoutException)
        {
            _unread = true;
            throw new WebSocketException(WebSocketError.ConnectionClosedPrematurely, "The client does not read its channel.");
        }
        finally
        {
            _oneSend.Release();
        }
    }

    // Whoever does not read does not hear why, and holds nobody up.
    private async Task CloseAsync(WebSocketCloseStatus status, string why, Task listening)
    {
        if (socket.State is not (WebSocketState.Open or WebSocketState.CloseReceived))
        {
            return;
        }

        using var deadline = new CancellationTokenSource(Farewell, services.Time);
        try
        {
            await _oneSend.WaitAsync(deadline.Token);
            await socket.CloseOutputAsync(status, Encoding.UTF8.GetByteCount(why) <= MaxReasonBytes ? why : why[..(MaxReasonBytes / 3)], deadline.Token);
            await listening.WaitAsync(deadline.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

            // A connection that is cut with something unread loses what was sent last.
            var rest = new byte[4096];
            while (socket.State == WebSocketState.CloseSent)
            {
                await socket.ReceiveAsync(rest.AsMemory(), deadline.Token);
            }
        }
        catch (Exception left) when (left is OperationCanceledException or WebSocketException or ObjectDisposedException)
        {
        }
    }

    private static ServiceException Missing(string member, string what) => ServiceException.Invalid([new(member, $"{what}, and must be given")]);
}
