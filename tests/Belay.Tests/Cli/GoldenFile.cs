using System.Runtime.CompilerServices;

namespace Belay.Tests.Cli;

/// <summary>Output that is kept as text beside the tests, so that a change of it is a diff that someone reads.</summary>
internal static class GoldenFile
{
    /// <summary>Compares with <c>Golden/NAME.txt</c>, or another extension. What does not match is written to <c>artifacts/golden</c>, to be looked at and copied.</summary>
    public static void Matches(string name, string actual, string extension = ".txt", [CallerFilePath] string caller = "")
    {
        var folder = Path.GetDirectoryName(caller)!;
        var path = Path.Combine(folder, "Golden", name + extension);
        var expected = File.Exists(path) ? File.ReadAllText(path) : "";
        if (expected == actual)
        {
            return;
        }

        var received = Path.GetFullPath(Path.Combine(folder, "..", "..", "..", "artifacts", "golden", name + extension));
        Directory.CreateDirectory(Path.GetDirectoryName(received)!);
        File.WriteAllText(received, actual);
        Assert.Fail($"The output is not what {path} says. When it is meant to be: cp {received} {path}\n\n{actual}");
    }
}
