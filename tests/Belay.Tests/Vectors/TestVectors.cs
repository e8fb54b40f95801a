namespace Belay.Tests.Vectors;

/// <summary>
/// Where other people's test data lies: the folder named by an environment variable, else a sibling folder <c>shared</c> of a
/// folder above the test program. Tests that need it skip with the reason when it is absent.
/// </summary>
public static class TestVectors
{
    /// <summary>A file or folder of the vectors; skips the test when there is none.</summary>
    public static string Require(string relative) => Require("BELAY_VECTORS", "vectors", relative);

    /// <summary>A file or folder of the published service models; skips the test when there is none.</summary>
    public static string RequireModels(string relative) => Require("BELAY_MODELS", "spec/aws/models", relative);

    private static string Require(string variable, string sibling, string relative)
    {
#pragma warning disable RS0030 // Test data is found through the environment; nothing of the product is.
        var root = Environment.GetEnvironmentVariable(variable);
#pragma warning restore RS0030
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); string.IsNullOrEmpty(root) && folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine(folder.FullName, "shared", sibling);
            root = Directory.Exists(candidate) ? candidate : null;
        }

        var path = root is null ? null : Path.Combine(root, relative);
        Assert.SkipWhen(path is null || !Path.Exists(path), $"0 cases run: {relative} is absent; set {variable} to the folder that has it.");
        return path!;
    }
}
