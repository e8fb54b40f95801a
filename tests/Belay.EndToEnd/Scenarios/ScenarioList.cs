using Belay.Testing.Processes;

namespace Belay.EndToEnd.Scenarios;

/// <summary>The names in <c>scenarios.txt</c>, which the lists of all clients share.</summary>
public static class ScenarioList
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
}
