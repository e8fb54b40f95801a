using System.Text.RegularExpressions;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.Scenarios;

/// <summary>The names in <c>scenarios.txt</c>, which the lists of all clients share.</summary>
public static partial class ScenarioList
{
    public static string Folder { get; } = Path.Combine(RepositoryPaths.Root, "tests", "Belay.EndToEnd");

    /// <summary>Names that a client checks, in order.</summary>
    public static IReadOnlyList<string> For(string client) =>
    [
        .. File.ReadLines(Path.Combine(Folder, "scenarios.txt"))
            .Where(line => line.Length > 0 && !line.StartsWith('#'))
            .Select(line => line.Split(" (", 2))
            .Where(parts => parts.Length == 1 || parts[1].TrimEnd(')').Split(", ").Contains(client))
            .Select(parts => parts[0]),
    ];

    /// <summary>Names of those whose model says something: in each the scripted model is given a script.</summary>
    public static IReadOnlyList<string> WithModel { get; } =
    [
        .. Scenario().Split(File.ReadAllText(Path.Combine(Folder, "python", "scenarios.py")))[1..].Chunk(2)
            .Where(part => part[1].Contains("script(", StringComparison.Ordinal))
            .Select(part => part[0].Replace('_', '-')),
    ];

    [GeneratedRegex(@"^@scenario\ndef (\w+)", RegexOptions.Multiline)]
    private static partial Regex Scenario();
}
