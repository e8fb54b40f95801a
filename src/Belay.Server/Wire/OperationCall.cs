using System.Diagnostics;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Belay.Contracts.Faults;
using Belay.Contracts.Validation;
using Belay.Storage;
using Belay.Telemetry;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Belay.Server.Wire;

/// <summary>Who calls.</summary>
/// <param name="Scope">Account of the access key and region of the signature.</param>
/// <param name="AccessKeyId">The access key; of a token, the one that made it.</param>
public sealed record Caller(Scope Scope, string AccessKeyId)
{
    /// <summary>The bearer token that was presented, or that made the ticket; null where an access key signed.</summary>
    public string? TokenId { get; init; }

    /// <summary>Whether a ticket stands for the caller.</summary>
    public bool ByTicket { get; init; }
}

/// <summary>One authenticated call of an operation: its members, wherever they travelled, and the ways to answer.</summary>
public sealed class OperationCall(HttpContext http, Operation operation, Caller caller, string requestId, IReadOnlyDictionary<string, string> labels, ReadOnlyMemory<byte> body)
{
    // The answers are JSON for JSON readers, not HTML: what is not ASCII need not be escaped.
    internal static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>The HTTP exchange, for what only it knows.</summary>
    public HttpContext Http { get; } = http;

    /// <summary>Which operation.</summary>
    public Operation Operation { get; } = operation;

    /// <summary>Who calls.</summary>
    public Caller Caller { get; } = caller;

    /// <summary>Sent as <c>x-amzn-RequestId</c>.</summary>
    public string RequestId { get; } = requestId;

    /// <summary>Decoded labels of the path.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; } = labels;

    /// <summary>The body as it arrived.</summary>
    public ReadOnlyMemory<byte> Body { get; private set; } = body;

    /// <summary>The body as a file, read from its beginning; null where the operation has none.</summary>
    public Stream? File { get; init; }

    /// <summary>What holds the body's memory; disposed when a stream begins.</summary>
    internal IDisposable? BodyHold { get; init; }

    /// <summary>Time for which a client may take nothing of its stream.</summary>
    internal TimeSpan WriteTimeout { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>The clock of that time.</summary>
    internal TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Whether the caller may still do what it was let in for; asked again and again by what lasts.</summary>
    internal Func<CancellationToken, ValueTask<bool>> IsStillGoodAsync { get; init; } = _ => new(true);

    /// <summary>The trace that the call belongs to.</summary>
    public TraceContext Trace { get; init; }

    /// <summary>The call's span; null when nobody records it.</summary>
    public Activity? Span { get; init; }

    /// <summary>The event stream, once it has begun.</summary>
    internal EventStreamResponse? Stream { get; private set; }

    /// <summary>The server-sent events, once they have begun.</summary>
    internal ServerSentEvents? Events { get; private set; }

    /// <summary>
    /// The request as one record: labels, query and headers by <see cref="BoundToAttribute"/>, everything
    /// else from the body. Throws one <see cref="Contracts.Faults.ServiceException"/> that names every field that breaks its rules.
    /// </summary>
    /// <param name="type">The record.</param>
    /// <param name="rules">What the record's own limits cannot say. It is asked only when these limits are broken, so that all
    /// problems are reported at once, about a request in which the members that broke them are absent, required ones too; whoever
    /// serves the operation checks it again.</param>
    public T Bind<T>(JsonTypeInfo<T> type, Func<T, IEnumerable<FieldProblem>>? rules = null)
        where T : class
    {
        var target = RequestTarget.Parse(Http.Features.Get<IHttpRequestFeature>()!.RawTarget);
        var unknown = NativeApi.Covers(Operation.Template) ? NativeApi.UnknownMembers(Shape.Of(type), target) : [];
        return RequestBinder.Bind(type, Labels, target.Query, Http.Request.Headers, Body, rules, unknown);
    }

    /// <summary>Answers with JSON. Members that travel in headers are sent there.</summary>
    public async Task RespondAsync<T>(int status, T value, JsonTypeInfo<T> type)
    {
        Http.Response.StatusCode = status;
        Http.Response.ContentType = "application/json";
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, WriterOptions))
        {
            WriteBody(json, value, type);
        }

        Http.Response.ContentLength = buffer.Length;
        await Http.Response.Body.WriteAsync(buffer.GetBuffer().AsMemory(0, (int)buffer.Length), Http.RequestAborted);
    }

    /// <summary>Answers without a body.</summary>
    public Task RespondAsync(int status)
    {
        Http.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    /// <summary>Begins a 200 event stream; afterwards faults travel as exception frames, and the request cannot be bound again.</summary>
    /// <param name="flush">Whether the headers leave now, or with the first frames.</param>
    public async Task<EventStreamResponse> StartEventStreamAsync(bool flush = true)
    {
        // A stream may last for hours, and the body is not needed for it.
        Body = default;
        BodyHold?.Dispose();
        Http.Response.StatusCode = StatusCodes.Status200OK;
        Http.Response.ContentType = "application/vnd.amazon.eventstream";
        Http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        Stream = new EventStreamResponse(Http.Response, WriteTimeout, Time);
        await Http.Response.StartAsync(Http.RequestAborted);
        if (flush)
        {
            await Http.Response.BodyWriter.FlushAsync(Http.RequestAborted);
        }

        return Stream;
    }

    /// <summary>Begins a 200 event stream whose output has members that travel in headers.</summary>
    public Task<EventStreamResponse> StartEventStreamAsync<T>(T output, JsonTypeInfo<T> type)
    {
        using var json = new Utf8JsonWriter(System.IO.Stream.Null);
        WriteBody(json, output, type);
        return StartEventStreamAsync();
    }

    /// <summary>Begins a 200 stream of server-sent events and writes all of them; a fault in between travels as an event.</summary>
    public async Task StreamAsync(IAsyncEnumerable<ServerSentEvent> events, TimeProvider time, CancellationToken cancellationToken)
    {
        Http.Response.StatusCode = StatusCodes.Status200OK;
        Http.Response.ContentType = ServerSentEvents.MediaType;
        Http.Response.Headers.CacheControl = "no-store";
        Http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        Events = new(Http.Response, WriteTimeout, time);
        await Http.Response.StartAsync(cancellationToken);
        await Events.PumpAsync(events, IsStillGoodAsync, cancellationToken);
    }

    private void WriteBody<T>(Utf8JsonWriter json, T value, JsonTypeInfo<T> type)
    {
        var shape = Shape.Of(type);
        if (shape.Kind != ShapeKind.Structure || shape.Members.All(member => member.BoundTo is null))
        {
            JsonSerializer.Serialize(json, value, type);
            return;
        }

        json.WriteStartObject();
        foreach (var property in JsonSerializer.SerializeToElement(value, type).EnumerateObject())
        {
            switch (shape.Find(property)!.BoundTo)
            {
                case { Place: Place.Header, Name: var header }:
                    Http.Response.Headers[header] = property.Value.ToString();
                    break;
                case null:
                    property.WriteTo(json);
                    break;
                default:
                    break;
            }
        }

        json.WriteEndObject();
    }
}
