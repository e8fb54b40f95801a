using System.Text.Json;
using System.Text.Json.Serialization;

namespace Belay.Contracts;

/// <summary>Times whose shape names no format: seconds since 1970 as a number, with up to three fractional digits.</summary>
public sealed class EpochTimeConverter : JsonConverter<DateTimeOffset>
{
    private const decimal MillisecondsPerSecond = 1000;

    /// <inheritdoc/>
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TryGetDecimal(out var seconds) && seconds is >= -62_135_596_800 and < 253_402_300_800
            ? DateTimeOffset.FromUnixTimeMilliseconds((long)(seconds * MillisecondsPerSecond))
            : throw new JsonException("The number is no time in seconds since 1970.");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteNumberValue(value.ToUnixTimeMilliseconds() / MillisecondsPerSecond);
}
