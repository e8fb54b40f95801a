namespace Belay.Models.OpenAi;

/// <summary>A model behind the OpenAI chat-completions API, or a server that speaks it.</summary>
internal sealed class OpenAiModel(ModelConnection connection, OpenAiTarget target) : IModel
{
    /// <summary>Name of the provider.</summary>
    public const string ProviderName = "openai";

    private readonly Uri _url = ModelEndpoint.Under(target.BaseUrl, "/chat/completions");

    /// <inheritdoc/>
    public string Provider => ProviderName;

    /// <inheritdoc/>
    public string ModelId => target.ModelId;

    /// <inheritdoc/>
    public IAsyncEnumerable<ModelEvent> StreamAsync(ModelRequest request, CancellationToken cancellationToken) =>
        connection.StreamAsync(
            ProviderName,
            request,
            _ => ValueTask.FromResult(Post(request)),
            target.ApiKey,
            // A server that answers with plain JSON did not stream although it was asked to; everything else is taken for a stream.
            type => new OpenAiStream(streamed: type is not "application/json"),
            cancellationToken);

    private HttpRequestMessage Post(ModelRequest request)
    {
        var body = new RequestBuffer();
        OpenAiRequest.Write(body, target.ModelId, target.MaxTokensName, request);
        var message = new HttpRequestMessage(HttpMethod.Post, _url) { Content = body };
        message.Headers.TryAddWithoutValidation("Accept", "text/event-stream");
        if (target.ApiKey is { } key)
        {
            message.Headers.TryAddWithoutValidation("Authorization", $"Bearer {key}");
        }

        return message;
    }
}

/// <summary>Which model, where, and with which key.</summary>
internal sealed record OpenAiTarget(string ModelId, Uri BaseUrl, string? ApiKey, string MaxTokensName)
{
    /// <summary>Shows no key.</summary>
    public override string ToString() => ModelId;
}
