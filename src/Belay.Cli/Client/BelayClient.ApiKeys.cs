using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Belay.Cli.Client;

/// <content>The operations on API keys in the token vault.</content>
internal sealed partial class BelayClient
{
    /// <summary>CreateApiKeyCredentialProvider.</summary>
    public Task<JsonElement> CreateApiKeyAsync(string name, string key, CancellationToken cancellationToken) =>
        IdentityAsync($"put the API key {name} into the vault", "CreateApiKeyCredentialProvider", new() { ["name"] = name, ["apiKey"] = key }, cancellationToken);

    /// <summary>UpdateApiKeyCredentialProvider.</summary>
    public Task<JsonElement> UpdateApiKeyAsync(string name, string key, CancellationToken cancellationToken) =>
        IdentityAsync($"replace the API key {name}", "UpdateApiKeyCredentialProvider", new() { ["name"] = name, ["apiKey"] = key }, cancellationToken);

    /// <summary>DeleteApiKeyCredentialProvider.</summary>
    public Task DeleteApiKeyAsync(string name, CancellationToken cancellationToken) =>
        IdentityAsync($"delete the API key {name}", "DeleteApiKeyCredentialProvider", new() { ["name"] = name }, cancellationToken);

    /// <summary>Every API key's credential provider, page by page, by name.</summary>
    public async IAsyncEnumerable<JsonElement> ListApiKeysAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? next = null;
        do
        {
            var body = new JsonObject { ["maxResults"] = 100 };
            if (next is not null)
            {
                body["nextToken"] = next;
            }

            var page = await IdentityAsync("list the API keys", "ListApiKeyCredentialProviders", body, cancellationToken);
            foreach (var provider in page.Items("credentialProviders"))
            {
                yield return provider;
            }

            next = page.Text("nextToken");
        }
        while (next is not null);
    }

    private Task<JsonElement> IdentityAsync(string attempt, string operation, JsonObject body, CancellationToken cancellationToken) =>
        AnswerAsync(attempt, HttpMethod.Post, Connection.Control, $"/identities/{operation}", body, cancellationToken);
}
