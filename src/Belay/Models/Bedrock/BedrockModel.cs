using Belay.Contracts.Signing;

namespace Belay.Models.Bedrock;

/// <summary>A model behind Bedrock's ConverseStream operation.</summary>
internal sealed class BedrockModel(
    ModelConnection connection,
    BedrockCredentials credentials,
    BedrockSettings settings,
    TimeProvider time,
    string modelId,
    bool caching) : IModel
{
    /// <summary>Name of the provider.</summary>
    public const string ProviderName = "bedrock";

    private const string SigningName = "bedrock";

    /// <inheritdoc/>
    public string Provider => ProviderName;

    /// <inheritdoc/>
    public string ModelId => modelId;

    /// <inheritdoc/>
    public IAsyncEnumerable<ModelEvent> StreamAsync(ModelRequest request, CancellationToken cancellationToken) =>
        connection.StreamAsync(ProviderName, request, ProviderKey.None, (_, token) => PostAsync(request, token), static _ => new BedrockStream(), cancellationToken);

    /// <summary>The region's endpoint, where the operator names no other.</summary>
    public static Uri EndpointOf(BedrockSettings settings) =>
        settings.Endpoint
        ?? new Uri($"https://bedrock-runtime.{settings.Region}.amazonaws.com{(settings.Region.StartsWith("cn-", StringComparison.Ordinal) ? ".cn" : "")}");

    private async ValueTask<HttpRequestMessage> PostAsync(ModelRequest request, CancellationToken cancellationToken)
    {
        var keys = await credentials.GetAsync(cancellationToken);
        var body = new RequestBuffer();
        BedrockRequest.Write(body, modelId, request, caching);
        var uri = ModelEndpoint.Under(EndpointOf(settings), $"/model/{Uri.EscapeDataString(modelId)}/converse-stream");
        var message = new HttpRequestMessage(HttpMethod.Post, uri) { Content = body };
        message.Headers.Accept.ParseAdd("application/vnd.amazon.eventstream");
        if (!string.IsNullOrEmpty(keys.Token))
        {
            message.Headers.TryAddWithoutValidation("x-amz-security-token", keys.Token);
        }

        SigV4Signer.Sign(message, body.Written, keys.AccessKey, keys.SecretKey, settings.Region, SigningName, time.GetUtcNow());
        return message;
    }
}
