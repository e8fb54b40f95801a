using Belay.Cli.CommandLine;
using Belay.Cli.Serving;
using Belay.Contracts.Identity;
using Belay.Identity;
using Belay.Storage;
using Belay.Storage.Sqlite;

namespace Belay.Cli.Keys;

/// <summary>The keys and tokens of a data directory that no server holds. Tokens are the first key's, as if it had signed for them.</summary>
internal sealed class DirectoryKeys(string directory, string region, CliHost host) : IKeyKeeper
{
    private const string SeeKeys = "See what there is: belay keys list";
    private const string SeeTokens = "See what there is: belay keys tokens";

    /// <inheritdoc/>
    public Task<IReadOnlyList<KeySummary>> ListKeysAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<KeySummary>>([.. (StoredKeys.Open(directory, host)?.List() ?? []).Select(Summary)]);

    /// <inheritdoc/>
    public Task<CreateKeyResponse> CreateKeyAsync(string account, string? description, CancellationToken cancellationToken)
    {
        var key = StoredKeys.OpenOrCreate(directory, host).Create(account, description);
        return Task.FromResult(new CreateKeyResponse { Key = Summary(key), SecretAccessKey = key.Secret });
    }

    /// <inheritdoc/>
    public Task DeleteKeyAsync(string accessKeyId, CancellationToken cancellationToken) => StoredKeys.Open(directory, host)?.Delete(accessKeyId) == true
        ? Task.CompletedTask
        : throw new CliException(ExitCode.Failed, $"There is no access key {Terminal.OneLine(accessKeyId, 64)}.", SeeKeys);

    /// <inheritdoc/>
    public Task<IReadOnlyList<TokenSummary>> ListTokensAsync(CancellationToken cancellationToken) => WithTokensAsync<IReadOnlyList<TokenSummary>>(
        async (tokens, key) => [.. (await tokens.ListAsync(key.Account, cancellationToken)).Select(Summary)]);

    /// <inheritdoc/>
    public Task<CreateTokenResponse> CreateTokenAsync(string? name, int? expiresInSeconds, CancellationToken cancellationToken) => WithTokensAsync(async (tokens, key) =>
    {
        var lifetime = expiresInSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : BearerTokens.DefaultLifetime;
        var (token, text) = await tokens.CreateAsync(new Scope(key.Account, region), key.Id, name, lifetime, cancellationToken);
        return new CreateTokenResponse { Token = Summary(token), BearerToken = text };
    });

    /// <inheritdoc/>
    public Task DeleteTokenAsync(string tokenId, CancellationToken cancellationToken) => WithTokensAsync(async (tokens, key) =>
        await tokens.DeleteAsync(key.Account, tokenId, cancellationToken)
            ? tokenId
            : throw new CliException(ExitCode.Failed, $"There is no token {Terminal.OneLine(tokenId, 64)}.", SeeTokens));

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private static KeySummary Summary(AccessKey key) => new() { AccessKeyId = key.Id, Account = key.Account, Description = key.Description, CreatedAt = key.CreatedAt };

    private static TokenSummary Summary(BearerToken token) => new()
    {
        TokenId = token.TokenId,
        Name = token.Name,
        AccessKeyId = token.AccessKeyId,
        Region = token.Region,
        CreatedAt = token.CreatedAt,
        ExpiresAt = token.ExpiresAt,
    };

    /// <summary>Holds the directory as a server would, for as long as the work takes.</summary>
    private async Task<T> WithTokensAsync<T>(Func<BearerTokens, AccessKey, Task<T>> work)
    {
        var keys = StoredKeys.OpenOrCreate(directory, host);
        keys.EnsureFirst(ServeSettings.DefaultAccount);
        if (keys.List() is not [var first, ..])
        {
            throw new CliException(ExitCode.Refused, $"{directory} holds no access key: all were deleted.", "Make one: belay keys create");
        }

        try
        {
            await using var database = SqliteDatabase.Open(directory, new StorageSettings(), host.Time);
            using var tokens = new BearerTokens(new SqliteDocumentStore(database), keys, host.Time, host.Ids);
            return await work(tokens, first);
        }
        catch (Exception cause) when (cause is InvalidDataException or StorageException)
        {
            throw new CliException(ExitCode.Failed, $"Could not use the tokens in {directory}: {cause.Message}", cause: cause);
        }
    }
}
