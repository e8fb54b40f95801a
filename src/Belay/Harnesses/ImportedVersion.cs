using System.Text.RegularExpressions;

namespace Belay.Harnesses;

/// <summary>
/// How an imported session names a version of the harness that it ran on elsewhere: that harness's id, a slash, and the version. So it is never taken
/// for a version of the harness that it belongs to now.
/// </summary>
public static partial class ImportedVersion
{
    /// <summary>Whether a version is named so.</summary>
    public static bool IsOne(string version) => version.Contains('/', StringComparison.Ordinal);

    /// <summary>The name of a version; one that was imported before keeps its name. Null when it is no version.</summary>
    /// <param name="harnessId">Harness that the session ran on.</param>
    /// <param name="version">The version, as the session named it there.</param>
    public static string? Of(string harnessId, string version) =>
        Name().IsMatch(version) ? version : Name().IsMatch($"{harnessId}/{version}") ? $"{harnessId}/{version}" : null;

    [GeneratedRegex(@"\A[a-zA-Z][a-zA-Z0-9_]{0,39}-[a-zA-Z0-9]{10}/[0-9]{1,5}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
