namespace Belay.Storage;

/// <summary>
/// Versioned documents with etags: harnesses, versions, endpoints, tags, idempotency records. Keys are opaque to the store,
/// ordered by their UTF-8 bytes, unique in (scope, collection). A write is durable when its task completes; content that was
/// deleted does not stay readable in the store's files. Cancellation is heeded until a write is accepted: a write that ends
/// cancelled changed nothing.
/// </summary>
public interface IDocumentStore
{
    /// <summary>Reads one document; null when there is none.</summary>
    Task<Document?> GetAsync(Scope scope, DocumentKey key, CancellationToken cancellationToken);

    /// <summary>Applies every write or none. Each write states the etag that it expects; one that does not hold makes the
    /// call answer false and changes nothing. A key may occur once in a batch.</summary>
    /// <exception cref="ArgumentException">A batch that is empty or names a key twice, or a key that breaks
    /// <see cref="DocumentRules"/>.</exception>
    Task<bool> WriteAsync(Scope scope, IReadOnlyList<DocumentWrite> writes, CancellationToken cancellationToken);

    /// <summary>Documents of a collection whose key begins with <paramref name="prefix"/>, in key order, after a key, at most
    /// <paramref name="limit"/>.</summary>
    Task<IReadOnlyList<Document>> ListAsync(Scope scope, string collection, string prefix, string? after, int limit, CancellationToken cancellationToken);

    /// <summary>Scopes that hold documents of a collection; what background work starts from after a restart.</summary>
    Task<IReadOnlyList<Scope>> ScopesAsync(string collection, CancellationToken cancellationToken);
}

/// <summary>Names one document in a scope.</summary>
/// <param name="Collection">Kind of document.</param>
/// <param name="Id">Key in the collection, 1 to 1,024 characters of well-formed text.</param>
public readonly record struct DocumentKey(string Collection, string Id);

/// <summary>One stored document.</summary>
/// <param name="Key">Its name.</param>
/// <param name="Etag">Grows with every write; 1 for the first, also after a deletion.</param>
/// <param name="Body">UTF-8 JSON, or sealed bytes where the collection holds secrets.</param>
public sealed record Document(DocumentKey Key, long Etag, ReadOnlyMemory<byte> Body);

/// <summary>One write of a batch.</summary>
/// <param name="Key">Which document.</param>
/// <param name="Body">New content; null deletes. Beware of <c>condition ? null : bytes</c>: without a cast to
/// <c>ReadOnlyMemory&lt;byte&gt;?</c> its null becomes an empty body.</param>
/// <param name="ExpectedEtag">Etag that must hold; 0 = must not exist; null = any.</param>
public sealed record DocumentWrite(DocumentKey Key, ReadOnlyMemory<byte>? Body, long? ExpectedEtag);
