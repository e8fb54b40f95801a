
namespace Belay.Models.Anthropic;

/// <summary>A model behind the Anthropic Messages API, or a server that speaks it.</summary>
internal sealed class AnthropicModel(ModelConnection connection, AnthropicTarget target) : IModel
{
    /// <summary>Name of the provider.</summary>
    public const string ProviderName = "anthropic";

    /// <summary>The protocol's version that is written and read here.</summary>
    private const string Version = "2023-06-01";

    private readonly Uri _url = UrlUnder(target.BaseUrl);

    /// <inheritdoc/>
    public string Provider => ProviderName;

    /// <inheritdoc/>
    public string ModelId => target.ModelId;

    /// <inheritdoc/>
    public IAsyncEnumerable<ModelEvent> StreamAsync(ModelRequest request, CancellationToken cancellationToken) =>
        connection.StreamAsync(ProviderName, request, target.Key, (key, _) => ValueTask.FromResult(Post(request, key)), static _ => new AnthropicStream(), cancellationToken);

    /// <summary>Where messages are posted: a base URL may stand before the version, behind it, or be the whole address.</summary>
    public static Uri UrlUnder(Uri baseUrl)
    {
        const string Versioned = "/v1";
        const string Path = "/messages";
        var given = baseUrl.AbsolutePath.TrimEnd('/');
        return ModelEndpoint.Under(
            baseUrl,
            given.EndsWith(Versioned + Path, StringComparison.Ordinal) ? ""
                : given.EndsWith(Versioned, StringComparison.Ordinal) ? Path
                : Versioned + Path);
    }

    private HttpRequestMessage Post(ModelRequest request, string? key)
    {
        var body = new RequestBuffer();
        AnthropicRequest.Write(body, target.ModelId, request, target.Caching);
        var message = new HttpRequestMessage(HttpMethod.Post, _url) { Content = body };
        message.Headers.TryAddWithoutValidation("Accept", "text/event-stream");
        message.Headers.TryAddWithoutValidation("anthropic-version", Version);
        if (key is not null)
        {
            message.Headers.TryAddWithoutValidation("x-api-key", key);
        }

        return message;
    }
}

/// <summary>Which model, where, with which key, and whether the provider is asked to keep what it has read.</summary>
internal sealed record AnthropicTarget(string ModelId, Uri BaseUrl, ProviderKey Key, bool Caching)
{
    /// <summary>Shows no key.</summary>
    public override string ToString() => ModelId;
}
