using System.Collections;
using Belay.Contracts.Faults;
using Belay.Server.Auth;
using Belay.Server.Telemetry;
using Belay.Sessions;
using Belay.Storage;
using Belay.Telemetry;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Belay.Server.Wire;

/// <summary>
/// The way of every request: route, authenticate, read the body, count, handle; and every fault back. Nothing of a request is
/// kept before its key is known, and nothing of a failure but a sentence leaves.
/// </summary>
public sealed partial class WireFront
{
    private readonly Router _router;
    private readonly IAuthenticator _authenticator;
    private readonly Dictionary<string, OpenEndpoint> _open;
    private readonly RequestBodies _bodies;
    private readonly RequestRates _rates;
    private readonly WireSettings _settings;
    private readonly TimeProvider _time;
    private readonly IdSource _ids;
    private readonly Instrumentation _telemetry;
    private readonly ILogger<WireFront> _logger;

    /// <summary>Creates the front of the operations given.</summary>
    public WireFront(
        IReadOnlyList<Operation> operations,
        IReadOnlyList<OpenEndpoint> open,
        IAuthenticator authenticator,
        WireSettings settings,
        TimeProvider time,
        IdSource ids,
        Instrumentation telemetry,
        ILogger<WireFront> logger)
    {
        _router = new Router(operations);
        _open = open.ToDictionary(endpoint => endpoint.Path, StringComparer.Ordinal);
        _authenticator = authenticator;
        _bodies = new RequestBodies(settings, time);
        _rates = new RequestRates(settings, time);
        _settings = settings;
        _time = time;
        _ids = ids;
        _telemetry = telemetry;
        _logger = logger;
    }

    /// <summary>Serves one request.</summary>
    public async Task HandleAsync(HttpContext http)
    {
        var requestId = _ids.NewUuid();
        http.Response.Headers["x-amzn-RequestId"] = requestId;
        var connection = http.Features.Get<Connections.Connection>();
        connection?.Begin();
        var exchange = new Exchange(requestId, new(_telemetry, _ids), _time.GetTimestamp());
        using var scope = _logger.BeginScope(exchange);
        try
        {
            await ServeAsync(http, exchange, connection);
        }
        catch (OperationCanceledException cause) when (http.RequestAborted.IsCancellationRequested || cause is ConnectionAbortedException || cause.InnerException is ConnectionAbortedException)
        {
            // Whoever reads a body hears of the end of its connection before the request does.
            Log.ClientLeft(_logger, exchange.Operation, requestId);
        }
        catch (ConnectionResetException)
        {
            Log.ClientLeft(_logger, exchange.Operation, requestId);
        }
        catch (Exception problem)
        {
            await FailAsync(http, exchange, problem);
        }
        finally
        {
            connection?.End();
            exchange.Telemetry.Answered(http.Response);
        }
    }

    private async Task ServeAsync(HttpContext http, Exchange exchange, Connections.Connection? connection)
    {
        // 1. Route on the raw target. What has no operation is answered only after authentication.
        var target = RequestTarget.Parse(http.Features.Get<IHttpRequestFeature>()!.RawTarget);
        if (HttpMethods.IsGet(http.Request.Method) && _open.TryGetValue(target.RawPath, out var open))
        {
            exchange.Operation = open.Path;
            await open.HandleAsync(http);
            return;
        }

        var match = _router.Find(http.Request.Method, target);
        var operation = match?.Route.Operation;
        exchange.Operation = match?.Route.Name ?? "unknown operation";
        exchange.Telemetry.Routed(operation, match?.Route.Plane ?? Plane.Control);

        // 2. Authenticate as far as headers reach, read the body within bounds, authenticate it.
        var pending = await _authenticator.BeginAsync(http.Request, target, http.RequestAborted);
        if (pending.IsVerified)
        {
            connection?.Prove();
        }

        var (file, hash) = operation?.File is { } spool ? await spool.ReadAsync(http.Request, pending.IsVerified, http.RequestAborted) : default;
        await using var fileHold = file;
        using var body = file is null
            ? await _bodies.ReadAsync(http.Request, operation?.MaxBodyBytes ?? Operation.ControlBodyBytes, pending.IsVerified, http.RequestAborted)
            : null;
        exchange.BodyRead = true;
        var caller = pending.Complete(hash ?? body!.Hash);
        if (body is not null && !pending.IsVerified)
        {
            connection?.Prove();
            _bodies.Verified(body);
        }

        if (operation?.NeedsAccessKey == true && (caller.TokenId is not null || caller.ByTicket))
        {
            throw SigV4Verifier.Denied($"{operation.Name} must be signed with an access key: a bearer token or a ticket is not enough for it.");
        }

        exchange.Telemetry.Authenticated(http.Request, operation, exchange.RequestId);

        // 3. Count.
        _rates.Take(caller.Scope.Account, match?.Route.Plane ?? Plane.Control);

        // 4. Handle.
        if (operation is null)
        {
            throw NotServed(http.Request.Method, match?.Route);
        }

        var call = new OperationCall(http, operation, caller, exchange.RequestId, match!.Value.Labels, body?.Bytes ?? default)
        {
            File = file,
            BodyHold = body,
            WriteTimeout = _settings.WriteTimeout,
            Time = _time,
            IsStillGoodAsync = token => _authenticator.IsStillGoodAsync(caller, token),
            Trace = exchange.Telemetry.Trace,
            Span = exchange.Telemetry.Span,
        };
        exchange.Begin(call);
        await operation.HandleAsync(call, http.RequestAborted);
        Log.Served(_logger, operation.Name, http.Response.StatusCode, Milliseconds(exchange), exchange.RequestId);
    }

    private async Task FailAsync(HttpContext http, Exchange exchange, Exception problem)
    {
        var fault = FaultResponse.Of(problem, exchange.RequestId);
        exchange.Telemetry.Failed(fault);
        if (problem is StorageException)
        {
            Log.StorageFailed(_logger, exchange.Operation, problem.Message, exchange.RequestId);
        }
        else if (fault.Code == FaultCode.InternalServerException && problem is not JournalDamagedException)
        {
            Log.Failed(_logger, problem, exchange.Operation, exchange.RequestId);
        }
        else
        {
            // Whoever found a damaged journal has said so, once.
            Log.Refused(_logger, exchange.Operation, FaultResponse.Status(fault.Code), fault.Code, Milliseconds(exchange), exchange.RequestId);
        }

        try
        {
            if (exchange.Call?.Stream is { } stream)
            {
                await FaultResponse.WriteAsync(stream, exchange.Operation, fault, http.RequestAborted);
            }
            else if (exchange.Call?.Events is { } events)
            {
                await events.WriteFaultAsync(fault, http.RequestAborted);
            }
            else if (http.Response.HasStarted)
            {
                // Half an answer cannot be taken back; a cut connection at least does not look whole.
                http.Abort();
            }
            else
            {
                // What is left of an unread body would stand where the next request should.
                if (!exchange.BodyRead && http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true && !HttpProtocol.IsHttp2(http.Request.Protocol))
                {
                    http.Response.Headers.Connection = "close";
                }

                await FaultResponse.WriteAsync(http.Response, fault);
            }
        }
        catch (Exception left) when (left is ConnectionResetException || (left is OperationCanceledException && http.RequestAborted.IsCancellationRequested))
        {
            Log.ClientLeft(_logger, exchange.Operation, exchange.RequestId);
        }
    }

    private long Milliseconds(Exchange exchange) => (long)_time.GetElapsedTime(exchange.Began).TotalMilliseconds;

    private static ServiceException NotServed(string method, Route? route) => route is null
        ? new ServiceException(FaultCode.UnknownOperationException, $"No operation has the method {(method.Length > 16 ? "given" : method)} and this path.")
        : ServiceException.Invalid(ValidationReason.CannotParse, $"The operation {route.Name} is not served by this version of Belay.");

    private sealed class Exchange(string requestId, RequestTelemetry telemetry, long began) : IEnumerable<KeyValuePair<string, object?>>
    {
        // Of the two ways in which operations name a session, one is a header and one the path.
        private const string SessionHeader = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id";
        private const string SessionLabel = "sessionId";
        private const int LongestSession = 256;

        public long Began { get; } = began;

        public RequestTelemetry Telemetry { get; } = telemetry;

        public string RequestId { get; } = requestId;

        public string Operation { get; set; } = "unknown operation";

        public bool BodyRead { get; set; }

        public OperationCall? Call { get; private set; }

        // Known only once the caller is. Kept: what a request began may log when the request is over.
        private string? Session { get; set; }

        public void Begin(OperationCall call)
        {
            Call = call;
            var header = call.Http.Request.Headers[SessionHeader].ToString();
            var id = header.Length > 0 ? header : call.Labels.GetValueOrDefault(SessionLabel);
            Session = id?[..Math.Min(id.Length, LongestSession)];
        }

        /// <summary>What lines of the log are told to belong to.</summary>
        public IEnumerator<KeyValuePair<string, object?>> GetEnumerator()
        {
            yield return new("requestId", RequestId);
            if (Session is { } session)
            {
                yield return new("sessionId", session);
            }
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Debug, "{Operation} answered {Status} after {Milliseconds} ms (request {RequestId}).")]
        public static partial void Served(ILogger logger, string operation, int status, long milliseconds, string requestId);

        [LoggerMessage(LogLevel.Debug, "{Operation} refused with {Status} {Code} after {Milliseconds} ms (request {RequestId}).")]
        public static partial void Refused(ILogger logger, string operation, int status, FaultCode code, long milliseconds, string requestId);

        [LoggerMessage(LogLevel.Debug, "The client of {Operation} left (request {RequestId}).")]
        public static partial void ClientLeft(ILogger logger, string operation, string requestId);

        // In one line: the disk is at fault, not a line of code.
        [LoggerMessage(LogLevel.Error, "{Operation} failed (request {RequestId}). {Reason}")]
        public static partial void StorageFailed(ILogger logger, string operation, string reason, string requestId);

        [LoggerMessage(LogLevel.Error, "{Operation} failed (request {RequestId}).")]
        public static partial void Failed(ILogger logger, Exception problem, string operation, string requestId);
    }
}
