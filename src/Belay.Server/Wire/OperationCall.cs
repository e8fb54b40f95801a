using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Belay.Storage;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Wire;

/// <summary>Who calls.</summary>
/// <param name="Scope">Account of the access key and region of the signature.</param>
/// <param name="AccessKeyId">The access key.</param>
public sealed record Caller(Scope Scope, string AccessKeyId);

/// <summary>One authenticated call of an operation: its members, wherever they travelled, and the ways to answer.</summary>
public sealed class OperationCall(HttpContext http, Operation operation, Caller caller, string requestId, IReadOnlyDictionary<string, string> labels, ReadOnlyMemory<byte> body)
{
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
    public ReadOnlyMemory<byte> Body { get; } = body;

    /// <summary>
    /// The request as one record: labels, query and headers by <see cref="Contracts.Validation.BoundToAttribute"/>, everything
    /// else from the body. Throws one <see cref="Contracts.Faults.ServiceException"/> that names every field that breaks its rules.
    /// </summary>
    public T Bind<T>(JsonTypeInfo<T> type)
        where T : class => JsonSerializer.Deserialize(Body.Span, type)!;

    /// <summary>Answers with JSON.</summary>
    public async Task RespondAsync<T>(int status, T value, JsonTypeInfo<T> type)
    {
        Http.Response.StatusCode = status;
        Http.Response.ContentType = "application/json";
        await Http.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(value, type));
    }

    /// <summary>Answers without a body.</summary>
    public Task RespondAsync(int status)
    {
        Http.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    /// <summary>Begins a 200 event stream; afterwards faults travel as exception frames.</summary>
    public Task<EventStreamResponse> StartEventStreamAsync() => Task.FromResult(new EventStreamResponse(Http.Response));
}

/// <summary>The running event stream of a response. One writer at a time; every frame is flushed.</summary>
public sealed class EventStreamResponse(HttpResponse response)
{
    /// <summary>Writes an event frame and flushes it.</summary>
    public Task WriteAsync<T>(string eventType, T payload, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(payload, type), cancellationToken).AsTask();
}
