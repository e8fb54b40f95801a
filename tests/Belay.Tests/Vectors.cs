using System.Text.Json;

namespace Belay.Tests;

/// <summary>
/// Test vectors that others wrote. They lie in the folder that <c>BELAY_VECTORS</c> names, else in <c>shared/vectors</c> beside the
/// repository; tests that need them are skipped, with what is missing, where there are none.
/// </summary>
internal static class Vectors
{
    private static readonly Lazy<string?> Folder = new(Find);

    /// <summary>One vector file as JSON; skips the test where there is none.</summary>
    public static JsonElement Read(string name, int cases)
    {
        var path = Folder.Value is { } folder ? Path.Combine(folder, name) : null;
        Assert.SkipUnless(File.Exists(path), $"{cases} cases of {name} are not run: no test vectors (BELAY_VECTORS names their folder).");
        using var document = JsonDocument.Parse(File.ReadAllBytes(path!)); // SkipUnless has thrown when it is null.
        return document.RootElement.Clone();
    }

    /// <summary>Strings that break programs.</summary>
    public static IEnumerable<string> NaughtyStrings() =>
        Read("naughty-strings.json", 515).EnumerateArray().Select(item => item.GetString()!); // The file holds strings only.

    private static string? Find()
    {
#pragma warning disable RS0030 // The one place of the tests that reads the environment, which is how CI says where the vectors are.
        if (Environment.GetEnvironmentVariable("BELAY_VECTORS") is { Length: > 0 } named)
#pragma warning restore RS0030
        {
            return named;
        }

        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var beside = Path.Combine(at.FullName, "shared", "vectors");
            if (Directory.Exists(beside))
            {
                return beside;
            }
        }

        return null;
    }
}
