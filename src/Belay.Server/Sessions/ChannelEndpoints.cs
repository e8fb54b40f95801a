using System.Text.Json.Serialization.Metadata;
using Belay.Agents;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Sessions;
using Belay.Harnesses;
using Belay.Server.Wire;
using Belay.Sessions;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Sessions;

/// <summary>OpenChannel, by harness and session or by session alone: what can be refused is refused before the handshake is answered.</summary>
internal static class ChannelEndpoints
{
    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(ChannelServices services) =>
    [
        new("OpenChannel", HttpMethods.Get, "/belay/v1/harnesses/{harnessId}/sessions/{sessionId}/channel", Operation.ControlBodyBytes, (call, cancellationToken) =>
            OpenAsync(services, call, call.Bind(BelayJson.Default.OpenChannelRequest), cancellationToken))
        { About = () => About("Opens a WebSocket: the session's events from any event on, and messages that begin, steer, answer and interrupt invocations.", BelayJson.Default.OpenChannelRequest) },
        new("OpenSessionChannel", HttpMethods.Get, "/belay/v1/sessions/{sessionId}/channel", Operation.ControlBodyBytes, (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.OpenSessionChannelRequest);
            return OpenAsync(
                services,
                call,
                new() { HarnessId = request.Harness, SessionId = request.SessionId, After = request.After, Mode = request.Mode, Qualifier = request.Qualifier },
                cancellationToken);
        })
        { About = () => About("Opens the same WebSocket, with the harness in the query.", BelayJson.Default.OpenSessionChannelRequest) },
    ];

    private static OperationAbout About(string summary, JsonTypeInfo input) =>
        new(summary, input, null) { Status = StatusCodes.Status101SwitchingProtocols, Faults = [FaultCode.ResourceNotFoundException, FaultCode.ConflictException] };

    private static async Task OpenAsync(ChannelServices services, OperationCall call, OpenChannelRequest request, CancellationToken cancellationToken)
    {
        if (!call.Http.WebSockets.IsWebSocketRequest)
        {
            throw ServiceException.Invalid(ValidationReason.CannotParse, "A channel is opened by a WebSocket handshake; to read without one, ask for the session's events.");
        }

        var arn = new HarnessArn(call.Caller.Scope, request.HarnessId).ToString();
        await services.Catalog.ServeAsync(call.Caller.Scope, arn, request.Qualifier, cancellationToken);
        var key = new SessionKey(call.Caller.Scope, request.HarnessId, request.SessionId);
        if (await services.Reader.Journal.FindAsync(key, cancellationToken) is { LastSequence: > 0 })
        {
            await JournalEndpoints.ReadableAsync(services.Reader, key, cancellationToken);
        }

        using var entered = services.Subscriptions.Enter(key.Scope.Account);
        using var writing = request.Mode == ChannelMode.Read ? null : services.Writers.Enter(key);
        using var socket = await call.Http.WebSockets.AcceptWebSocketAsync();
        await new Channel(services, call, socket, key, arn, request).RunAsync(cancellationToken);
    }
}

/// <summary>What every channel of a server shares.</summary>
internal sealed record ChannelServices(
    HarnessCatalog Catalog,
    InvocationResolver Resolver,
    SessionHost Sessions,
    SessionReader Reader,
    SessionEventStreams Events,
    Subscriptions Subscriptions,
    TimeProvider Time)
{
    /// <summary>Who writes where.</summary>
    public ChannelWriters Writers { get; } = new();
}

/// <summary>The sessions that have a writer on a channel.</summary>
internal sealed class ChannelWriters
{
    private readonly Lock _gate = new();
    private readonly HashSet<SessionKey> _written = [];

    /// <summary>Makes the caller the writer of a session until it is disposed.</summary>
    /// <exception cref="ServiceException">409: it has one.</exception>
    public IDisposable Enter(SessionKey session)
    {
        lock (_gate)
        {
            if (!_written.Add(session))
            {
                throw new ServiceException(
                    FaultCode.ConflictException, $"Somebody else writes to session {session.SessionId} on a channel. Read along with mode=read, or try again when they have left.");
            }
        }

        return new Entered(this, session);
    }

    private sealed class Entered(ChannelWriters writers, SessionKey session) : IDisposable
    {
        public void Dispose()
        {
            lock (writers._gate)
            {
                writers._written.Remove(session);
            }
        }
    }
}
