namespace Belay.Models.Gemini;

/// <summary>A model behind the Gemini API.</summary>
internal sealed class GeminiModel(ModelConnection connection, GeminiTarget target) : IModel
{
    /// <summary>Name of the provider.</summary>
    public const string ProviderName = "gemini";

    private readonly Uri _url = target.Url();

    /// <inheritdoc/>
    public string Provider => ProviderName;

    /// <inheritdoc/>
    public string ModelId => target.ModelId;

    /// <inheritdoc/>
    public IAsyncEnumerable<ModelEvent> StreamAsync(ModelRequest request, CancellationToken cancellationToken) =>
        connection.StreamAsync(
            ProviderName,
            request,
            target.Key,
            (key, _) => ValueTask.FromResult(Post(request, key)),
            _ => new GeminiStream(GeminiToolNames.Renamed(request.Tools)),
            cancellationToken);

    private HttpRequestMessage Post(ModelRequest request, string? key)
    {
        var body = new RequestBuffer();
        GeminiRequest.Write(body, target.ModelId, request);
        var message = new HttpRequestMessage(HttpMethod.Post, _url) { Content = body };
        message.Headers.TryAddWithoutValidation("Accept", "text/event-stream");
        if (key is not null)
        {
            // In a header, because URLs end up in the logs of whatever stands between.
            message.Headers.TryAddWithoutValidation("x-goog-api-key", key);
        }

        return message;
    }
}

/// <summary>Which model, where, and with which key.</summary>
internal sealed record GeminiTarget(string ModelId, Uri BaseUrl, ProviderKey Key)
{
    private const string Version = "/v1beta";
    private const string Models = "models/";
    private const string TunedModels = "tunedModels/";

    /// <summary>Shows no key.</summary>
    public override string ToString() => ModelId;

    /// <summary>Where the model streams; what the base URL has in its query stays.</summary>
    public Uri Url()
    {
        var collection = ModelId.StartsWith(TunedModels, StringComparison.Ordinal) ? TunedModels : Models;
        var name = ModelId.StartsWith(collection, StringComparison.Ordinal) ? ModelId[collection.Length..] : ModelId;
        var version = BaseUrl.AbsolutePath is "/" ? Version : "";
        var url = new UriBuilder(ModelEndpoint.Under(BaseUrl, $"{version}/{collection}{Uri.EscapeDataString(name)}:streamGenerateContent"));
        url.Query = url.Query.Length > 1 ? url.Query + "&alt=sse" : "alt=sse";
        return url.Uri;
    }
}
