using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts.Faults;
using Belay.Storage;

namespace Belay.Identity;

/// <summary>What is kept of a bearer token: everything but the token.</summary>
/// <param name="TokenId">Unique in its account.</param>
/// <param name="Name">What it is for.</param>
/// <param name="Region">Region that its requests act in: its maker's.</param>
/// <param name="AccessKeyId">The access key that made it; when that is deleted, the token is worth nothing.</param>
/// <param name="Hash">SHA-256 of the token's text in lower-case hex.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="ExpiresAt">When it ends.</param>
public sealed record BearerToken(string TokenId, string? Name, string Region, string AccessKeyId, string Hash, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt);

/// <summary>
/// The bearer tokens of every account, as hashes in the document store. A token's text names its account and its id, so that one read finds it;
/// the rest of it is chance. Nothing is kept in memory: what is revoked is refused from the next request on. Safe for concurrent use.
/// </summary>
public sealed class BearerTokens(IDocumentStore store, AccessKeys keys, TimeProvider time, IdSource ids) : IDisposable
{
    /// <summary>What every token begins with.</summary>
    public const string Prefix = "belay_";

    /// <summary>Valid tokens of one account.</summary>
    public const int MaxPerAccount = 100;

    /// <summary>How long a token is valid when nobody says.</summary>
    public static readonly TimeSpan DefaultLifetime = TimeSpan.FromDays(1);

    private const string Collection = "tokens";
    private const int IdLength = 16;

    // 43 of 62 characters are more than 256 bits.
    private const int SecretLength = 43;
    private const int AccountLength = 12;
    private static readonly int Length = Prefix.Length + AccountLength + 1 + IdLength + 1 + SecretLength;
    private readonly SemaphoreSlim _making = new(1, 1);

    /// <summary>Makes a token; its text is in the answer and nowhere else.</summary>
    /// <exception cref="ServiceException">The account has as many tokens as it may have.</exception>
    public async Task<(BearerToken Token, string Text)> CreateAsync(Scope scope, string accessKeyId, string? name, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        // One at a time, so that the limit holds when many are asked for at once.
        await _making.WaitAsync(cancellationToken);
        try
        {
            if ((await SweepAsync(scope.Account, cancellationToken)).Count >= MaxPerAccount)
            {
                throw new ServiceException(FaultCode.ServiceQuotaExceededException, $"The limit of {MaxPerAccount} tokens per account has been reached. Revoke one, or wait until one ends.");
            }

            var now = WholeMilliseconds(time.GetUtcNow());
            var id = ids.NewAlphanumeric(IdLength);
            var text = $"{Prefix}{scope.Account}_{id}_{ids.NewAlphanumeric(SecretLength)}";
            var token = new BearerToken(id, name, scope.Region, accessKeyId, HashOf(text), now, now + lifetime);
            var body = JsonSerializer.SerializeToUtf8Bytes(token, BearerTokensJson.Default.BearerToken);
            return await store.WriteAsync(Home(scope.Account), [new DocumentWrite(new(Collection, id), body, 0)], cancellationToken)
                ? (token, text)
                : throw new StorageException($"A token with the id {id} exists already.");
        }
        finally
        {
            _making.Release();
        }
    }

    /// <summary>The token of a text, with its account; null when it is unknown, revoked or over.</summary>
    public async ValueTask<(BearerToken Token, string Account)?> FindAsync(string text, CancellationToken cancellationToken)
    {
        if (text.Length != Length || !text.StartsWith(Prefix, StringComparison.Ordinal) || text.Split('_') is not [_, var account, var id, _]
            || account.Length != AccountLength || !account.All(char.IsAsciiDigit) || id.Length != IdLength || !id.All(char.IsAsciiLetterOrDigit))
        {
            return null;
        }

        return await FindAsync(account, id, cancellationToken) is { } token
            && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(HashOf(text)), Encoding.ASCII.GetBytes(token.Hash))
            ? (token, account)
            : null;
    }

    /// <summary>The token of an id, if it is still valid.</summary>
    public async ValueTask<BearerToken?> FindAsync(string account, string tokenId, CancellationToken cancellationToken) =>
        await store.GetAsync(Home(account), new(Collection, tokenId), cancellationToken) is { } document && Read(document) is var token && IsValid(account, token)
            ? token
            : null;

    /// <summary>The account's valid tokens, the oldest first.</summary>
    public async Task<IReadOnlyList<BearerToken>> ListAsync(string account, CancellationToken cancellationToken) =>
    [
        .. (await AllAsync(account, cancellationToken)).Select(Read).Where(token => IsValid(account, token))
            .OrderBy(token => token.CreatedAt).ThenBy(token => token.TokenId, StringComparer.Ordinal),
    ];

    /// <summary>Revokes a token at once; false when there is none of that id.</summary>
    public async Task<bool> DeleteAsync(string account, string tokenId, CancellationToken cancellationToken)
    {
        // A write that names no document would delete nothing and still be done.
        while (await store.GetAsync(Home(account), new(Collection, tokenId), cancellationToken) is { } document)
        {
            if (await store.WriteAsync(Home(account), [new DocumentWrite(document.Key, null, document.Etag)], cancellationToken))
            {
                return IsValid(account, Read(document));
            }
        }

        return false;
    }

    /// <summary>Removes what is left of tokens that are over, or whose access key is gone; answers those that are valid.</summary>
    public async Task<IReadOnlyList<BearerToken>> SweepAsync(string account, CancellationToken cancellationToken)
    {
        var valid = new List<BearerToken>();
        foreach (var document in await AllAsync(account, cancellationToken))
        {
            if (Read(document) is var token && IsValid(account, token))
            {
                valid.Add(token);
            }
            else
            {
                await store.WriteAsync(Home(account), [new DocumentWrite(document.Key, null, document.Etag)], cancellationToken);
            }
        }

        return valid;
    }

    /// <inheritdoc/>
    public void Dispose() => _making.Dispose();

    /// <summary>SHA-256 of a secret text, in lower-case hex.</summary>
    public static string HashOf(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>Tokens are an account's, whatever region they act in.</summary>
    private static Scope Home(string account) => new(account, "global");

    private static DateTimeOffset WholeMilliseconds(DateTimeOffset at) => at.AddTicks(-(at.Ticks % TimeSpan.TicksPerMillisecond));

    private static BearerToken Read(Document document) => JsonSerializer.Deserialize(document.Body.Span, BearerTokensJson.Default.BearerToken)!;

    private bool IsValid(string account, BearerToken token) =>
        token.ExpiresAt > time.GetUtcNow() && keys.TryFind(token.AccessKeyId, out var key) && key.Account == account;

    // Those that are over are removed before a new one is made, so there are never many more than may be valid.
    private Task<IReadOnlyList<Document>> AllAsync(string account, CancellationToken cancellationToken) =>
        store.ListAsync(Home(account), Collection, "", null, MaxPerAccount * 2, cancellationToken);
}

[JsonSerializable(typeof(BearerToken))]
internal sealed partial class BearerTokensJson : JsonSerializerContext;
