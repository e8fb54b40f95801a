using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Belay.Identity;

namespace Belay.Bench.Loop.Driving;

/// <summary>
/// Signs invocations of one harness. All that does not change is made once: the client must not be what is measured.
/// </summary>
internal sealed class InvokeSigner
{
    /// <summary>Header of the session's id.</summary>
    public const string SessionHeader = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id";

    private const string Region = "us-west-2";
    private const string Service = "bedrock-agentcore";
    private const string Signed = "content-type;host;x-amz-date;x-amzn-bedrock-agentcore-runtime-session-id";
    private readonly AccessKey _key;
    private readonly string _prefix;
    private (string Day, byte[] Key) _daily = ("", []);

    public InvokeSigner(AccessKey key, Uri address, string harnessArn)
    {
        _key = key;
        var query = $"harnessArn={Uri.EscapeDataString(harnessArn)}";
        Target = new Uri(address, $"/harnesses/invoke?{query}");
        _prefix = $"POST\n/harnesses/invoke\n{query}\ncontent-type:application/json\nhost:{address.Authority}\nx-amz-date:";
    }

    /// <summary>Where invocations go.</summary>
    public Uri Target { get; }

    /// <summary>Adds session, date and signature.</summary>
    public void Sign(HttpRequestMessage request, string session, ReadOnlySpan<byte> body)
    {
        var stamp = TimeProvider.System.GetUtcNow().UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var scope = $"{stamp[..8]}/{Region}/{Service}/aws4_request";
        var canonical = $"{_prefix}{stamp}\nx-amzn-bedrock-agentcore-runtime-session-id:{session}\n\n{Signed}\n{Hash(body)}";
        var toSign = $"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{Hash(Encoding.ASCII.GetBytes(canonical))}";
        var signature = Convert.ToHexStringLower(HMACSHA256.HashData(DailyKey(stamp[..8]), Encoding.ASCII.GetBytes(toSign)));
        request.Headers.TryAddWithoutValidation(SessionHeader, session);
        request.Headers.TryAddWithoutValidation("x-amz-date", stamp);
        request.Headers.TryAddWithoutValidation(
            "Authorization", $"AWS4-HMAC-SHA256 Credential={_key.Id}/{scope}, SignedHeaders={Signed}, Signature={signature}");
    }

    private static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private byte[] DailyKey(string day)
    {
        var daily = _daily;
        if (daily.Day != day)
        {
            var key = Encoding.UTF8.GetBytes("AWS4" + _key.Secret);
            foreach (var part in (string[])[day, Region, Service, "aws4_request"])
            {
                key = HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(part));
            }

            _daily = daily = (day, key);
        }

        return daily.Key;
    }
}
