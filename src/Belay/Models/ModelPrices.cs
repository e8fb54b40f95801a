using System.Globalization;
using System.Text.RegularExpressions;
using Belay.Contracts.Sessions;
using Belay.Models.Gemini;
using Belay.Models.OpenAi;
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

/// <summary>The prices that the operator set. Pure; decimal throughout; where a price is missing there is no amount.</summary>
public sealed partial record ModelPrices
{
    private const decimal Million = 1_000_000m;

    // Dividing by it drops the zeros at the end of an amount, so that equal amounts look equal.
    private const decimal One = 1.0000000000000000000000000000m;

    private static readonly ModelPrice Free = new(0, 0);

    /// <summary>Prices by model id, by provider and model id with a slash between them, or by the beginning of either with a star at its end.</summary>
    public IReadOnlyDictionary<string, ModelPrice> ByModel { get; init; } = new Dictionary<string, ModelPrice>();

    /// <summary>ISO 4217 code of the currency of all of them.</summary>
    public string Currency { get; init; } = "USD";

    /// <summary>Whether a text has the form of a currency code.</summary>
    public static bool IsCurrency(string text) => CurrencyCode().IsMatch(text);

    /// <summary>Price of a model: its own, else that of the longest beginning; the scripted model is free; null when there is none.</summary>
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
            .FirstOrDefault().Value;
    }

    /// <summary>What tokens of a model cost; null without a price.</summary>
    public Cost? Of(string provider, string modelId, TokenCounts tokens) => Amount(provider, modelId, tokens) is { } amount ? Make(amount) : null;

    /// <summary>What tokens of several models cost together; null when none was called, and when any of them has no price.</summary>
    public Cost? Of(IEnumerable<(string Provider, string ModelId, TokenCounts Tokens)> models)
    {
        decimal? sum = null;
        foreach (var (provider, modelId, tokens) in models)
        {
            if (Amount(provider, modelId, tokens) is not { } amount)
            {
                return null;
            }

            sum = (sum ?? 0) + amount;
        }

        return sum is { } total ? Make(total) : null;
    }

    private decimal? Amount(string provider, string modelId, TokenCounts tokens)
    {
        if (Find(provider, modelId) is not { } price)
        {
            return null;
        }

        // OpenAI and Gemini count cached tokens among the input, Bedrock and Anthropic beside it.
        var fresh = provider is OpenAiModel.ProviderName or GeminiModel.ProviderName ? Math.Max(0, tokens.Input - tokens.CacheRead - tokens.CacheWrite) : tokens.Input;
        return ((fresh * price.Input) + (tokens.Output * price.Output)
            + (tokens.CacheRead * (price.CacheRead ?? price.Input)) + (tokens.CacheWrite * (price.CacheWrite ?? price.Input))) / Million;
    }

    private Cost Make(decimal amount) => new() { Amount = amount / One, Currency = Currency };

    [GeneratedRegex("^[A-Z]{3}\\z")]
    private static partial Regex CurrencyCode();
}
