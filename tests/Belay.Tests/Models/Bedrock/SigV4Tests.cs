using System.Text.Json;
using Amazon.Runtime.Internal.Auth;
using Amazon.Runtime.Internal.Util;
using Belay.Models.Bedrock;

namespace Belay.Tests.Models.Bedrock;

public sealed class SigV4Tests
{
    /// <summary>Published vectors of the one form that is used: a path without query, headers without folding.</summary>
    public static TheoryData<string> Cases() =>
        ["get-vanilla", "post-vanilla", "get-unreserved", "get-vanilla-with-session-token", "post-header-key-sort", "post-header-value-case", "post-sts-header-before"];

    [Theory]
    [MemberData(nameof(Cases))]
    public void PublishedVector_IsSignedAlike(string name)
    {
        var folder = Environment.ExpandEnvironmentVariables("%BELAY_VECTORS%");
        Assert.SkipUnless(Directory.Exists(folder), "BELAY_VECTORS names no folder.");
        folder = Path.Combine(folder, "sigv4", name);
        var context = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "context.json"))).RootElement;
        var keys = context.GetProperty("credentials");
        var key = new SigningKey(
            keys.GetProperty("access_key_id").GetString()!,
            keys.GetProperty("secret_access_key").GetString()!,
            context.GetProperty("region").GetString()!,
            context.GetProperty("service").GetString()!);
        var canonical = File.ReadAllText(Path.Combine(folder, "header-canonical-request.txt")).Split('\n');
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in canonical[3..].TakeWhile(line => line.Length > 0))
        {
            var parts = line.Split(':', 2);
            headers[parts[0]] = parts[1];
        }

        var authorization = SigV4.Authorize(canonical[0], canonical[1], headers, [], key, context.GetProperty("timestamp").GetDateTimeOffset());

        Assert.EndsWith($"Signature={File.ReadAllText(Path.Combine(folder, "header-signature.txt")).Trim()}", authorization, StringComparison.Ordinal);
    }

    /// <summary>No vector has a path whose characters are already escaped, so that the SDK's own arithmetic is asked.</summary>
    [Fact]
    public void EscapedPath_IsEscapedOnceMore()
    {
        var key = new SigningKey("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "bedrock");
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["host"] = "example.amazonaws.com", ["x-amz-date"] = "20150830T123600Z" };
        var at = new DateTimeOffset(2015, 8, 30, 12, 36, 0, TimeSpan.Zero);
        const string Canonical = "POST\n/model/a%253A0%252Fb/converse-stream\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        var expected = AWS4Signer.ComputeSignature(key.AccessKeyId, key.Secret, key.Region, at.UtcDateTime, key.Service, "host;x-amz-date", Canonical, new RequestMetrics());

        Assert.Equal(expected.ForAuthorizationHeader, SigV4.Authorize("POST", "/model/a%3A0%2Fb/converse-stream", headers, [], key, at));
    }
}
