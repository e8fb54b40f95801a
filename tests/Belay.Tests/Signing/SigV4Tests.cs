using System.Globalization;
using System.Text;
using System.Text.Json;
using Belay.Contracts.Signing;

namespace Belay.Tests.Signing;

public sealed class SigV4Tests
{
    /// <summary>The header form of every vector; the query form (presigned URLs) is no part of the protocol that we serve.</summary>
    [Fact]
    public void HeaderVectors_GiveCanonicalRequestStringToSignAndSignature()
    {
        var folders = Directory.GetDirectories(Vectors.Require("sigv4", 38));
        foreach (var folder in folders)
        {
            string Text(string name) => File.ReadAllText(Path.Combine(folder, name)).ReplaceLineEndings("\n");
            using var context = JsonDocument.Parse(Text("context.json"));
            var settings = context.RootElement;
            var credentials = settings.GetProperty("credentials");
            var at = DateTimeOffset.Parse(settings.GetProperty("timestamp").GetString()!, CultureInfo.InvariantCulture);
            var (method, target, headers, body) = Parse(Text("request.txt"));

            var time = SigV4.Time(at);
            var hash = SigV4.Hash(Encoding.UTF8.GetBytes(body));
            headers.Add(new("X-Amz-Date", time));
            if (settings.GetProperty("sign_body").GetBoolean())
            {
                headers.Add(new("x-amz-content-sha256", hash));
            }

            var omitToken = settings.TryGetProperty("omit_session_token", out var omit) && omit.GetBoolean();
            if (credentials.TryGetProperty("token", out var token) && !omitToken)
            {
                headers.Add(new("X-Amz-Security-Token", token.GetString()!));
            }

            var scope = new CredentialScope(time[..8], settings.GetProperty("region").GetString()!, settings.GetProperty("service").GetString()!);
            var canonical = SigV4.CanonicalRequest(method, target, headers, hash, settings.GetProperty("normalize").GetBoolean());
            var toSign = SigV4.StringToSign(time, scope, canonical);
            var name = Path.GetFileName(folder);
            Assert.Equal($"{name}\n{Text("header-canonical-request.txt")}", $"{name}\n{canonical}");
            Assert.Equal($"{name}\n{Text("header-string-to-sign.txt")}", $"{name}\n{toSign}");
            Assert.Equal(Text("header-signature.txt"), SigV4.Signature(credentials.GetProperty("secret_access_key").GetString()!, scope, toSign));
        }

        Assert.Equal(38, folders.Length);
    }

    [Fact]
    public void EncodedArnInThePath_IsEncodedTwice() =>
        Assert.Equal("/tags/arn%253Aaws%253Ax%252Fy%252Fz", SigV4.CanonicalPath("/tags/arn%3Aaws%3Ax%2Fy%2Fz", normalize: true));

    [Theory]
    [InlineData("", "")]
    [InlineData("b=2&a=1&a=0", "a=0&a=1&b=2")]
    [InlineData("tagKeys=a%20b&tagKeys=c%2Bd", "tagKeys=a%20b&tagKeys=c%2Bd")]
    [InlineData("arn=arn:aws:x/y", "arn=arn%3Aaws%3Ax%2Fy")]
    [InlineData("flag", "flag=")]
    [InlineData("bad=%zz%e", "bad=%25zz%25e")]
    public void Query_IsSortedAndEncoded(string raw, string canonical) => Assert.Equal(canonical, SigV4.CanonicalQuery(raw));

    [Fact]
    public void Signer_CoversHostTypeAndAmzHeaders()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "http://localhost:8642/tags/arn%3Aaws%3Ax%2Fy?b=1&a=2")
        {
            Content = new ByteArrayContent("{}"u8.ToArray()),
        };
        request.Content.Headers.ContentType = new("application/json");
        request.Headers.Add("X-Amzn-Bedrock-AgentCore-Runtime-User-Id", "user-17");

        SigV4Signer.Sign(request, "{}"u8.ToArray(), "BELAYEXAMPLE", "secret", "us-west-2", "bedrock-agentcore", new(2026, 7, 7, 1, 2, 3, TimeSpan.Zero));

        Assert.StartsWith(
            "Credential=BELAYEXAMPLE/20260707/us-west-2/bedrock-agentcore/aws4_request, "
            + "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amzn-bedrock-agentcore-runtime-user-id, Signature=",
            request.Headers.Authorization!.Parameter,
            StringComparison.Ordinal);
    }

    private static (string Method, string Target, List<KeyValuePair<string, string>> Headers, string Body) Parse(string text)
    {
        var split = text.IndexOf("\n\n", StringComparison.Ordinal);
        var lines = (split < 0 ? text : text[..split]).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var first = lines[0];
        var headers = new List<KeyValuePair<string, string>>();
        foreach (var line in lines.Skip(1))
        {
            if (line[0] == ' ')
            {
                headers[^1] = new(headers[^1].Key, headers[^1].Value + "\n" + line);
            }
            else
            {
                var colon = line.IndexOf(':', StringComparison.Ordinal);
                headers.Add(new(line[..colon], line[(colon + 1)..]));
            }
        }

        var method = first[..first.IndexOf(' ', StringComparison.Ordinal)];
        var target = first[(method.Length + 1)..first.LastIndexOf(' ')];
        return (method, target, headers, split < 0 ? "" : text[(split + 2)..]);
    }
}
