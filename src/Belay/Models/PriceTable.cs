using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace Belay.Models;

/// <summary>
/// The list prices that come with the program, <c>prices.json</c>: each with its source and date. A model that is not in it has no price; one that
/// resembles another costs something else.
/// </summary>
internal static partial class PriceTable
{
    /// <summary>The currency of all of them.</summary>
    public const string Currency = "USD";

    private static readonly Lazy<IReadOnlyDictionary<(string Provider, string Model), ModelPrice>> Prices = new(static () =>
        Read().SelectMany(list => list.Models.Select(entry => (Key: (list.Provider, entry.Model), entry.Price)))
            .ToDictionary(entry => entry.Key, entry => entry.Price));

    /// <summary>Price of a model by its name, or by the name of which its id is a dated snapshot; null when there is none.</summary>
    public static ModelPrice? Find(string provider, string modelId) =>
        Prices.Value.GetValueOrDefault((provider, modelId))
        ?? (Snapshot().Match(modelId) is { Success: true } date ? Prices.Value.GetValueOrDefault((provider, modelId[..date.Index])) : null);

    /// <summary>The lists as they are shipped.</summary>
    public static IReadOnlyList<PriceList> Read()
    {
        using var stream = typeof(PriceTable).Assembly.GetManifestResourceStream("prices.json")!; // The project embeds it.
        return JsonSerializer.Deserialize(stream, PriceTableJson.Default.PriceFile)!.Lists;
    }

    // As providers write them: -20251001, -2025-10-01, -latest.
    [GeneratedRegex("-([0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}|latest)\\z")]
    private static partial Regex Snapshot();
}

/// <summary>The file.</summary>
/// <param name="Unit">What the numbers mean, for its reader.</param>
/// <param name="Note">What holds for all of them, for its reader.</param>
/// <param name="Lists">The lists.</param>
internal sealed record PriceFile(string Unit, string Note, IReadOnlyList<PriceList> Lists);

/// <summary>Prices from one source.</summary>
/// <param name="Provider">The provider as usage names it.</param>
/// <param name="Source">Address of the source.</param>
/// <param name="Date">When the source said so.</param>
/// <param name="Models">Its models.</param>
/// <param name="Note">Which tier they are of.</param>
internal sealed record PriceList(string Provider, Uri Source, DateOnly Date, IReadOnlyList<PriceEntry> Models, string? Note = null);

/// <summary>Price of one model.</summary>
internal sealed record PriceEntry(string Model, decimal Input, decimal Output, decimal? CacheRead = null, decimal? CacheWrite = null)
{
    /// <summary>The price.</summary>
    [JsonIgnore]
    public ModelPrice Price => new(Input, Output, CacheRead, CacheWrite);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(PriceFile))]
internal sealed partial class PriceTableJson : JsonSerializerContext;
