using System.Globalization;
using System.Text.Json;

namespace Belay.Models;

/// <summary>What Google's services tell beside an error's message.</summary>
/// <param name="RetryDelay">How long they ask us to wait.</param>
/// <param name="DayIsUsedUp">Whether it is a day's quota that is used up, which no wait within an invocation brings back.</param>
internal readonly record struct GoogleErrorDetails(TimeSpan? RetryDelay, bool DayIsUsedUp)
{
    private const double MaxSeconds = 1e6;

    /// <summary>Reads an error's body, which is an object or an array that holds one; empty for the bodies of other services.</summary>
    public static GoogleErrorDetails Read(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = Contracts.BelayJson.MaxDepth });
            using var document = JsonDocument.ParseValue(ref reader);
            var json = document.RootElement;
            return Read(json.ValueKind is JsonValueKind.Array && json.GetArrayLength() > 0 ? json[0] : json);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return default;
        }
    }

    private static GoogleErrorDetails Read(JsonElement json)
    {
        var read = default(GoogleErrorDetails);
        if (Member(json, "error", JsonValueKind.Object) is not { } error || Member(error, "details", JsonValueKind.Array) is not { } details)
        {
            return read;
        }

        foreach (var detail in details.EnumerateArray())
        {
            if (Member(detail, "retryDelay", JsonValueKind.String) is { } delay)
            {
                read = read with { RetryDelay = Seconds(delay.GetString()!) };
            }

            if (Member(detail, "violations", JsonValueKind.Array) is { } violations)
            {
                read = read with { DayIsUsedUp = read.DayIsUsedUp || violations.EnumerateArray().Any(IsOfTheDay) };
            }
        }

        return read;
    }

    private static bool IsOfTheDay(JsonElement violation) =>
        Member(violation, "quotaId", JsonValueKind.String) is { } id && id.GetString()!.Contains("PerDay", StringComparison.OrdinalIgnoreCase);

    // A duration as protocol buffers write it in JSON, such as 34.07s.
    private static TimeSpan? Seconds(string text) =>
        text.EndsWith('s')
        && double.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
        && seconds is > 0 and < MaxSeconds
            ? TimeSpan.FromSeconds(seconds)
            : null;

    private static JsonElement? Member(JsonElement json, string name, JsonValueKind kind) =>
        json.ValueKind is JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == kind ? value : null;
}
