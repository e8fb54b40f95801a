using System.Globalization;

namespace Belay.Server;

/// <summary>The right to serve a data directory: one server at a time. The system gives it back when the process ends, however it ends.</summary>
public sealed class DataDirectoryLock : IDisposable
{
    /// <summary>Name of the file in the data directory.</summary>
    public const string FileName = "lock";

    // In a file of its own: a locked file cannot be opened even for reading.
    private const string HolderSuffix = ".pid";

    private readonly FileStream _file;

    private DataDirectoryLock(FileStream file) => _file = file;

    /// <summary>Takes the lock; the directory is made when it does not exist.</summary>
    /// <exception cref="InvalidOperationException">Another server holds it; the message names its process.</exception>
    public static DataDirectoryLock Take(string dataDirectory)
    {
        Directory.CreateDirectory(dataDirectory);
        var path = Path.Combine(dataDirectory, FileName);
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException problem) when (File.Exists(path))
        {
            throw new InvalidOperationException($"The data directory {dataDirectory} is in use by the server with process id {Holder(path)}.", problem);
        }

        File.WriteAllText(path + HolderSuffix, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        return new DataDirectoryLock(file);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static string Holder(string path) => File.Exists(path + HolderSuffix) ? File.ReadAllText(path + HolderSuffix) : "unknown";
}
