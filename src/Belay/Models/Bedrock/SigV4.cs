using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Belay.Models.Bedrock;

/// <summary>AWS Signature Version 4, header form, for the one kind of request that is sent: a path without query.</summary>
internal static class SigV4
{
    private const string Algorithm = "AWS4-HMAC-SHA256";

    /// <summary>The request's <c>authorization</c> header.</summary>
    /// <param name="method">HTTP method.</param>
    /// <param name="path">Path as it is sent, already escaped; it is escaped once more for signing, as every service but S3 wants it.</param>
    /// <param name="headers">Headers to sign, names in lower case, in ordinal order.</param>
    /// <param name="body">Body.</param>
    /// <param name="key">Whose request it is.</param>
    /// <param name="at">Time of signing; the same as in <c>x-amz-date</c>.</param>
    public static string Authorize(string method, string path, SortedDictionary<string, string> headers, ReadOnlySpan<byte> body, SigningKey key, DateTimeOffset at)
    {
        var date = at.UtcDateTime.ToString("yyyyMMdd", CultureInfo.InvariantCulture);
        var scope = $"{date}/{key.Region}/{key.Service}/aws4_request";
        var names = string.Join(';', headers.Keys);

        // 1. What is signed.
        var canonical = new StringBuilder(method).Append('\n').Append(EscapePath(path)).Append("\n\n");
        foreach (var (name, value) in headers)
        {
            canonical.Append(name).Append(':').Append(value.Trim()).Append('\n');
        }

        canonical.Append('\n').Append(names).Append('\n').Append(Convert.ToHexStringLower(SHA256.HashData(body)));
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonical.ToString())));
        var text = $"{Algorithm}\n{Time(at)}\n{scope}\n{digest}";

        // 2. The key of the day, the region and the service.
        var secret = Encoding.UTF8.GetBytes("AWS4" + key.Secret);
        foreach (var part in (ReadOnlySpan<string>)[date, key.Region, key.Service, "aws4_request"])
        {
            secret = HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(part));
        }

        // 3. The signature.
        var signature = Convert.ToHexStringLower(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(text)));
        return $"{Algorithm} Credential={key.AccessKeyId}/{scope}, SignedHeaders={names}, Signature={signature}";
    }

    /// <summary>A time as <c>x-amz-date</c> has it.</summary>
    public static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);

    private static string EscapePath(string path) => string.Join('/', path.Split('/').Select(Uri.EscapeDataString));
}

/// <summary>Whose signature it is, and for what.</summary>
internal sealed record SigningKey(string AccessKeyId, string Secret, string Region, string Service)
{
    /// <summary>Shows no secret.</summary>
    public override string ToString() => AccessKeyId;
}
