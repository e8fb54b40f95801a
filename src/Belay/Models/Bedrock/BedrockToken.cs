using System.Globalization;
using System.Text;
using Amazon.Runtime;
using Belay.Contracts.Signing;

namespace Belay.Models.Bedrock;

/// <summary>
/// The bearer token of Bedrock's OpenAI endpoints: a presigned request, which the endpoint has checked and which says nothing but
/// that its bearer may call. Pure.
/// </summary>
internal static class BedrockToken
{
    private const string Prefix = "bedrock-api-key-";
    private const string Host = "bedrock.amazonaws.com";
    private const string SigningName = "bedrock";
    private const int LifeSeconds = 900;

    /// <summary>A token of 15 minutes. Only the beginning of a call needs it, so each call has its own and none is kept.</summary>
    public static string Of(ImmutableCredentials keys, string region, DateTimeOffset at)
    {
        var time = SigV4.Time(at);
        var scope = new CredentialScope(time[..8], region, SigningName);
        var target = new StringBuilder("/?Action=CallWithBearerToken")
            .Append("&X-Amz-Algorithm=").Append(SigV4.Algorithm)
            .Append("&X-Amz-Credential=").Append(SigV4.Encode($"{keys.AccessKey}/{scope}"))
            .Append("&X-Amz-Date=").Append(time)
            .Append(CultureInfo.InvariantCulture, $"&X-Amz-Expires={LifeSeconds}")
            .Append("&X-Amz-SignedHeaders=host");
        if (!string.IsNullOrEmpty(keys.Token))
        {
            target.Append("&X-Amz-Security-Token=").Append(SigV4.Encode(keys.Token));
        }

        var canonical = SigV4.CanonicalRequest("POST", target.ToString(), [new("host", Host)], SigV4.Hash([]));
        var signature = SigV4.Signature(keys.SecretKey, scope, SigV4.StringToSign(time, scope, canonical));
        // The version is no part of what is signed.
        var presigned = $"{Host}{target}&X-Amz-Signature={signature}&Version=1";
        return Prefix + Convert.ToBase64String(Encoding.UTF8.GetBytes(presigned));
    }
}
