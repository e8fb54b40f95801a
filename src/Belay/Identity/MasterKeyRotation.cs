using System.Security.Cryptography;
using Belay.Bundles;
using Belay.Harnesses;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Verification;

namespace Belay.Identity;

/// <summary>
/// Puts a new master key in the place of the old one, in a data directory that no server holds. The next key lies beside the old one while everything that the
/// old one sealed is sealed anew, piece by piece; a piece that the next key opens is done. So whatever cuts it off, the next run goes on, and
/// until then the directory is refused by everybody else. Data keys stay, and what they sealed; what was backed up before still opens.
/// </summary>
public sealed class MasterKeyRotation(string dataDirectory, TimeProvider time)
{
    private const int PageSize = 200;

    /// <summary>Makes of a sealed piece what is to stand in its place; null to leave it.</summary>
    private delegate byte[]? SealAnew(ReadOnlySpan<byte> box, ReadOnlySpan<byte> context, string what);

    /// <summary>Does it; answers how many documents were sealed anew by this run.</summary>
    /// <exception cref="StorageException">A server holds the directory, or the store refuses.</exception>
    /// <exception cref="InvalidDataException">There is no key, or something is there that it does not open.</exception>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        // 1. Nobody else from here on.
        await using var database = SqliteDatabase.Open(dataDirectory, new StorageSettings(), time);
        var documents = new SqliteDocumentStore(database);

        // 2. What the old key does not open is found out before anything changes: halfway there is no way back.
        var (old, next) = MasterKey.LoadToReplace(dataDirectory);
        if (next is null)
        {
            HeadKeeper.ThrowIfChanged(dataDirectory, old);
            await SealAllAsync(documents, (box, context, what) => { Open(old, box, context, what); return null; }, cancellationToken);
            next = old.MakeNext(dataDirectory);
        }

        // 3. Everything once more, under the next key.
        HeadKeeper.SignAnew(dataDirectory, old, next, time);
        var count = await SealAllAsync(documents, (box, context, what) => Opens(next, box, context) ? null : next.Seal(Open(old, box, context, what), context), cancellationToken);

        // 4. Done when the old key is gone.
        MasterKey.Replace(dataDirectory);
        return count;
    }

    private async Task<int> SealAllAsync(SqliteDocumentStore documents, SealAnew seal, CancellationToken cancellationToken)
    {
        var count = 0;
        foreach (var collection in new[] { Sealer.Keys, Sealer.References, CatalogKeys.Snapshots, CatalogKeys.Imported })
        {
            foreach (var scope in await documents.ScopesAsync(collection, cancellationToken))
            {
                count += await SealDocumentsAsync(documents, scope, collection, seal, cancellationToken);
            }
        }

        // Whoever changes the keys without a server takes the lock, and finds afterwards that the file is not theirs to open.
        using (new FileStream(Path.Combine(dataDirectory, AccessKeys.FileName + ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
        {
            SealFile(AccessKeys.FileName, AccessKeys.Context, seal);
        }

        SealFile(BundleKey.FileName, BundleKey.Context, seal);
        return count;
    }

    private static async Task<int> SealDocumentsAsync(SqliteDocumentStore documents, Scope scope, string collection, SealAnew seal, CancellationToken cancellationToken)
    {
        var (count, after) = (0, default(string));
        while (true)
        {
            var page = await documents.ListAsync(scope, collection, "", after, PageSize, cancellationToken);
            if (page.Count == 0)
            {
                return count;
            }

            var writes = new List<DocumentWrite>();
            foreach (var document in page)
            {
                var context = collection is Sealer.Keys or Sealer.References ? Sealer.Context(collection, scope, document.Key.Id) : HarnessCatalog.SealContext(scope, document.Key);
                if (seal(document.Body.Span, context, $"the document {collection}/{document.Key.Id}") is { } box)
                {
                    writes.Add(new(document.Key, box, document.Etag));
                }
            }

            if (writes.Count > 0 && !await documents.WriteAsync(scope, writes, cancellationToken))
            {
                throw new StorageException("Somebody else writes to the store.");
            }

            count += writes.Count;
            after = page[^1].Key.Id;
        }
    }

    private void SealFile(string name, ReadOnlySpan<byte> context, SealAnew seal)
    {
        var path = Path.Combine(dataDirectory, name);
        if (File.Exists(path) && seal(File.ReadAllBytes(path), context, path) is { } box)
        {
            var temporary = $"{path}.new";
            PrivateFile.Write(temporary, FileMode.Create, box);
            File.Move(temporary, path, overwrite: true);
            PrivateFile.SyncDirectory(dataDirectory);
        }
    }

    private static byte[] Open(MasterKey old, ReadOnlySpan<byte> box, ReadOnlySpan<byte> context, string what)
    {
        try
        {
            return old.Open(box, context);
        }
        catch (CryptographicException problem)
        {
            throw new InvalidDataException($"The master key does not open {what}: one of them was damaged or replaced.", problem);
        }
    }

    private static bool Opens(MasterKey key, ReadOnlySpan<byte> box, ReadOnlySpan<byte> context)
    {
        try
        {
            CryptographicOperations.ZeroMemory(key.Open(box, context));
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }
}
