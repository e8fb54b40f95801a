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

    /// <summary>Does it; answers how many documents were sealed anew by this run.</summary>
    /// <exception cref="StorageException">A server holds the directory, or the store refuses.</exception>
    /// <exception cref="InvalidDataException">There is no key, or something is there that it does not open.</exception>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        // 1. Nobody else from here on.
        await using var database = SqliteDatabase.Open(dataDirectory, new StorageSettings(), time);
        var documents = new SqliteDocumentStore(database);

        // 2. What cannot be signed anew is found out before anything changes.
        var (old, next) = MasterKey.LoadToReplace(dataDirectory);
        HeadKeeper.SignAnew(dataDirectory, old, next, time);

        // 3. Documents, then small files.
        var count = 0;
        foreach (var collection in new[] { Sealer.Keys, Sealer.References, CatalogKeys.Snapshots, CatalogKeys.Imported })
        {
            foreach (var scope in await documents.ScopesAsync(collection, cancellationToken))
            {
                count += await SealAsync(documents, scope, collection, old, next, cancellationToken);
            }
        }

        SealAccessKeys(old, next);
        SealFile(BundleKey.FileName, BundleKey.Context, old, next);

        // 4. Done when the old key is gone.
        MasterKey.Replace(dataDirectory);
        return count;
    }

    private static async Task<int> SealAsync(SqliteDocumentStore documents, Scope scope, string collection, MasterKey old, MasterKey next, CancellationToken cancellationToken)
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
                if (SealAnew(document.Body.Span, context, $"the document {collection}/{document.Key.Id}", old, next) is { } box)
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

    // Whoever changes the keys without a server takes the lock, and finds afterwards that the file is not theirs to open.
    private void SealAccessKeys(MasterKey old, MasterKey next)
    {
        using var held = new FileStream(Path.Combine(dataDirectory, AccessKeys.FileName + ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        SealFile(AccessKeys.FileName, AccessKeys.Context, old, next);
    }

    private void SealFile(string name, ReadOnlySpan<byte> context, MasterKey old, MasterKey next)
    {
        var path = Path.Combine(dataDirectory, name);
        if (File.Exists(path) && SealAnew(File.ReadAllBytes(path), context, path, old, next) is { } box)
        {
            var temporary = $"{path}.new";
            PrivateFile.Write(temporary, FileMode.Create, box);
            File.Move(temporary, path, overwrite: true);
            PrivateFile.SyncDirectory(dataDirectory);
        }
    }

    /// <summary>Bytes under the next key; null when they are already.</summary>
    private static byte[]? SealAnew(ReadOnlySpan<byte> box, ReadOnlySpan<byte> context, string what, MasterKey old, MasterKey next)
    {
        byte[] plain;
        try
        {
            plain = old.Open(box, context);
        }
        catch (CryptographicException)
        {
            return Opens(next, box, context) ? null : throw new InvalidDataException($"The master key does not open {what}: one of them was damaged or replaced.");
        }

        var anew = next.Seal(plain, context);
        CryptographicOperations.ZeroMemory(plain);
        return anew;
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
