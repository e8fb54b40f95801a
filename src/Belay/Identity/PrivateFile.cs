namespace Belay.Identity;

/// <summary>Files that only the server's user may read.</summary>
internal static class PrivateFile
{
    /// <summary>Writes a file; it is on the disk when this returns.</summary>
    public static void Write(string path, FileMode mode, ReadOnlySpan<byte> content)
    {
        var options = new FileStreamOptions
        {
            Mode = mode,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using var file = new FileStream(path, options);
        file.Write(content);
        file.Flush(flushToDisk: true);
    }
}
