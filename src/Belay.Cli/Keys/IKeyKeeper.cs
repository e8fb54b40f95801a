using Belay.Contracts.Identity;

namespace Belay.Cli.Keys;

/// <summary>Who looks after access keys and tokens: the server that holds a data directory, or, when none does, the directory itself.</summary>
internal interface IKeyKeeper : IDisposable
{
    /// <summary>The keys, the oldest first.</summary>
    Task<IReadOnlyList<KeySummary>> ListKeysAsync(CancellationToken cancellationToken);

    /// <summary>Makes a key.</summary>
    Task<CreateKeyResponse> CreateKeyAsync(string account, string? description, CancellationToken cancellationToken);

    /// <summary>Deletes a key; throws when there is none of that id.</summary>
    Task DeleteKeyAsync(string accessKeyId, CancellationToken cancellationToken);

    /// <summary>The valid tokens, the oldest first.</summary>
    Task<IReadOnlyList<TokenSummary>> ListTokensAsync(CancellationToken cancellationToken);

    /// <summary>Makes a token.</summary>
    Task<CreateTokenResponse> CreateTokenAsync(string? name, int? expiresInSeconds, CancellationToken cancellationToken);

    /// <summary>Revokes a token; throws when there is none of that id.</summary>
    Task DeleteTokenAsync(string tokenId, CancellationToken cancellationToken);
}
