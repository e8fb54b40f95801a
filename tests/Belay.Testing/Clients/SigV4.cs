using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;

namespace Belay.Testing.Clients;

/// <summary>
/// Signs requests as the AWS SDK for Python does: header form, without <c>x-amz-content-sha256</c>. Written apart from the
/// server's verification on purpose, so that a shared mistake cannot hide.
/// </summary>
public sealed class SigV4(string accessKeyId, string secretAccessKey, string region, TimeProvider time)
{
    private const string Service = "bedrock-agentcore";

    /// <summary>Adds the date and the authorization. Everything signed must already be set.</summary>
    public void Sign(HttpRequestMessage request, ReadOnlySpan<byte> body)
    {
        var now = time.GetUtcNow().UtcDateTime;
        var stamp = now.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var scope = $"{stamp[..8]}/{region}/{Service}/aws4_request";
        request.Headers.TryAddWithoutValidation("x-amz-date", stamp);

        var uri = request.RequestUri!;
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["host"] = uri.IsDefaultPort ? uri.Host : $"{uri.Host}:{uri.Port}",
        };
        foreach (var (name, values) in request.Headers.Concat(request.Content?.Headers ?? Enumerable.Empty<KeyValuePair<string, IEnumerable<string>>>()))
        {
            var lower = name.ToLowerInvariant();
            if (lower is "x-amz-date" or "content-type" || lower.StartsWith("x-amzn-", StringComparison.Ordinal))
            {
                headers[lower] = string.Join(",", values).Trim();
            }
        }

        var signed = string.Join(';', headers.Keys);
        var canonical = string.Join(
            '\n',
            request.Method.Method,
            CanonicalPath(uri),
            CanonicalQuery(uri),
            string.Concat(headers.Select(header => $"{header.Key}:{header.Value}\n")),
            signed,
            Hex(SHA256.HashData(body)));
        var toSign = $"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{Hex(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)))}";

        var key = Encoding.UTF8.GetBytes("AWS4" + secretAccessKey);
        foreach (var part in scope.Split('/'))
        {
            key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(part));
        }

        var signature = Hex(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(toSign)));
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "AWS4-HMAC-SHA256", $"Credential={accessKeyId}/{scope}, SignedHeaders={signed}, Signature={signature}");
    }

    // The path arrives encoded; SigV4 encodes every segment once more.
    private static string CanonicalPath(Uri uri) =>
        string.Join('/', uri.AbsolutePath.Split('/').Select(Uri.EscapeDataString));

    private static string CanonicalQuery(Uri uri) =>
        string.Join(
            '&',
            uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries)
                .Select(pair => pair.Contains('=', StringComparison.Ordinal) ? pair : pair + "=")
                .Order(StringComparer.Ordinal));

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
