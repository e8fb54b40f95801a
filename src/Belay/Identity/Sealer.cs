using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Belay.Storage;

namespace Belay.Identity;

/// <summary>
/// Data keys in a document store, wrapped by the master key. Two documents for each actor: its key under the actor's random
/// reference, and the reference under a keyed hash of the actor's id. So the store alone neither opens a body nor tells who the
/// actors are, or whether a given person is among them; destroying both documents forgets the actor.
/// </summary>
public sealed class Sealer(MasterKey master, IDocumentStore documents, IdSource ids, SealerSettings settings) : ISealer
{
    /// <summary>Collection of wrapped keys.</summary>
    public const string Keys = "actor-keys";

    /// <summary>Collection of sealed references.</summary>
    public const string References = "actor-references";

    private const int SecretBytes = 32;

    /// <summary>128 bits and more.</summary>
    private const int ReferenceLength = 22;

    /// <summary>Each actor has one key; the id is there so that a later rotation can tell bodies apart.</summary>
    private const string FirstKey = "1";

    private readonly byte[] _lookupKey = master.LookupKey;
    private readonly KeyCache _cache = new(settings.CachedKeys);

    /// <inheritdoc/>
    public async ValueTask<ActorKey> ForActorAsync(Scope scope, string actorId, CancellationToken cancellationToken)
    {
        // Each round either finds the key or tries to be the first to make it; who loses that race finds the winner's. Only an
        // actor that is destroyed again and again in between makes it go round.
        while (true)
        {
            if (await LookUpAsync(scope, actorId, cancellationToken) is { } existing)
            {
                return existing;
            }

            var lookup = Lookup(scope, actorId);
            var generation = _cache.Generation;
            var key = new ActorKey(ids.NewAlphanumeric(ReferenceLength), FirstKey, RandomNumberGenerator.GetBytes(SecretBytes));
            DocumentWrite[] both =
            [
                new(new(Keys, key.ActorRef), Wrap(scope, key, lookup), ExpectedEtag: 0),
                new(new(References, lookup), master.Seal(Encoding.ASCII.GetBytes(key.ActorRef), Context(References, scope, lookup)), ExpectedEtag: 0),
            ];
            if (await documents.WriteAsync(scope, both, cancellationToken))
            {
                _cache.Put(scope, lookup, key, generation);
                return key;
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask<ActorKey?> LookUpAsync(Scope scope, string actorId, CancellationToken cancellationToken)
    {
        var lookup = Lookup(scope, actorId);
        if (_cache.ByLookup(scope, lookup) is { } cached)
        {
            return cached;
        }

        var reference = await documents.GetAsync(scope, new(References, lookup), cancellationToken);
        return reference is null
            ? null
            : await FindAsync(scope, Encoding.ASCII.GetString(master.Open(reference.Body.Span, Context(References, scope, lookup))), cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<ActorKey?> FindAsync(Scope scope, string actorRef, CancellationToken cancellationToken)
    {
        if (_cache.ByRef(scope, actorRef) is { } cached)
        {
            return cached;
        }

        var generation = _cache.Generation;
        if (await documents.GetAsync(scope, new(Keys, actorRef), cancellationToken) is not { } wrapped)
        {
            return null;
        }

        var (key, lookup) = Unwrap(scope, actorRef, wrapped.Body.Span);
        _cache.Put(scope, lookup, key, generation);
        return key;
    }

    /// <inheritdoc/>
    public byte[] Seal(ActorKey key, ReadOnlySpan<byte> plain, ReadOnlySpan<byte> context) => key.Seal(plain, context);

    /// <inheritdoc/>
    public byte[] Open(ActorKey key, ReadOnlySpan<byte> body, ReadOnlySpan<byte> context)
    {
        var plain = new byte[Math.Max(0, body.Length - SealedBox.Overhead)];
        key.Open(body, context, plain);
        return plain;
    }

    /// <inheritdoc/>
    public int Open(ActorKey key, ReadOnlySpan<byte> body, ReadOnlySpan<byte> context, Span<byte> plain) => key.Open(body, context, plain);

    /// <inheritdoc/>
    public async Task DestroyAsync(Scope scope, string actorRef, CancellationToken cancellationToken)
    {
        if (await documents.GetAsync(scope, new(Keys, actorRef), cancellationToken) is { } wrapped)
        {
            var (_, lookup) = Unwrap(scope, actorRef, wrapped.Body.Span);
            DocumentWrite[] both =
            [
                new(new(Keys, actorRef), Body: null, ExpectedEtag: null),
                new(new(References, lookup), Body: null, ExpectedEtag: null),
            ];
            await documents.WriteAsync(scope, both, cancellationToken);
        }

        _cache.Remove(scope, actorRef);
    }

    /// <summary>A keyed hash, so that nobody without the master key can test whether an id is among the actors. It takes the
    /// id's UTF-16 form: two ids are the same actor only when they are the same string.</summary>
    private string Lookup(Scope scope, string actorId) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(_lookupKey, Context(References, scope, actorId)));

    private byte[] Wrap(Scope scope, ActorKey key, string lookup)
    {
        var plain = new byte[SecretBytes + lookup.Length];
        key.Secret.Span.CopyTo(plain);
        Encoding.ASCII.GetBytes(lookup, plain.AsSpan(SecretBytes));
        var wrapped = master.Seal(plain, Context(Keys, scope, key.ActorRef));
        CryptographicOperations.ZeroMemory(plain);
        return wrapped;
    }

    private (ActorKey Key, string Lookup) Unwrap(Scope scope, string actorRef, ReadOnlySpan<byte> wrapped)
    {
        var plain = master.Open(wrapped, Context(Keys, scope, actorRef));
        var key = new ActorKey(actorRef, FirstKey, plain.AsSpan(0, SecretBytes).ToArray());
        var lookup = Encoding.ASCII.GetString(plain.AsSpan(SecretBytes));
        CryptographicOperations.ZeroMemory(plain);
        return (key, lookup);
    }

    /// <summary>Ties sealed bytes to their place, so that documents cannot be swapped. Each part carries its length.</summary>
    internal static byte[] Context(string collection, Scope scope, string id)
    {
        string[] parts = [collection, scope.Account, scope.Region, id];
        var context = new byte[parts.Sum(part => sizeof(int) + (part.Length * sizeof(char)))];
        var rest = context.AsSpan();
        foreach (var part in parts)
        {
            BinaryPrimitives.WriteInt32BigEndian(rest, part.Length);
            MemoryMarshal.AsBytes(part.AsSpan()).CopyTo(rest[sizeof(int)..]);
            rest = rest[(sizeof(int) + (part.Length * sizeof(char)))..];
        }

        return context;
    }
}
