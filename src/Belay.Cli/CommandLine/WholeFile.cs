namespace Belay.Cli.CommandLine;

/// <summary>A file that a verb makes: there whole and read back, or not at all.</summary>
internal static class WholeFile
{
    /// <summary>Writes it under another name, syncs it, reads it back, and only then gives it its name. Only the owner may read it.</summary>
    /// <param name="path">Where to; nothing may be there.</param>
    /// <param name="doing">What the verb does, for errors: "back up".</param>
    /// <param name="elsewhere">How to name another file.</param>
    /// <param name="fill">Writes the content.</param>
    /// <param name="check">Reads the content back from its beginning.</param>
    /// <param name="isRefusal">Whether an exception of these two is one to tell the user.</param>
    /// <exception cref="CliException">The file is there already, or could not be written or read back.</exception>
    public static async Task<T> WriteAsync<T>(
        string path, string doing, string elsewhere, Func<Stream, Task> fill, Func<Stream, Task<T>> check, Func<Exception, bool> isRefusal)
    {
        if (Path.Exists(path))
        {
            throw new CliException(ExitCode.Failed, $"Could not {doing}: {path} exists.", elsewhere);
        }

        var part = path + ".part";
        try
        {
            T content;
            var options = new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.ReadWrite,
                Options = FileOptions.Asynchronous,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            };
            await using (var output = new FileStream(part, options))
            {
                await fill(output);
                output.Flush(flushToDisk: true);
                output.Position = 0;
                content = await check(output);
            }

            File.Move(part, path, overwrite: false);
            return content;
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException || isRefusal(cause))
        {
            throw new CliException(ExitCode.Failed, $"Could not {doing}: {cause.Message}", cause: cause);
        }
        finally
        {
            File.Delete(part);
        }
    }
}
