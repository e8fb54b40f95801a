using System.Collections.Concurrent;
using Belay.Contracts.Signing;
using Belay.Identity;

namespace Belay.Server.Auth;

/// <summary>
/// Derived signing keys, so that each is derived once a day instead of for each request. Only what has verified a signature is kept, so
/// that strangers, who may name any region, fill nothing.
/// </summary>
internal sealed class SigningKeys
{
    private const int MaxKeys = 1024;
    private readonly ConcurrentDictionary<(AccessKey Key, CredentialScope Scope), byte[]> _keys = new();

    /// <summary>The key of a scope. The whole access key counts: another secret under the same id is another key.</summary>
    public byte[] Of(AccessKey key, CredentialScope scope) =>
        _keys.TryGetValue((key, scope), out var derived) ? derived : SigV4.SigningKey(key.Secret, scope);

    /// <summary>Keeps a key that has verified a signature.</summary>
    public void Keep(AccessKey key, CredentialScope scope, byte[] derived)
    {
        if (_keys.ContainsKey((key, scope)))
        {
            return;
        }

        // Yesterday's go here, too.
        if (_keys.Count >= MaxKeys)
        {
            _keys.Clear();
        }

        _keys.TryAdd((key, scope), derived);
    }
}
