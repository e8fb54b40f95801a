using System.Text;
using Belay.Storage;

namespace Belay.Testing.Storage;

/// <summary>Documents in memory; behaves as the contract says.</summary>
public sealed class InMemoryDocumentStore : IDocumentStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(Scope Scope, DocumentKey Key), Document> _documents = [];

    /// <summary>Runs before each write is applied; a test makes it throw, wait or count.</summary>
    public Func<Scope, IReadOnlyList<DocumentWrite>, Task>? BeforeWrite { get; set; }

    public Task<Document?> GetAsync(Scope scope, DocumentKey key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            return Task.FromResult(_documents.GetValueOrDefault((scope, key)));
        }
    }

    public async Task<bool> WriteAsync(Scope scope, IReadOnlyList<DocumentWrite> writes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (writes.Count == 0 || writes.DistinctBy(write => write.Key).Count() != writes.Count)
        {
            throw new ArgumentException("A batch needs at least one write and must not name a key twice.", nameof(writes));
        }

        if (BeforeWrite is { } before)
        {
            await before(scope, writes);
        }

        lock (_gate)
        {
            foreach (var write in writes)
            {
                var etag = _documents.TryGetValue((scope, write.Key), out var existing) ? existing.Etag : 0;
                if (write.ExpectedEtag is { } expected && expected != etag)
                {
                    return false;
                }
            }

            foreach (var write in writes)
            {
                if (write.Body is not { } body)
                {
                    _documents.Remove((scope, write.Key));
                    continue;
                }

                var etag = _documents.TryGetValue((scope, write.Key), out var existing) ? existing.Etag : 0;
                _documents[(scope, write.Key)] = new Document(write.Key, etag + 1, body.ToArray());
            }
        }

        return true;
    }

    public Task<IReadOnlyList<Document>> ListAsync(Scope scope, string collection, string prefix, string? after, int limit, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<Document>>([.. _documents
                .Where(pair => pair.Key.Scope == scope && pair.Key.Key.Collection == collection)
                .Select(pair => pair.Value)
                .Where(document => document.Key.Id.StartsWith(prefix, StringComparison.Ordinal))
                .Where(document => after is null || Bytewise.Compare(document.Key.Id, after) > 0)
                .OrderBy(document => document.Key.Id, Comparer<string>.Create(Bytewise.Compare))
                .Take(limit)]);
        }
    }

    public Task<IReadOnlyList<Scope>> ScopesAsync(string collection, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<Scope>>([.. _documents.Keys
                .Where(key => key.Key.Collection == collection)
                .Select(key => key.Scope)
                .Distinct()
                .OrderBy(scope => scope.Account, StringComparer.Ordinal)
                .ThenBy(scope => scope.Region, StringComparer.Ordinal)]);
        }
    }

    /// <summary>The order of UTF-8 bytes, which differs from that of UTF-16 beyond the basic plane.</summary>
    private static class Bytewise
    {
        public static int Compare(string? a, string? b) =>
            Encoding.UTF8.GetBytes(a ?? string.Empty).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(b ?? string.Empty));
    }
}
