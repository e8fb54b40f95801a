using System.Text;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.Storage;

/// <summary>Searches what a server leaves behind for what must not be readable there.</summary>
internal static class Canaries
{
    /// <summary>Asserts that none is in the log or in a file of the data directory, in any form that a search finds.</summary>
    public static void AssertUnreadable(BelayProcess server, IReadOnlyCollection<string> canaries)
    {
        var log = server.ReadLog();
        Assert.All(canaries, canary => Assert.False(log.Contains(canary, StringComparison.Ordinal), $"{canary} is in the log"));
        AssertUnreadable(server.DataDirectory, canaries);
    }

    /// <summary>Asserts that none is in a file of a directory.</summary>
    public static void AssertUnreadable(string directory, IReadOnlyCollection<string> canaries)
    {
        var files = Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).ToList();
        Assert.NotEmpty(files);
        foreach (var file in files)
        {
            var bytes = ReadShared(file);
            foreach (var canary in canaries)
            {
                foreach (var form in FormsOf(canary))
                {
                    Assert.False(bytes.AsSpan().IndexOf(form) >= 0, $"{canary} is readable in {Path.GetRelativePath(directory, file)}");
                }
            }
        }
    }

    private static byte[] ReadShared(string file)
    {
        try
        {
            // The server has its database open.
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var bytes = new MemoryStream();
            stream.CopyTo(bytes);
            return bytes.ToArray();
        }
        catch (IOException) when (new FileInfo(file) is not { Exists: true, Length: > 0 })
        {
            // A socket, or a file that was removed meanwhile: nothing at rest.
            return [];
        }
    }

    // As text, as UTF-16, and as base64 at each of the three alignments, without the characters that depend on the neighbours.
    private static IEnumerable<byte[]> FormsOf(string canary)
    {
        yield return Encoding.UTF8.GetBytes(canary);
        yield return Encoding.Unicode.GetBytes(canary);
        for (var shift = 0; shift < 3; shift++)
        {
            var base64 = Convert.ToBase64String(Encoding.UTF8.GetBytes(new string('x', shift) + canary));
            yield return Encoding.ASCII.GetBytes(base64[4..^4]);
        }
    }
}
