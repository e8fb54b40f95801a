using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Belay.Contracts.Signing;

/// <summary>Day, region and service that a signature is bound to.</summary>
/// <param name="Date">Day as <c>yyyyMMdd</c>.</param>
/// <param name="Region">Region.</param>
/// <param name="Service">Signing name.</param>
public readonly record struct CredentialScope(string Date, string Region, string Service)
{
    /// <summary>As it stands in the string to sign.</summary>
    public override string ToString() => $"{Date}/{Region}/{Service}/{SigV4.Terminator}";
}

/// <summary>
/// Signature version 4, header form, as pure functions: canonical request, string to sign, signature. The server's verifier and
/// the signer share them.
/// </summary>
public static class SigV4
{
    /// <summary>Name of the algorithm.</summary>
    public const string Algorithm = "AWS4-HMAC-SHA256";

    /// <summary>Last part of a credential scope.</summary>
    public const string Terminator = "aws4_request";

    /// <summary>Stands for the body's hash when the body is not signed.</summary>
    public const string UnsignedPayload = "UNSIGNED-PAYLOAD";

    /// <summary>Form of <c>x-amz-date</c>.</summary>
    public const string TimeFormat = "yyyyMMdd'T'HHmmss'Z'";

    private const string Hex = "0123456789ABCDEF";

    /// <summary>The canonical request.</summary>
    /// <param name="method">HTTP method.</param>
    /// <param name="rawTarget">Path and query exactly as they stand in the request line.</param>
    /// <param name="headers">The signed headers with every value, in any order; only these are signed.</param>
    /// <param name="payloadHash">Lower-case hex of the body's SHA-256, or <see cref="UnsignedPayload"/>.</param>
    /// <param name="normalize">Whether <c>.</c>, <c>..</c> and empty segments are resolved, as every service but one wants it.</param>
    public static string CanonicalRequest(
        string method, string rawTarget, IEnumerable<KeyValuePair<string, string>> headers, string payloadHash, bool normalize = true)
    {
        var query = rawTarget.IndexOf('?', StringComparison.Ordinal);
        var path = query < 0 ? rawTarget : rawTarget[..query];
        var canonical = new StringBuilder(512);
        canonical.Append(method).Append('\n');
        canonical.Append(CanonicalPath(path, normalize)).Append('\n');
        canonical.Append(query < 0 ? "" : CanonicalQuery(rawTarget[(query + 1)..])).Append('\n');

        // Sorting keeps the order of values of one name, which are joined.
        var names = new StringBuilder();
        string? last = null;
        foreach (var (name, value) in Sorted(headers))
        {
            if (name == last)
            {
                canonical[^1] = ',';
            }
            else
            {
                names.Append(last is null ? "" : ";").Append(name);
                canonical.Append(name).Append(':');
                last = name;
            }

            Collapse(canonical, value);
            canonical.Append('\n');
        }

        canonical.Append('\n').Append(names).Append('\n');
        return canonical.Append(payloadHash).ToString();
    }

    /// <summary>The string to sign.</summary>
    public static string StringToSign(string time, CredentialScope scope, string canonicalRequest) =>
        $"{Algorithm}\n{time}\n{scope}\n{Hash(Encoding.UTF8.GetBytes(canonicalRequest))}";

    /// <summary>The signature, in lower-case hex.</summary>
    public static string Signature(string secretKey, CredentialScope scope, string stringToSign) => Signature(SigningKey(secretKey, scope), stringToSign);

    /// <summary>The signature by a derived key, in lower-case hex.</summary>
    public static string Signature(ReadOnlySpan<byte> signingKey, string stringToSign)
    {
        Span<byte> signature = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(signingKey, Encoding.UTF8.GetBytes(stringToSign), signature);
        return Convert.ToHexStringLower(signature);
    }

    /// <summary>The key of a scope, derived from a secret key: the same all day.</summary>
    public static byte[] SigningKey(string secretKey, CredentialScope scope)
    {
        var key = new byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(Encoding.UTF8.GetBytes("AWS4" + secretKey), Encoding.UTF8.GetBytes(scope.Date), key);
        HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(scope.Region), key);
        HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(scope.Service), key);
        HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(Terminator), key);
        return key;
    }

    /// <summary>SHA-256 in lower-case hex.</summary>
    public static string Hash(ReadOnlySpan<byte> bytes)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, digest);
        return Convert.ToHexStringLower(digest);
    }

    /// <summary>A time as <c>x-amz-date</c> carries it.</summary>
    public static string Time(DateTimeOffset at) => at.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture);

    /// <summary>Percent-encodes everything but unreserved characters.</summary>
    public static string Encode(string text) => Encode(Encoding.UTF8.GetBytes(text), keepSlash: false);

    /// <summary>The path as it is signed: each segment as it was sent, already encoded, is encoded once more.</summary>
    internal static string CanonicalPath(string rawPath, bool normalize)
    {
        if (rawPath.Length == 0)
        {
            return "/";
        }

        return Encode(Encoding.UTF8.GetBytes(normalize ? Normalize(rawPath) : rawPath), keepSlash: true);
    }

    /// <summary>The query as it is signed: decoded, encoded strictly, sorted by key and value.</summary>
    internal static string CanonicalQuery(string rawQuery)
    {
        var pairs = new List<(string Key, string Value)>();
        foreach (var pair in rawQuery.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var key = equals < 0 ? pair : pair[..equals];
            var value = equals < 0 ? "" : pair[(equals + 1)..];
            pairs.Add((Encode(Decode(key), keepSlash: false), Encode(Decode(value), keepSlash: false)));
        }

        pairs.Sort((left, right) =>
            string.CompareOrdinal(left.Key, right.Key) is var order and not 0 ? order : string.CompareOrdinal(left.Value, right.Value));
        return string.Join('&', pairs.Select(pair => $"{pair.Key}={pair.Value}"));
    }

    // By name; values of one name stay in order. There are few, and they come almost sorted.
    private static List<(string Name, string Value)> Sorted(IEnumerable<KeyValuePair<string, string>> headers)
    {
        var sorted = new List<(string Name, string Value)>();
        foreach (var (key, value) in headers)
        {
            var name = key.ToLowerInvariant();
            var place = sorted.Count;
            while (place > 0 && string.CompareOrdinal(sorted[place - 1].Name, name) > 0)
            {
                place--;
            }

            sorted.Insert(place, (name, value));
        }

        return sorted;
    }

    private static string Normalize(string path)
    {
        var kept = new List<string>();
        foreach (var segment in path.Split('/'))
        {
            switch (segment)
            {
                case "" or ".":
                    break;
                case "..":
                    if (kept.Count > 0)
                    {
                        kept.RemoveAt(kept.Count - 1);
                    }

                    break;
                default:
                    kept.Add(segment);
                    break;
            }
        }

        var joined = "/" + string.Join('/', kept);
        return kept.Count > 0 && path.EndsWith('/') ? joined + "/" : joined;
    }

    private static void Collapse(StringBuilder text, string value)
    {
        var begin = text.Length;
        foreach (var one in value)
        {
            var blank = one is ' ' or '\t' or '\r' or '\n';
            if (!blank)
            {
                text.Append(one);
            }
            else if (text.Length > begin && text[^1] != ' ')
            {
                text.Append(' ');
            }
        }

        if (text.Length > begin && text[^1] == ' ')
        {
            text.Length--;
        }
    }

    // Bytes, not a string: an escape that is no valid UTF-8 must come out again as it went in.
    private static byte[] Decode(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var length = 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] == '%' && i + 2 < bytes.Length && char.IsAsciiHexDigit((char)bytes[i + 1]) && char.IsAsciiHexDigit((char)bytes[i + 2]))
            {
                bytes[length++] = (byte)((Digit(bytes[i + 1]) << 4) | Digit(bytes[i + 2]));
                i += 2;
            }
            else
            {
                bytes[length++] = bytes[i];
            }
        }

        return bytes[..length];
    }

    private static int Digit(byte hex) => hex <= '9' ? hex - '0' : (hex | 0x20) - 'a' + 10;

    private static string Encode(ReadOnlySpan<byte> bytes, bool keepSlash)
    {
        var text = new StringBuilder(bytes.Length + 16);
        foreach (var one in bytes)
        {
            if (char.IsAsciiLetterOrDigit((char)one) || one is (byte)'-' or (byte)'.' or (byte)'_' or (byte)'~' || (keepSlash && one == '/'))
            {
                text.Append((char)one);
            }
            else
            {
                text.Append('%').Append(Hex[one >> 4]).Append(Hex[one & 15]);
            }
        }

        return text.ToString();
    }
}
