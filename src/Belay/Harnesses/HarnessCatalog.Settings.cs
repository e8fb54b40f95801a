using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Storage;

namespace Belay.Harnesses;

/// <content>The document of our own settings.</content>
public sealed partial class HarnessCatalog
{
    /// <summary>Everything wrong with a settings document; nothing when there is none.</summary>
    /// <param name="document">The document.</param>
    /// <param name="member">What the caller calls it.</param>
    public static IEnumerable<FieldProblem> SettingsProblems(IReadOnlyDictionary<string, JsonElement>? document, string member)
    {
        var settings = new BelaySettings { Document = document ?? new Dictionary<string, JsonElement>() };
        return settings.Problems(Path).Concat(settings.UnknownNames(Path));

        string Path(string name) => $"{member}.{name}";
    }

    /// <summary>
    /// Replaces the document of a harness. One that says something else makes the next version, exactly as an update does; an equal one makes
    /// none. Tags that changed meanwhile count from the next version on, whoever makes it.
    /// </summary>
    public async Task<(Harness Harness, BelaySettings Settings)> PutSettingsAsync(
        Scope scope, string harnessId, IReadOnlyDictionary<string, JsonElement> document, CancellationToken cancellationToken)
    {
        Refuse(SettingsProblems(document, "document"));
        var version = await ChangeAsync(scope, harnessId, "harness", async () =>
        {
            var head = await RequireHeadAsync(scope, harnessId, cancellationToken);
            RequireStatus(head.Value, "updated", HarnessStatus.Ready, HarnessStatus.CreateFailed, HarnessStatus.UpdateFailed);
            var newest = await RequireSnapshotAsync(scope, harnessId, head.Value.LatestVersion, cancellationToken);
            return AreEqual(newest.Settings.Document, document)
                ? newest with { Harness = WithState(newest.Harness, head.Value) }
                : await NextVersionAsync(scope, head, new() { HarnessId = harnessId }, document, ClientToken.None, cancellationToken);
        }, cancellationToken);
        return (version.Harness, version.Settings);
    }

    private static bool AreEqual(IReadOnlyDictionary<string, JsonElement> one, IReadOnlyDictionary<string, JsonElement> other) =>
        one.Count == other.Count && one.All(setting => other.TryGetValue(setting.Key, out var value) && JsonElement.DeepEquals(setting.Value, value));
}
