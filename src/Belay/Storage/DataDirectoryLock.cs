using System.Globalization;

namespace Belay.Storage;

/// <summary>
/// The right of one process to a data directory, held as a lock on <c>belay.lock</c>. The operating system takes it back when the
/// process ends, however it ends. Not to be relied on over network file systems.
/// </summary>
public sealed class DataDirectoryLock : IDisposable
{
    /// <summary>Name of the file in the data directory.</summary>
    public const string FileName = "belay.lock";

    // In a file of its own: a locked file cannot be opened even for reading.
    private const string HolderFile = FileName + ".pid";

    /// <summary>EWOULDBLOCK: another open file holds the lock.</summary>
    private const int WouldBlock = 11;

    private static readonly FileStreamOptions OwnerOnly = new()
    {
        Mode = FileMode.Create,
        Access = FileAccess.Write,
        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
    };

    private readonly FileStream _file;

    private DataDirectoryLock(FileStream file) => _file = file;

    /// <summary>Takes the lock; null when another holds it.</summary>
    public static DataDirectoryLock? TryTake(string dataDirectory)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            UnixCreateMode = OwnerOnly.UnixCreateMode,
        };
        try
        {
            var held = new DataDirectoryLock(new FileStream(Path.Combine(dataDirectory, FileName), options));
            using var holder = new StreamWriter(Path.Combine(dataDirectory, HolderFile), OwnerOnly);
            holder.Write(Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
            return held;
        }
        catch (IOException cause) when (cause.HResult == WouldBlock)
        {
            return null;
        }
    }

    /// <summary>Whether a server holds a data directory now.</summary>
    public static bool IsHeld(string dataDirectory)
    {
        var path = Path.Combine(dataDirectory, FileName);
        if (!File.Exists(path))
        {
            return false;
        }

        try
        {
            // A shared lock, for no longer than it takes to get it: those who only ask do not hinder each other.
            using var asked = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            return false;
        }
        catch (IOException cause) when (cause.HResult == WouldBlock)
        {
            return true;
        }
    }

    /// <summary>Process id of the lock's holder, as far as it is known.</summary>
    public static string Holder(string dataDirectory)
    {
        var path = Path.Combine(dataDirectory, HolderFile);
        return File.Exists(path) ? File.ReadAllText(path) : "unknown";
    }

    /// <summary>Gives the directory back. The file stays: removing it would let two processes lock two files of one name.</summary>
    public void Dispose() => _file.Dispose();
}
