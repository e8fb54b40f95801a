using Belay.Identity;
using Belay.Storage;

namespace Belay.Bench.Loop.Product;

/// <summary>Knows the actors of another sealer, and seals nothing.</summary>
internal sealed class PlainSealer(ISealer keys) : ISealer
{
    /// <inheritdoc/>
    public ValueTask<ActorKey> ForActorAsync(Scope scope, string actorId, CancellationToken cancellationToken) => keys.ForActorAsync(scope, actorId, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ActorKey?> LookUpAsync(Scope scope, string actorId, CancellationToken cancellationToken) => keys.LookUpAsync(scope, actorId, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ActorKey?> FindAsync(Scope scope, string actorRef, CancellationToken cancellationToken) => keys.FindAsync(scope, actorRef, cancellationToken);

    /// <inheritdoc/>
    public byte[] Seal(ActorKey key, ReadOnlySpan<byte> plain, ReadOnlySpan<byte> context) => plain.ToArray();

    /// <inheritdoc/>
    public byte[] Open(ActorKey key, ReadOnlySpan<byte> body, ReadOnlySpan<byte> context) => body.ToArray();

    /// <inheritdoc/>
    public int Open(ActorKey key, ReadOnlySpan<byte> body, ReadOnlySpan<byte> context, Span<byte> plain)
    {
        body.CopyTo(plain);
        return body.Length;
    }

    /// <inheritdoc/>
    public Task DestroyAsync(Scope scope, string actorRef, CancellationToken cancellationToken) => keys.DestroyAsync(scope, actorRef, cancellationToken);
}
