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

    private const string AddressFile = FileName + ".url";
    private const int MaxAddress = 300;

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
            File.Delete(Path.Combine(dataDirectory, AddressFile));
            Write(dataDirectory, HolderFile, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
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

    /// <summary>Tells where the server listens that holds a data directory, so that clients on its machine find it. Only the holder may.</summary>
    public static void TellAddress(string dataDirectory, string url) => Write(dataDirectory, AddressFile, url);

    /// <summary>Where the server listens that holds a data directory; null when none holds it, or none has told.</summary>
    public static string? AddressOf(string dataDirectory)
    {
        var file = new FileInfo(Path.Combine(dataDirectory, AddressFile));
        return file is { Exists: true, Length: > 0 and <= MaxAddress } && IsHeld(dataDirectory) ? File.ReadAllText(file.FullName) : null;
    }

    /// <summary>Gives the directory back. The file stays: removing it would let two processes lock two files of one name.</summary>
    public void Dispose() => _file.Dispose();

    private static void Write(string dataDirectory, string name, string text)
    {
        using var writer = new StreamWriter(Path.Combine(dataDirectory, name), OwnerOnly);
        writer.Write(text);
    }
}
