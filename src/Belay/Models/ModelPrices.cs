using System.Globalization;
using System.Text.RegularExpressions;
using Belay.Contracts.Sessions;
using Belay.Models.Scripted;

namespace Belay.Models;

/// <summary>What a million tokens of a model cost.</summary>
/// <param name="Input">Tokens read.</param>
/// <param name="Output">Tokens written.</param>
/// <param name="CacheRead">Tokens read from the provider's cache; like <paramref name="Input"/> when null.</param>
/// <param name="CacheWrite">Tokens written to the provider's cache; like <paramref name="Input"/> when null.</param>
public sealed record ModelPrice(decimal Input, decimal Output, decimal? CacheRead = null, decimal? CacheWrite = null)
{
    /// <summary>Far above any price, far below what a sum of them could not hold.</summary>
    private const decimal Most = 1_000_000_000m;

    /// <summary>What <see cref="TryParse"/> takes, for a person to read.</summary>
    public const string Form = "INPUT/OUTPUT, INPUT/OUTPUT/CACHE_READ or INPUT/OUTPUT/CACHE_READ/CACHE_WRITE for a million tokens, such as 3/15/0.30/3.75";

    /// <summary>Reads a price; null when the text is none.</summary>
    public static ModelPrice? TryParse(string text)
    {
        var parts = new List<decimal>();
        foreach (var part in text.Split('/'))
        {
            if (!decimal.TryParse(part, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) || number > Most)
            {
                return null;
            }

            parts.Add(number);
        }

        return parts switch
        {
            [var input, var output] => new(input, output),
            [var input, var output, var read] => new(input, output, read),
            [var input, var output, var read, var write] => new(input, output, read, write),
            _ => null,
        };
    }
}

/// <summary>Tokens of calls of one model, as a bill counts them.</summary>
/// <param name="Provider">Provider.</param>
/// <param name="ModelId">Model id.</param>
/// <param name="Fresh">Tokens read without the cache's help.</param>
/// <param name="Output">Tokens written.</param>
/// <param name="CacheRead">Tokens read from the provider's cache.</param>
/// <param name="CacheWrite">Tokens written to the provider's cache.</param>
public readonly record struct BilledTokens(string Provider, string ModelId, long Fresh, long Output, long CacheRead, long CacheWrite)
{
    /// <summary>The model with its provider, as prices are set for it.</summary>
    public string Model => ModelId == ScriptedModel.Id ? ModelId : $"{Provider}/{ModelId}";

    internal bool Any => (Fresh | Output | CacheRead | CacheWrite) != 0;
}

/// <summary>
/// What models cost: the prices that the operator set, then those that come with the program. Pure; decimal throughout; where a price is missing
/// there is no amount.
/// </summary>
public sealed partial record ModelPrices
{
    /// <summary>Models without a price that are named at most.</summary>
    public const int MostUnpriced = 10;

    private const decimal Million = 1_000_000m;

    // Dividing by it drops the zeros at the end of an amount, so that equal amounts look equal.
    private const decimal One = 1.0000000000000000000000000000m;

    private static readonly ModelPrice Free = new(0, 0);

    /// <summary>Prices by model id, by provider and model id with a slash between them, or by the beginning of either with a star at its end.</summary>
    public IReadOnlyDictionary<string, ModelPrice> ByModel { get; init; } = new Dictionary<string, ModelPrice>();

    /// <summary>Whether the list prices that come with the program count where the operator set none. They are in US dollars, and count in no other currency.</summary>
    public bool Shipped { get; init; } = true;

    /// <summary>ISO 4217 code of the currency of all of them.</summary>
    public string Currency { get; init; } = PriceTable.Currency;

    /// <summary>Whether a text has the form of a currency code.</summary>
    public static bool IsCurrency(string text) => CurrencyCode().IsMatch(text);

    /// <summary>Price of a model: its own, else that of the longest beginning, else the shipped one; the scripted model is free; null when there is none.</summary>
    public ModelPrice? Find(string provider, string modelId)
    {
        if (modelId == ScriptedModel.Id)
        {
            return Free;
        }

        string[] names = [modelId, $"{provider}/{modelId}"];
        foreach (var name in names)
        {
            if (ByModel.TryGetValue(name, out var own))
            {
                return own;
            }
        }

        return ByModel
            .Where(price => price.Key.EndsWith('*') && names.Any(name => name.StartsWith(price.Key[..^1], StringComparison.Ordinal)))
            .OrderByDescending(price => price.Key.Length)
            .FirstOrDefault().Value
            ?? (Shipped && Currency == PriceTable.Currency ? PriceTable.Find(provider, modelId) : null);
    }

    /// <summary>What tokens of several models cost together; null when none was called, and when any that used tokens has no price.</summary>
    public Cost? Of(IEnumerable<BilledTokens> models)
    {
        decimal? sum = null;
        foreach (var model in models)
        {
            if (Amount(model) is not { } amount)
            {
                return null;
            }

            sum = (sum ?? 0) + amount;
        }

        return sum is { } total ? new() { Amount = total / One, Currency = Currency } : null;
    }

    /// <summary>Models that used tokens and have no price, by name; null when each has one.</summary>
    public IReadOnlyList<string>? Unpriced(IEnumerable<BilledTokens> models) =>
        models.Where(model => Amount(model) is null).Select(model => model.Model).Distinct().Order(StringComparer.Ordinal).Take(MostUnpriced).ToList() is { Count: > 0 } names
            ? names
            : null;

    private decimal? Amount(BilledTokens tokens)
    {
        // A call that failed before it used any cost nothing, whatever its model.
        if (!tokens.Any)
        {
            return 0;
        }

        return Find(tokens.Provider, tokens.ModelId) is { } price
            ? ((tokens.Fresh * price.Input) + (tokens.Output * price.Output)
                + (tokens.CacheRead * (price.CacheRead ?? price.Input)) + (tokens.CacheWrite * (price.CacheWrite ?? price.Input))) / Million
            : null;
    }

    [GeneratedRegex("^[A-Z]{3}\\z")]
    private static partial Regex CurrencyCode();
}
