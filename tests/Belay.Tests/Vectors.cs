using System.Text.Json;

namespace Belay.Tests;

/// <summary>
/// Test data that others wrote: vectors and the published service models. They lie in the folders that <c>BELAY_VECTORS</c> and
/// <c>BELAY_MODELS</c> name, else in a folder <c>shared</c> beside the repository; tests that need them are skipped, with what is
/// missing and how much is not run, where there are none.
/// </summary>
internal static class Vectors
{
    /// <summary>A file or folder of the vectors.</summary>
    public static string Require(string name, int cases)
    {
        var path = Find("BELAY_VECTORS", "vectors") is { } root ? Path.Combine(root, name) : null;
        Assert.SkipWhen(path is null || !Path.Exists(path), $"{cases} cases of {name} are not run: it is not there (BELAY_VECTORS names its folder).");
        return path!;
    }

    /// <summary>The folder of the published service models; null when there is none.</summary>
    public static string? FindModels() => Find("BELAY_MODELS", "spec/aws/models");

    /// <summary>One vector file as JSON.</summary>
    public static JsonElement Read(string name, int cases)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Require(name, cases)));
        return document.RootElement.Clone();
    }

    /// <summary>Strings that break programs.</summary>
    public static IEnumerable<string> NaughtyStrings() =>
        Read("naughty-strings.json", 515).EnumerateArray().Select(item => item.GetString()!); // The file holds strings only.

    private static string? Find(string variable, string sibling)
    {
#pragma warning disable RS0030 // Test data is found through the environment; nothing of the product is.
        var root = Environment.GetEnvironmentVariable(variable);
#pragma warning restore RS0030
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); string.IsNullOrEmpty(root) && folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine(folder.FullName, "shared", sibling);
            root = Directory.Exists(candidate) ? candidate : null;
        }

        return Directory.Exists(root) ? root : null;
    }
}
