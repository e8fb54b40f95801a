using Belay.Contracts;
using Belay.Identity;
using Belay.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Identity;

/// <summary>The control operations on the token vault and its API-key credential providers. No answer has a key in it.</summary>
internal static class CredentialProviderEndpoints
{
    private const string Root = "/identities";
    private const int DefaultPageSize = 50;

    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(TokenVault vault, IPageTokens tokens) =>
    [
        new("CreateApiKeyCredentialProvider", HttpMethods.Post, Root + "/CreateApiKeyCredentialProvider", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.CreateApiKeyCredentialProviderRequest);
            var made = await vault.CreateAsync(call.Caller.Scope, request, cancellationToken);
            await call.RespondAsync(
                StatusCodes.Status201Created,
                new()
                {
                    Name = made.Name,
                    CredentialProviderArn = made.CredentialProviderArn,
                    ApiKeySecretArn = made.ApiKeySecretArn,
                    ApiKeySecretJsonKey = made.ApiKeySecretJsonKey,
                    ApiKeySecretSource = made.ApiKeySecretSource,
                },
                BelayJson.Default.CreateApiKeyCredentialProviderResponse);
        }),
        new("GetApiKeyCredentialProvider", HttpMethods.Post, Root + "/GetApiKeyCredentialProvider", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.GetApiKeyCredentialProviderRequest);
            var provider = await vault.GetAsync(call.Caller.Scope, request.Name, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, provider, BelayJson.Default.GetApiKeyCredentialProviderResponse);
        }),
        new("UpdateApiKeyCredentialProvider", HttpMethods.Post, Root + "/UpdateApiKeyCredentialProvider", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.UpdateApiKeyCredentialProviderRequest);
            var updated = await vault.UpdateAsync(call.Caller.Scope, request, cancellationToken);
            await call.RespondAsync(
                StatusCodes.Status200OK,
                new()
                {
                    Name = updated.Name,
                    CredentialProviderArn = updated.CredentialProviderArn,
                    ApiKeySecretArn = updated.ApiKeySecretArn,
                    ApiKeySecretJsonKey = updated.ApiKeySecretJsonKey,
                    ApiKeySecretSource = updated.ApiKeySecretSource,
                    CreatedTime = updated.CreatedTime,
                    LastUpdatedTime = updated.LastUpdatedTime,
                },
                BelayJson.Default.UpdateApiKeyCredentialProviderResponse);
        }),
        new("DeleteApiKeyCredentialProvider", HttpMethods.Post, Root + "/DeleteApiKeyCredentialProvider", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.DeleteApiKeyCredentialProviderRequest);
            await vault.DeleteAsync(call.Caller.Scope, request.Name, cancellationToken);
            await call.RespondAsync(StatusCodes.Status204NoContent);
        }),
        new("ListApiKeyCredentialProviders", HttpMethods.Post, Root + "/ListApiKeyCredentialProviders", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.ListApiKeyCredentialProvidersRequest);
            var limit = request.MaxResults ?? DefaultPageSize;
            var paging = new Paging(call, tokens, "");
            var page = await vault.ListAsync(call.Caller.Scope, limit, paging.After(request.NextToken), cancellationToken);
            await call.RespondAsync(
                StatusCodes.Status200OK, new() { CredentialProviders = page.Items, NextToken = paging.Next(page.Next) }, BelayJson.Default.ListApiKeyCredentialProvidersResponse);
        }),
        new("GetTokenVault", HttpMethods.Post, Root + "/get-token-vault", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.GetTokenVaultRequest);
            var found = await vault.GetVaultAsync(call.Caller.Scope, request.TokenVaultId, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, found, BelayJson.Default.GetTokenVaultResponse);
        }),
        new("SetTokenVaultCMK", HttpMethods.Post, Root + "/set-token-vault-cmk", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.SetTokenVaultCMKRequest);
            var set = await vault.SetVaultKeyAsync(call.Caller.Scope, request, cancellationToken);
            await call.RespondAsync(
                StatusCodes.Status200OK,
                new() { TokenVaultId = set.TokenVaultId, KmsConfiguration = set.KmsConfiguration, LastModifiedDate = set.LastModifiedDate },
                BelayJson.Default.SetTokenVaultCMKResponse);
        }),
    ];
}
