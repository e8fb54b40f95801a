using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Belay.Contracts;
using Belay.Contracts.Doctor;
using Belay.Contracts.Identity;

namespace Belay.Cli.Client;

/// <content>The native API's access keys, bearer tokens, and the server's examination of itself.</content>
internal sealed partial class BelayClient
{
    private const string NativeRoot = "/belay/v1";

    /// <summary>ListKeys.</summary>
    public Task<ListKeysResponse> ListKeysAsync(CancellationToken cancellationToken) =>
        NativeAsync("list the keys", HttpMethod.Get, "/keys", null, BelayJson.Default.ListKeysResponse, cancellationToken);

    /// <summary>CreateKey.</summary>
    public Task<CreateKeyResponse> CreateKeyAsync(string account, string? description, CancellationToken cancellationToken)
    {
        var body = new JsonObject { ["account"] = account };
        if (description is not null)
        {
            body["description"] = description;
        }

        return NativeAsync("make the key", HttpMethod.Post, "/keys", body, BelayJson.Default.CreateKeyResponse, cancellationToken);
    }

    /// <summary>DeleteKey.</summary>
    public Task DeleteKeyAsync(string accessKeyId, CancellationToken cancellationToken) =>
        AnswerAsync($"delete key {accessKeyId}", HttpMethod.Delete, Connection.Control, $"{NativeRoot}/keys/{Escape(accessKeyId)}", null, cancellationToken);

    /// <summary>ListTokens.</summary>
    public Task<ListTokensResponse> ListTokensAsync(CancellationToken cancellationToken) =>
        NativeAsync("list the tokens", HttpMethod.Get, "/tokens", null, BelayJson.Default.ListTokensResponse, cancellationToken);

    /// <summary>CreateToken.</summary>
    public Task<CreateTokenResponse> CreateTokenAsync(string? name, int? expiresInSeconds, CancellationToken cancellationToken)
    {
        var body = new JsonObject();
        if (name is not null)
        {
            body["name"] = name;
        }

        if (expiresInSeconds is not null)
        {
            body["expiresInSeconds"] = expiresInSeconds;
        }

        return NativeAsync("make the token", HttpMethod.Post, "/tokens", body, BelayJson.Default.CreateTokenResponse, cancellationToken);
    }

    /// <summary>DeleteToken.</summary>
    public Task DeleteTokenAsync(string tokenId, CancellationToken cancellationToken) =>
        AnswerAsync($"revoke token {tokenId}", HttpMethod.Delete, Connection.Control, $"{NativeRoot}/tokens/{Escape(tokenId)}", null, cancellationToken);

    /// <summary>Examine.</summary>
    public Task<ExamineResponse> ExamineAsync(CancellationToken cancellationToken) =>
        NativeAsync("examine the server", HttpMethod.Get, "/doctor", null, BelayJson.Default.ExamineResponse, cancellationToken);

    private async Task<T> NativeAsync<T>(string attempt, HttpMethod method, string path, JsonObject? body, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        var answer = await AnswerAsync(attempt, method, Connection.Control, NativeRoot + path, body, cancellationToken);
        try
        {
            return answer.Deserialize(type)!;
        }
        catch (Exception cause) when (cause is JsonException or InvalidOperationException)
        {
            throw NotBelay(attempt, Connection.Control, "its answer lacks what this program needs", cause);
        }
    }
}
