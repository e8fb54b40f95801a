using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Belay.Storage;

namespace Belay.Identity;

/// <summary>
/// Seals what must not be readable at rest. One data key for each actor, wrapped by the master key; destroying it makes
/// everything sealed with it unreadable and leaves the rest as it is. Implementations are safe for concurrent use.
/// </summary>
public interface ISealer
{
    /// <summary>The actor id that stands for the account itself: the key of what belongs to no actor.</summary>
    const string Account = "";

    /// <summary>The key and random reference of an actor; made at first use and then always the same.</summary>
    ValueTask<ActorKey> ForActorAsync(Scope scope, string actorId, CancellationToken cancellationToken);

    /// <summary>The key of an actor, without making one; null when the actor has none yet.</summary>
    ValueTask<ActorKey?> LookUpAsync(Scope scope, string actorId, CancellationToken cancellationToken);

    /// <summary>The key behind a reference; null when it was destroyed or never existed.</summary>
    ValueTask<ActorKey?> FindAsync(Scope scope, string actorRef, CancellationToken cancellationToken);

    /// <summary>Encrypts with a fresh random nonce. <paramref name="context"/> is authenticated, not stored: the same must be given to open them.</summary>
    byte[] Seal(ActorKey key, ReadOnlySpan<byte> plain, ReadOnlySpan<byte> context);

    /// <summary>Decrypts; throws <see cref="CryptographicException"/> when bytes, key or context are not those that were sealed.</summary>
    byte[] Open(ActorKey key, ReadOnlySpan<byte> body, ReadOnlySpan<byte> context);

    /// <summary>Decrypts into memory of the caller's, which is at least as long as the body; answers how many bytes it is.</summary>
    int Open(ActorKey key, ReadOnlySpan<byte> body, ReadOnlySpan<byte> context, Span<byte> plain);

    /// <summary>Destroys an actor's key and the mapping from the actor's id to its reference.</summary>
    Task DestroyAsync(Scope scope, string actorRef, CancellationToken cancellationToken);
}

/// <summary>An actor's data key.</summary>
/// <param name="ActorRef">Random id that stands for the actor in clear headers.</param>
/// <param name="KeyId">Which of the actor's keys sealed a body.</param>
/// <param name="Secret">The 256-bit key. Never logged, never serialised.</param>
[SuppressMessage("Design", "CA1001", Justification = "The key goes when nobody holds it any more, and its cipher with it; nobody could say sooner.")]
public sealed record ActorKey(string ActorRef, string KeyId, ReadOnlyMemory<byte> Secret)
{
    // A cipher is dear to make and must not be shared: one waits here for whoever comes next.
    private AesGcm? _spare;

    /// <summary>Encrypts; <paramref name="context"/> is authenticated, not stored. Safe for concurrent use.</summary>
    internal byte[] Seal(ReadOnlySpan<byte> plain, ReadOnlySpan<byte> context)
    {
        var aes = Take();
        try
        {
            return SealedBox.Seal(aes, plain, context);
        }
        finally
        {
            GiveBack(aes);
        }
    }

    /// <summary>Decrypts into memory of the caller's; answers how many bytes it is. Safe for concurrent use.</summary>
    /// <exception cref="CryptographicException">Bytes, key or context are not those that were sealed.</exception>
    internal int Open(ReadOnlySpan<byte> box, ReadOnlySpan<byte> context, Span<byte> plain)
    {
        var aes = Take();
        try
        {
            return SealedBox.Open(aes, box, context, plain);
        }
        finally
        {
            GiveBack(aes);
        }
    }

    private AesGcm Take() => Interlocked.Exchange(ref _spare, null) ?? SealedBox.Cipher(Secret.Span);

    private void GiveBack(AesGcm aes)
    {
        if (Interlocked.CompareExchange(ref _spare, aes, null) is not null)
        {
            aes.Dispose();
        }
    }

    /// <summary>Shows no key material.</summary>
    public override string ToString() => $"ActorKey {KeyId} of {ActorRef}";
}
