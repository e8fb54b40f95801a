using System.Text.Json;
using Belay.Sessions;

namespace Belay.Replays;

/// <summary>Where a replay first did something else than the recording.</summary>
/// <param name="Sequence">The recorded entry; the one after the last when nothing more was recorded.</param>
/// <param name="InvocationId">The invocation that was replayed.</param>
/// <param name="Path">First member that differs, such as <c>result.content[0].value</c>; empty for the whole entry.</param>
/// <param name="ExpectedKind">Kind of the recorded entry; null when nothing more was recorded.</param>
/// <param name="Expected">Its body as JSON; null as above.</param>
/// <param name="GotKind">Kind of the entry that the engine wrote; null when it ended instead.</param>
/// <param name="Got">Its body as JSON; null as above.</param>
public sealed record Divergence(long Sequence, string InvocationId, string Path, EntryKind? ExpectedKind, string? Expected, EntryKind? GotKind, string? Got)
{
    private const int MaxNearest = 4096;

    /// <summary>The recorded entry of the same kind that is most like what the engine wrote; null when there is none but the expected one.</summary>
    public RecordedEntry? Nearest { get; init; }

    /// <summary>Compares two entries that differ.</summary>
    internal static Divergence Of(string invocationId, long sequence, RecordedEntry? expected, EntryBody? got, byte[] gotJson, IEnumerable<RecordedEntry> recorded)
    {
        var kind = got is null ? (EntryKind?)null : JournalJson.KindOf(got);
        var expectedKind = expected is null ? (EntryKind?)null : JournalJson.KindOf(expected.Body);
        return new(
            sequence, invocationId, expected is not null && expectedKind == kind ? FirstDifference(expected.Json, gotJson) : "", expectedKind, expected is null ? null : Text(expected.Json), kind, got is null ? null : Text(gotJson))
        {
            Nearest = recorded
                .Where(entry => entry != expected && JournalJson.KindOf(entry.Body) == kind)
                .Take(MaxNearest)
                .MaxBy(entry => Likeness(entry.Json.Span, gotJson)),
        };
    }

    /// <summary>How alike two texts are, from 0 to 1: pairs of neighbouring bytes that both have, of their beginnings.</summary>
    internal static double Likeness(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        const int Beginning = 8192;
        var counts = new Dictionary<int, int>();
        one = one[..Math.Min(one.Length, Beginning)];
        other = other[..Math.Min(other.Length, Beginning)];
        for (var i = 1; i < one.Length; i++)
        {
            var pair = (one[i - 1] << 8) | one[i];
            counts[pair] = counts.GetValueOrDefault(pair) + 1;
        }

        var common = 0;
        for (var i = 1; i < other.Length; i++)
        {
            var pair = (other[i - 1] << 8) | other[i];
            if (counts.GetValueOrDefault(pair) is > 0 and var left)
            {
                counts[pair] = left - 1;
                common++;
            }
        }

        return one.Length + other.Length <= 2 ? 0 : 2.0 * common / (one.Length + other.Length - 2);
    }

    private static string Text(ReadOnlyMemory<byte> json) => System.Text.Encoding.UTF8.GetString(json.Span);

    private static string FirstDifference(ReadOnlyMemory<byte> expected, ReadOnlyMemory<byte> got)
    {
        try
        {
            var options = new JsonDocumentOptions { MaxDepth = 1000 };
            using var one = JsonDocument.Parse(expected, options);
            using var other = JsonDocument.Parse(got, options);
            return FirstDifference("", one.RootElement, other.RootElement) ?? "";
        }
        catch (JsonException)
        {
            return "";
        }
    }

    private static string? FirstDifference(string path, JsonElement one, JsonElement other)
    {
        if (one.ValueKind != other.ValueKind)
        {
            return path;
        }

        switch (one.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in one.EnumerateObject())
                {
                    var below = path.Length == 0 ? member.Name : $"{path}.{member.Name}";
                    if (!other.TryGetProperty(member.Name, out var same))
                    {
                        return below;
                    }

                    if (FirstDifference(below, member.Value, same) is { } found)
                    {
                        return found;
                    }
                }

                return other.EnumerateObject().Where(member => !one.TryGetProperty(member.Name, out _)).Select(member => path.Length == 0 ? member.Name : $"{path}.{member.Name}").FirstOrDefault();
            case JsonValueKind.Array:
                for (var i = 0; i < Math.Min(one.GetArrayLength(), other.GetArrayLength()); i++)
                {
                    if (FirstDifference($"{path}[{i}]", one[i], other[i]) is { } found)
                    {
                        return found;
                    }
                }

                return one.GetArrayLength() == other.GetArrayLength() ? null : $"{path}[{Math.Min(one.GetArrayLength(), other.GetArrayLength())}]";
            default:
                return one.GetRawText() == other.GetRawText() ? null : path;
        }
    }
}
