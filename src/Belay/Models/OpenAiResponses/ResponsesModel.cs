using Belay.Models.OpenAi;

namespace Belay.Models.OpenAiResponses;

/// <summary>A model behind the OpenAI Responses API, or a server that speaks it. Nothing is kept there: each call has the whole conversation.</summary>
internal sealed class ResponsesModel(ModelConnection connection, OpenAiTarget target) : IModel
{
    private readonly string _place = ResponsesState.PlaceOf(target.Url);

    /// <inheritdoc/>
    public string Provider => target.Name;

    /// <inheritdoc/>
    public string ModelId => target.ModelId;

    /// <inheritdoc/>
    public IAsyncEnumerable<ModelEvent> StreamAsync(ModelRequest request, CancellationToken cancellationToken) =>
        connection.StreamAsync(
            target.Name,
            request,
            target.Key,
            (key, _) => ValueTask.FromResult(Post(request, key)),
            // As with chat completions: plain JSON is the answer of a server that did not stream.
            type => new ResponsesStream(_place, streamed: type is not "application/json", target.Name),
            cancellationToken);

    private HttpRequestMessage Post(ModelRequest request, string? key)
    {
        var body = new RequestBuffer();
        ResponsesRequest.Write(body, target.ModelId, _place, request, target.Name);
        return target.Post(body, key);
    }
}
