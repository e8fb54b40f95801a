using System.Runtime.InteropServices;
using SQLitePCL;

namespace Belay.Storage.Sqlite;

/// <summary>Finds the system's SQLite, so that its security updates are the operating system's, and sets it up once for the process.</summary>
internal static class SqliteLibrary
{
    /// <summary>The name that the provider's imports ask for.</summary>
    private const string AskedFor = "e_sqlite3";

    private static readonly string[] SystemNames = ["libsqlite3.so.0", "libsqlite3.so"];
    private static readonly Lazy<nint> Handle = new(() => Find(SystemNames));
    private static readonly Lazy<bool> Ready = new(SetUp);

    /// <summary>Makes SQLite usable; does nothing when it is.</summary>
    /// <exception cref="StorageException">The library is not installed.</exception>
    public static void EnsureReady() => _ = Ready.Value;

    /// <summary>Loads the first library that exists.</summary>
    public static nint Find(IReadOnlyList<string> names)
    {
        foreach (var name in names)
        {
            if (NativeLibrary.TryLoad(name, out var handle))
            {
                return handle;
            }
        }

        throw new StorageException(
            $"SQLite is not installed ({names[0]} was not found). Install it: 'apt-get install libsqlite3-0' on Debian and Ubuntu, " +
            "'dnf install sqlite-libs' on Fedora and RHEL, 'apk add sqlite-libs' on Alpine.");
    }

    private static bool SetUp()
    {
        var handle = Handle.Value;
        NativeLibrary.SetDllImportResolver(
            typeof(SQLite3Provider_e_sqlite3).Assembly,
            (name, _, _) => name == AskedFor ? handle : nint.Zero);
        raw.SetProvider(new SQLite3Provider_e_sqlite3());
        return true;
    }
}
