using System.Globalization;
using System.Text.Json;
using Belay.Cli.Client;

namespace Belay.Cli.CommandLine;

/// <summary>Numbers as people read them, the same in every verb.</summary>
internal static class Amounts
{
    /// <summary>A count with separators; empty when there is none.</summary>
    public static string Count(long? count) => count?.ToString("N0", CultureInfo.InvariantCulture) ?? "";

    /// <summary>A count and its noun.</summary>
    public static string Count(long? count, string noun) => $"{Count(count ?? 0)} {noun}{(count == 1 ? "" : "s")}";

    /// <summary>A time span in the largest unit that fits.</summary>
    public static string Duration(long milliseconds) => milliseconds switch
    {
        < 1000 => Text($"{milliseconds} ms"),
        < 60_000 => Text($"{milliseconds / 1000m:0.00} s"),
        < 3_600_000 => Text($"{milliseconds / 60_000} m {milliseconds / 1000 % 60:00} s"),
        _ => Text($"{milliseconds / 3_600_000} h {milliseconds / 60_000 % 60:00} m"),
    };

    /// <summary>A size in the largest unit that fits.</summary>
    public static string Size(long bytes) => bytes switch
    {
        < 1000 => Text($"{bytes} B"),
        < 1_000_000 => Text($"{bytes / 1000m:0.0} kB"),
        _ => Text($"{bytes / 1_000_000m:0.0} MB"),
    };

    /// <summary>What something cost that models did: an amount, <c>unknown</c> where a price is missing, and empty where no model did anything.</summary>
    public static string Cost(JsonElement? used) =>
        used?.Member("cost") is { } known && known.Member("amount") is { ValueKind: JsonValueKind.Number } number && number.TryGetDecimal(out var amount)
            ? Text($"{amount:0.00####} {known.Text("currency")}")
            : used?.Items("unpriced").Any() == true ? "unknown" : "";

    /// <summary>The same for a place where there is room to say which prices are missing.</summary>
    public static string CostAndWhy(JsonElement? used) => Cost(used) is not "unknown" and var cost
        ? cost
        : $"unknown: no price for {string.Join(", ", used!.Value.Items("unpriced").Take(3).Select(model => Terminal.OneLine(model.ToString(), 100)))}";

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
