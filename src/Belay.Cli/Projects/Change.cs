using System.Text.Json.Nodes;
using Belay.Contracts;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Validation;

namespace Belay.Cli.Projects;

/// <summary>One member that a deployment changes.</summary>
/// <param name="Path">Dotted path of the member.</param>
/// <param name="Old">Its deployed value; null when it has none.</param>
/// <param name="New">Its value in the project; null when it has none.</param>
/// <param name="Sensitive">Whether its values may not be shown.</param>
internal sealed record Change(string Path, JsonNode? Old, JsonNode? New, bool Sensitive)
{
    private const string Hidden = "(sensitive)";

    private static readonly Shape Own = Shape.Of(BelayJson.Default.BelayModelParameters);

    /// <summary>The change for programs; a sensitive value is replaced by a word.</summary>
    public JsonObject Json => new() { ["path"] = Path, ["old"] = Shown(Old), ["new"] = Shown(New) };

    /// <summary>What happens to the member.</summary>
    public string Verb => (Old, New) switch { (null, _) => "added", (_, null) => "removed", _ => "changed" };

    /// <summary>Every difference between two values of a shape, member by member, in the order of the shape.</summary>
    public static IEnumerable<Change> Between(Shape shape, string path, bool sensitive, JsonNode? old, JsonNode? changed)
    {
        if (JsonNode.DeepEquals(old, changed))
        {
            return [];
        }

        // Instructions are marked sensitive because they do not belong into logs. Who deploys them wrote them and wants to see them.
        sensitive = sensitive && shape.Type.Type != typeof(HarnessSystemContentBlock);
        var (left, right) = (old as JsonObject, changed as JsonObject);
        var parts = shape.Kind switch
        {
            ShapeKind.Structure => shape.Members.SelectMany(member => Between(
                member.Shape,
                Join(path, member.Name),
                sensitive || (member.Sensitive && shape.Type.Type != typeof(HarnessSystemContentBlock)),
                left?[member.Name],
                right?[member.Name])),
            ShapeKind.Map => Keys(left, right).SelectMany(key => Between(shape.Item!, Join(path, key), sensitive, left?[key], right?[key])),
            ShapeKind.Document when path.EndsWith($".{BelayModelParameters.Carrier}", StringComparison.Ordinal) =>
                Keys(left, right).SelectMany(key => Between(key == BelayModelParameters.Member ? Own : shape, Join(path, key), sensitive, left?[key], right?[key])),
            ShapeKind.List when shape.Item!.Kind is ShapeKind.Structure =>
                Enumerable.Range(0, Math.Max(Count(old), Count(changed))).SelectMany(index => Between(shape.Item, $"{path}[{index}]", sensitive, Item(old, index), Item(changed, index))),
            _ => [],
        };

        // A leaf, or an object whose presence is all that it says.
        var found = parts.ToList();
        return found.Count > 0 ? found : [new(path, old, changed, sensitive)];
    }

    /// <summary>Differences between two free-form objects, key by key.</summary>
    public static IEnumerable<Change> BetweenKeys(string path, JsonObject old, JsonObject changed) =>
        Keys(old, changed).Where(key => !JsonNode.DeepEquals(old[key], changed[key])).Select(key => new Change($"{path}.{key}", old[key], changed[key], false));

    private JsonNode? Shown(JsonNode? value) => value is not null && Sensitive ? Hidden : value?.DeepClone();

    private static IEnumerable<string> Keys(JsonObject? one, JsonObject? other) =>
        (one ?? []).Select(entry => entry.Key).Union((other ?? []).Select(entry => entry.Key)).Order(StringComparer.Ordinal);

    private static int Count(JsonNode? list) => (list as JsonArray)?.Count ?? 0;

    private static JsonNode? Item(JsonNode? list, int index) => index < Count(list) ? list![index] : null;

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}
