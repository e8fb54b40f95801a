using System.Net.Http.Headers;

namespace Belay.Contracts.Signing;

/// <summary>Signs requests that we send ourselves.</summary>
public static class SigV4Signer
{
    /// <summary>
    /// Adds <c>x-amz-date</c>, <c>x-amz-content-sha256</c> and <c>Authorization</c>. Signs the host, the content type and every
    /// <c>x-amz…</c> or <c>x-belay-…</c> header present, so those must be set before; the request's URI must be absolute and sent as it is.
    /// </summary>
    public static void Sign(
        HttpRequestMessage request, ReadOnlySpan<byte> body, string accessKey, string secretKey, string region, string service, DateTimeOffset at) =>
        Sign(request, SigV4.Hash(body), accessKey, secretKey, region, service, at);

    /// <summary>The same where the body is not at hand, with its SHA-256 in lower-case hex.</summary>
    public static void Sign(HttpRequestMessage request, string hash, string accessKey, string secretKey, string region, string service, DateTimeOffset at)
    {
        var time = SigV4.Time(at);
        var scope = new CredentialScope(time[..8], region, service);
        request.Headers.Remove("x-amz-date");
        request.Headers.Remove("x-amz-content-sha256");
        request.Headers.Add("x-amz-date", time);
        request.Headers.Add("x-amz-content-sha256", hash);

        var uri = request.RequestUri!;
        var signed = new List<KeyValuePair<string, string>>
        {
            new("host", request.Headers.Host ?? uri.Authority),
        };
        if (request.Content?.Headers.ContentType is { } contentType)
        {
            signed.Add(new("content-type", contentType.ToString()));
        }

        foreach (var header in request.Headers.NonValidated)
        {
            if (header.Key.StartsWith("x-amz", StringComparison.OrdinalIgnoreCase) || header.Key.StartsWith("x-belay-", StringComparison.OrdinalIgnoreCase))
            {
                signed.Add(new(header.Key, header.Value.ToString()));
            }
        }

        var canonical = SigV4.CanonicalRequest(request.Method.Method, uri.PathAndQuery, signed, hash);
        var signature = SigV4.Signature(secretKey, scope, SigV4.StringToSign(time, scope, canonical));
        var names = string.Join(';', signed.Select(header => header.Key.ToLowerInvariant()).Order(StringComparer.Ordinal));
        request.Headers.Authorization = new AuthenticationHeaderValue(
            SigV4.Algorithm, $"Credential={accessKey}/{scope}, SignedHeaders={names}, Signature={signature}");
    }
}
