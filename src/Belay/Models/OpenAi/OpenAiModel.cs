namespace Belay.Models.OpenAi;

/// <summary>A model behind the OpenAI chat-completions API, or a server that speaks it.</summary>
internal sealed class OpenAiModel(ModelConnection connection, OpenAiTarget target) : IModel
{
    /// <summary>Name of the provider.</summary>
    public const string ProviderName = "openai";

    /// <inheritdoc/>
    public string Provider => ProviderName;

    /// <inheritdoc/>
    public string ModelId => target.ModelId;

    /// <inheritdoc/>
    public IAsyncEnumerable<ModelEvent> StreamAsync(ModelRequest request, CancellationToken cancellationToken) =>
        connection.StreamAsync(
            target.Name,
            request,
            target.Key,
            (key, _) => ValueTask.FromResult(Post(request, key)),
            // A server that answers with plain JSON did not stream although it was asked to; everything else is taken for a stream.
            type => new OpenAiStream(streamed: type is not "application/json"),
            cancellationToken);

    private HttpRequestMessage Post(ModelRequest request, string? key)
    {
        var body = new RequestBuffer();
        OpenAiRequest.Write(body, target.ModelId, target.Dialect, request);
        return target.Post(body, key);
    }
}

/// <summary>Which model, where, and with which key.</summary>
/// <param name="ModelId">Model id as the provider knows it.</param>
/// <param name="Url">URL that its calls are posted to.</param>
/// <param name="Key">The key of its calls.</param>
internal sealed record OpenAiTarget(string ModelId, Uri Url, ProviderKey Key)
{
    /// <summary>What messages call the provider.</summary>
    public string Name { get; init; } = OpenAiModel.ProviderName;

    /// <summary>Header of the key; null for a bearer token.</summary>
    public string? KeyHeader { get; init; }

    /// <summary>What the provider understands.</summary>
    public OpenAiDialect Dialect { get; init; } = OpenAiDialect.Plain;

    /// <summary>A call with a body and a key.</summary>
    public HttpRequestMessage Post(RequestBuffer body, string? key)
    {
        var message = new HttpRequestMessage(HttpMethod.Post, Url) { Content = body };
        message.Headers.TryAddWithoutValidation("Accept", "text/event-stream");
        if (key is not null)
        {
            var (header, value) = KeyHeader is { } name ? (name, key) : ("Authorization", $"Bearer {key}");
            message.Headers.TryAddWithoutValidation(header, value);
        }

        return message;
    }

    /// <summary>Shows no key.</summary>
    public override string ToString() => ModelId;
}

/// <summary>In what those who speak chat completions differ.</summary>
/// <param name="MaxTokens">Member that limits the output.</param>
/// <param name="StreamOptions">Whether the request may ask for the tokens of a stream with <c>stream_options</c>.</param>
/// <param name="IdLength">Letters and digits that the id of a tool call must have; null where any id of a fair length will do.</param>
internal sealed record OpenAiDialect(string MaxTokens = "max_tokens", bool StreamOptions = true, int? IdLength = null)
{
    /// <summary>The member that limits the output of OpenAI's newer models.</summary>
    public const string MaxCompletionTokens = "max_completion_tokens";

    /// <summary>What nearly everybody understands.</summary>
    public static readonly OpenAiDialect Plain = new();
}
