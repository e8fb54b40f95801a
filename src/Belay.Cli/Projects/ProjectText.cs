using System.Text;

namespace Belay.Cli.Projects;

/// <summary>Reads the text of a project's files: UTF-8, bounded.</summary>
internal static class ProjectText
{
    /// <summary>Largest file.</summary>
    public const int MaxBytes = 1024 * 1024;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The text; null when there is none to read, which is added to the problems.</summary>
    public static string? Read(string path, string shown, ICollection<FileProblem> problems)
    {
        byte[] bytes;
        try
        {
            using var stream = File.OpenRead(path);
            bytes = new byte[MaxBytes + 1];
            bytes = bytes[..stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            problems.Add(new(shown, Position.Start, "", "cannot be read: " + (cause is UnauthorizedAccessException ? "no permission" : "the file system reports an error")));
            return null;
        }

        if (bytes.Length > MaxBytes)
        {
            problems.Add(new(shown, Position.Start, "", $"is too large: a file of a project has at most {MaxBytes} bytes"));
            return null;
        }

        try
        {
            return Strict.GetString(bytes).TrimStart('\ufeff');
        }
        catch (DecoderFallbackException cause)
        {
            var before = bytes.AsSpan(0, Math.Clamp(cause.Index, 0, bytes.Length));
            problems.Add(new(shown, new(before.Count((byte)'\n') + 1, before.Length - before.LastIndexOf((byte)'\n')), "", "is not UTF-8 text"));
            return null;
        }
    }
}
