namespace Belay.Storage;

/// <summary>
/// The right of one process to a data directory, held as a lock on <c>belay.lock</c>. The operating system takes it back when the
/// process ends, however it ends. Not to be relied on over network file systems.
/// </summary>
public sealed class DataDirectoryLock : IDisposable
{
    /// <summary>Name of the file in the data directory.</summary>
    public const string FileName = "belay.lock";

    /// <summary>EWOULDBLOCK: another open file holds the lock.</summary>
    private const int WouldBlock = 11;

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
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        try
        {
            return new DataDirectoryLock(new FileStream(Path.Combine(dataDirectory, FileName), options));
        }
        catch (IOException cause) when (cause.HResult == WouldBlock)
        {
            return null;
        }
    }

    /// <summary>Gives the directory back. The file stays: removing it would let two processes lock two files of one name.</summary>
    public void Dispose() => _file.Dispose();
}
