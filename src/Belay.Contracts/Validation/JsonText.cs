using System.Text.Json;
using System.Text.Unicode;
using Belay.Contracts.Faults;

namespace Belay.Contracts.Validation;

/// <summary>
/// Checks JSON that a stranger sent before anything is built from it: RFC 8259 without extensions, valid UTF-8, no escape that
/// is half a surrogate pair, not deeper than <see cref="BelayJson.MaxDepth"/>, no more than <see cref="MaxValues"/> values,
/// nothing after the value. Names given twice are legal JSON; the last one counts.
/// </summary>
public static class JsonText
{
    /// <summary>
    /// Most values in one text. A value of two bytes costs many more as an object, so it is not the length alone that
    /// decides what a body costs.
    /// </summary>
    public const int MaxValues = 1_000_000;

    // One more than allowed, so that too deep and malformed can be told apart.
    private static readonly JsonReaderOptions Options = new() { MaxDepth = BelayJson.MaxDepth + 1 };

    /// <summary>Checks any JSON value; throws a <see cref="ServiceException"/> that says what is wrong and where.</summary>
    public static void Check(ReadOnlySpan<byte> utf8) => Read(utf8, [], null);

    /// <summary>Checks a JSON object and tells where the values of the members named lie; of names given twice, only the last. Of members that
    /// nobody knows nothing is kept, however many there are.</summary>
    public static Dictionary<string, Range> ReadObject(ReadOnlySpan<byte> utf8, IReadOnlyList<string> names)
    {
        var members = new Dictionary<string, Range>(StringComparer.Ordinal);
        Read(utf8, names, members);
        return members;
    }

    private static void Read(ReadOnlySpan<byte> utf8, IReadOnlyList<string> names, Dictionary<string, Range>? members)
    {
        if (!Utf8.IsValid(utf8))
        {
            throw Refused("it is not valid UTF-8");
        }

        var reader = new Utf8JsonReader(utf8, Options);
        try
        {
            string? name = null;
            var start = 0L;
            var values = 0;
            while (reader.Read())
            {
                if (reader.TokenType is not (JsonTokenType.PropertyName or JsonTokenType.EndObject or JsonTokenType.EndArray) && ++values > MaxValues)
                {
                    throw Refused($"it has more than {MaxValues} values");
                }

                if (reader.CurrentDepth == BelayJson.MaxDepth && reader.TokenType is (JsonTokenType.StartObject or JsonTokenType.StartArray))
                {
                    throw Refused($"it is nested deeper than {BelayJson.MaxDepth} levels");
                }

                if (members is not null && reader.CurrentDepth == 0 && reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.EndObject))
                {
                    throw Refused("it must be a JSON object");
                }

                if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped)
                {
                    // Unescaping is what finds half a surrogate pair; it throws InvalidOperationException.
                    _ = reader.GetString();
                }

                if (members is null || reader.CurrentDepth != 1 || (name is null && reader.TokenType != JsonTokenType.PropertyName))
                {
                    continue;
                }

                switch (reader.TokenType)
                {
                    case JsonTokenType.PropertyName:
                        name = Known(ref reader, names);
                        break;
                    case JsonTokenType.StartObject or JsonTokenType.StartArray:
                        start = reader.TokenStartIndex;
                        break;
                    case JsonTokenType.EndObject or JsonTokenType.EndArray:
                        members[name!] = (int)start..(int)reader.BytesConsumed;
                        break;
                    default:
                        members[name!] = (int)reader.TokenStartIndex..(int)reader.BytesConsumed;
                        break;
                }
            }
        }
        catch (JsonException problem)
        {
            throw Refused($"it is not valid JSON at line {problem.LineNumber + 1}, byte {problem.BytePositionInLine + 1}", problem);
        }
        catch (InvalidOperationException problem)
        {
            throw Refused($"a string near byte {reader.TokenStartIndex + 1} has an escape that is half a surrogate pair", problem);
        }
    }

    private static string? Known(ref Utf8JsonReader reader, IReadOnlyList<string> names)
    {
        foreach (var name in names)
        {
            if (reader.ValueTextEquals(name))
            {
                return name;
            }
        }

        return null;
    }

    private static ServiceException Refused(string why, Exception? cause = null) =>
        ServiceException.Invalid(ValidationReason.CannotParse, $"The request body cannot be parsed: {why}.", cause);
}
