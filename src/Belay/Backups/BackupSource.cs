using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Storage.Trees;
using Belay.Verification;

namespace Belay.Backups;

/// <summary>
/// What a backup takes from a data directory: everything, but for the database's live files and the signed heads, which are copied apart, locks, and what belongs to running
/// sandboxes only. So what a later feature keeps there is not forgotten.
/// </summary>
internal static class BackupSource
{
    /// <summary>Where a backup keeps its snapshot while it runs.</summary>
    public const string SnapshotPrefix = "backup-";

    /// <summary>Everything that is taken; see <see cref="TreeWalk"/>.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such directory.</exception>
    public static IEnumerable<TreeEntry> Entries(string dataDirectory) => TreeWalk.Entries(dataDirectory, Taken);

    private static bool Taken(string name) =>
        !name.StartsWith(SqliteDatabase.FileName, StringComparison.Ordinal)
        && !name.StartsWith(HeadsFile.FileName, StringComparison.Ordinal)
        && !name.StartsWith(SnapshotPrefix, StringComparison.Ordinal)
        && !name.EndsWith(".lock", StringComparison.Ordinal)
        && !name.StartsWith(DataDirectoryLock.FileName, StringComparison.Ordinal)
        && name != "sandboxes";
}
