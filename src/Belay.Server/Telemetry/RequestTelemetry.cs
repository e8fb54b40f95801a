using System.Diagnostics;
using Belay.Contracts.Faults;
using Belay.Server.Wire;
using Belay.Storage;
using Belay.Telemetry;
using Microsoft.AspNetCore.Http;
using Names = Belay.Telemetry.TelemetryNames;

namespace Belay.Server.Telemetry;

/// <summary>
/// What is told about one request: its span, once its caller is known, and the service's metrics. Nothing of a stranger's headers is recorded.
/// </summary>
internal sealed class RequestTelemetry(Instrumentation instruments, IdSource ids)
{
    private readonly long _arrived = instruments.Time.GetTimestamp();
    private readonly DateTimeOffset _at = instruments.Source.HasListeners() ? instruments.Time.GetUtcNow() : default;
    private Activity? _span;
    private Operation? _counted;
    private FaultCode? _fault;

    /// <summary>The trace that the request belongs to: its span's when it is recorded, else the caller's, else a new one.</summary>
    public TraceContext Trace { get; private set; }

    /// <summary>The span; null when nobody records it.</summary>
    public Activity? Span => _span;

    /// <summary>The request is one of an operation that is built.</summary>
    public void Routed(Operation? operation, Plane plane) => _counted = plane == Plane.Data ? operation : null;

    /// <summary>The caller is known: the span begins, dated back to the request's arrival.</summary>
    public void Authenticated(HttpRequest request, Operation? operation, string requestId)
    {
        var headers = request.Headers;
        Trace = TraceContext.Find(headers["traceparent"], headers["tracestate"], headers["X-Amzn-Trace-Id"]) ?? TraceContext.Begin(ids);
        if (operation is null || !instruments.Source.HasListeners())
        {
            return;
        }

        _span = instruments.Start(operation.Name, ActivityKind.Server, operation.Name, Trace.ToParent(), sessionId: null, at: _at);
        if (_span is null)
        {
            return;
        }

        Trace = TraceContext.Of(_span);
        _span.SetTag(Names.Attributes.HttpMethod, request.Method);
        _span.SetTag(Names.Attributes.RequestId, requestId);
    }

    /// <summary>The request ended with a fault, as an HTTP error or in its stream.</summary>
    public void Failed(ServiceException fault)
    {
        _fault = fault.Code;
        instruments.Fail(_span, fault.Code.ToString(), fault.InnerException ?? fault);
    }

    /// <summary>The answer is out, or nobody waits for it any more.</summary>
    public void Answered(HttpResponse response)
    {
        _span?.SetTag(Names.Attributes.HttpStatus, response.StatusCode);
        instruments.End(_span);
        if (_counted is null || !instruments.Invocations.Enabled)
        {
            return;
        }

        var operation = new KeyValuePair<string, object?>(Names.Attributes.Operation, _counted.Name);
        instruments.Invocations.Add(1, operation);
        instruments.RequestLatency.Record(instruments.Time.GetElapsedTime(_arrived).TotalMilliseconds, operation);
        switch (_fault)
        {
            case null:
                break;
            case FaultCode.ThrottlingException:
                instruments.Throttles.Add(1, operation);
                break;
            case FaultCode.InternalServerException:
                instruments.SystemErrors.Add(1, operation);
                break;
            default:
                instruments.UserErrors.Add(1, operation);
                break;
        }
    }
}
