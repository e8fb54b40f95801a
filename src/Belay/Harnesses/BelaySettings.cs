using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Validation;
using Belay.Tools;

namespace Belay.Harnesses;

/// <summary>
/// Settings of ours that belong to a harness and that no AWS shape can carry: one document, part of each immutable version.
/// What the document says wins over the tags that were on the harness when the version was made.
/// </summary>
public sealed record BelaySettings
{
    /// <summary>Prefix of the tags that count.</summary>
    public const string TagPrefix = "belay:";

    /// <summary>Every setting that this server knows.</summary>
    public static readonly IReadOnlyList<string> Names =
        [.. Shape.Of(BelayJson.Default.KnownSettings).Members.Select(member => member.Name).Order(StringComparer.Ordinal)];

    /// <summary>The document, as the native API or the command line set it.</summary>
    public IReadOnlyDictionary<string, JsonElement> Document { get; init; } = new Dictionary<string, JsonElement>();

    /// <summary>The tags with our prefix, without it, as they were when the version was made.</summary>
    public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether an invocation goes on when its client leaves.</summary>
    [JsonIgnore]
    public bool Detach => Flag("detach") ?? false;

    /// <summary>How many tools of one message run side by side; the server's default when null.</summary>
    [JsonIgnore]
    public int? ToolConcurrency => Number("toolConcurrency");

    /// <summary>Estimated tokens above which a tool's result is stored as a file and shown in part; null for never.</summary>
    [JsonIgnore]
    public int? OffloadToolResultsAbove => Number("offloadToolResultsAbove");

    /// <summary>What may be done about a call whose end a crash took, by tool name, where it is not what the tool says itself. A tag's text has
    /// words such as <c>shell=idempotent</c>, separated by spaces.</summary>
    [JsonIgnore]
    public IReadOnlyDictionary<string, ToolRecovery> Recovery => Classes() ?? [];

    /// <summary>Members of an invocation that may override the harness; all when null.</summary>
    [JsonIgnore]
    public IReadOnlyList<string>? Overridable => Words("overridable");

    /// <summary>The value of any other setting: from the document, else the tag's text, else null.</summary>
    public JsonElement? Find(string name) =>
        Document.TryGetValue(name, out var value) ? value
        : Tags.TryGetValue(name, out var text) ? JsonSerializer.SerializeToElement(text, CatalogJson.Default.String)
        : null;

    /// <summary>The tags of a resource that become settings.</summary>
    public static IReadOnlyDictionary<string, string> FromTags(IReadOnlyDictionary<string, string>? tags) =>
        (tags ?? new Dictionary<string, string>())
            .Where(tag => tag.Key.StartsWith(TagPrefix, StringComparison.Ordinal))
            .ToDictionary(tag => tag.Key[TagPrefix.Length..], tag => tag.Value);

    /// <summary>Everything wrong with the settings that this server knows, where <paramref name="path"/> names a setting's field.</summary>
    public IEnumerable<FieldProblem> Problems(Func<string, string> path)
    {
        if (Find("detach") is not null && Flag("detach") is null)
        {
            yield return new(path("detach"), "must be true or false");
        }

        if (Find("toolConcurrency") is not null && Number("toolConcurrency") is not (>= 1 and <= KnownSettings.MaxToolConcurrency))
        {
            yield return new(path("toolConcurrency"), $"must be a whole number from 1 to {KnownSettings.MaxToolConcurrency}");
        }

        if (Find("offloadToolResultsAbove") is not null && Number("offloadToolResultsAbove") is not (>= KnownSettings.MinOffloadTokens and <= KnownSettings.MaxOffloadTokens))
        {
            yield return new(path("offloadToolResultsAbove"), $"must be a whole number from {KnownSettings.MinOffloadTokens} to {KnownSettings.MaxOffloadTokens}");
        }

        if (Find("overridable") is not null && Words("overridable") is null)
        {
            yield return new(path("overridable"), "must be a list of member names");
        }

        if (Find("recovery") is not null && Classes() is null)
        {
            yield return new(path("recovery"), $"must give each tool name one of {string.Join(", ", ToolRecoveries.Words)}");
        }
    }

    /// <summary>The names in the document that are no settings of this server, as problems. A tag may say what it likes: others use tags, too.</summary>
    public IEnumerable<FieldProblem> UnknownNames(Func<string, string> path) => Document.Keys
        .Where(name => !Names.Contains(name))
        .Select(name => new FieldProblem(path(name), $"is no setting; there are: {string.Join(", ", Names)}"));

    private bool? Flag(string name) => Find(name) switch
    {
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { ValueKind: JsonValueKind.String } text when bool.TryParse(text.GetString(), out var flag) => flag,
        _ => null,
    };

    private int? Number(string name) => Find(name) switch
    {
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out var number) => number,
        { ValueKind: JsonValueKind.String } text
            when int.TryParse(text.GetString(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) => number,
        _ => null,
    };

    private Dictionary<string, ToolRecovery>? Classes()
    {
        IEnumerable<(string Name, string? Word)> pairs = Find("recovery") switch
        {
            null => [],
            { ValueKind: JsonValueKind.Object } document => document.EnumerateObject()
                .Select(member => (member.Name, member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString() : null)),
            { ValueKind: JsonValueKind.String } text => text.GetString()!.Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(word => word.Split('=', 2) is [var name, var value] ? (name, value) : (word, (string?)null)),
            _ => [(string.Empty, null)],
        };
        var classes = new Dictionary<string, ToolRecovery>(StringComparer.Ordinal);
        foreach (var (name, word) in pairs)
        {
            if (ToolRecoveries.Parse(word) is not { } recovery)
            {
                return null;
            }

            classes[name] = recovery;
        }

        return classes;
    }

    private string[]? Words(string name) => Find(name) switch
    {
        { ValueKind: JsonValueKind.Array } list when list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String) =>
            [.. list.EnumerateArray().Select(item => item.GetString()!)],
        // A tag cannot hold a comma, so a tag's list is separated by spaces.
        { ValueKind: JsonValueKind.String } text => text.GetString()!.Split(' ', StringSplitOptions.RemoveEmptyEntries),
        _ => null,
    };
}
