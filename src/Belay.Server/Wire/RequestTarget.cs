using System.Text;
using Belay.Contracts.Faults;

namespace Belay.Server.Wire;

/// <summary>
/// The request line's target as it was sent. Segments are split before they are decoded, so that an ARN's <c>%2F</c> stays
/// inside its label.
/// </summary>
public sealed class RequestTarget
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private RequestTarget(string raw)
    {
        Raw = raw;
        var query = raw.IndexOf('?', StringComparison.Ordinal);
        RawPath = query < 0 ? raw : raw[..query];
        Query = ParseQuery(query < 0 ? "" : raw[(query + 1)..]);
    }

    /// <summary>Path and query, undecoded.</summary>
    public string Raw { get; }

    /// <summary>Path, undecoded.</summary>
    public string RawPath { get; }

    /// <summary>Decoded query values by key, in order.</summary>
    public IReadOnlyDictionary<string, List<string>> Query { get; }

    /// <summary>Reads a target in origin or absolute form.</summary>
    public static RequestTarget Parse(string rawTarget)
    {
        if (rawTarget.StartsWith('/'))
        {
            return new RequestTarget(rawTarget);
        }

        var authority = rawTarget.IndexOf("://", StringComparison.Ordinal);
        var path = authority < 0 ? -1 : rawTarget.IndexOf('/', authority + 3);
        return new RequestTarget(path < 0 ? "/" : rawTarget[path..]);
    }

    /// <summary>Decodes percent escapes. A plus sign is a plus sign.</summary>
    public static string Decode(string text)
    {
        if (!text.Contains('%', StringComparison.Ordinal))
        {
            return text;
        }

        var bytes = Encoding.UTF8.GetBytes(text);
        var length = 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            var one = bytes[i];
            if (one == '%')
            {
                var hex = i + 2 < bytes.Length ? Encoding.ASCII.GetString(bytes, i + 1, 2) : "";
                if (hex.Length != 2 || !hex.All(char.IsAsciiHexDigit))
                {
                    throw Malformed();
                }

                one = Convert.FromHexString(hex)[0];
                i += 2;
            }

            bytes[length++] = one;
        }

        try
        {
            return Strict.GetString(bytes, 0, length);
        }
        catch (DecoderFallbackException)
        {
            throw Malformed();
        }
    }

    private static Dictionary<string, List<string>> ParseQuery(string raw)
    {
        var query = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (var pair in raw.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var key = Decode(equals < 0 ? pair : pair[..equals]);
            if (!query.TryGetValue(key, out var values))
            {
                query.Add(key, values = []);
            }

            values.Add(equals < 0 ? "" : Decode(pair[(equals + 1)..]));
        }

        return query;
    }

    private static ServiceException Malformed() =>
        ServiceException.Invalid(ValidationReason.CannotParse, "The request's path or query is not valid percent-encoded UTF-8.");
}
