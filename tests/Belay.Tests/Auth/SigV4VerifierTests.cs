using System.Text;
using Belay.Contracts.Faults;
using Belay.Contracts.Signing;
using Belay.Identity;
using Belay.Server.Auth;
using Belay.Server.Wire;
using Belay.Storage;
using Belay.Testing;
using Microsoft.AspNetCore.Http;

namespace Belay.Tests.Auth;

public sealed class SigV4VerifierTests : IDisposable
{
    private const string Mismatch = "The request signature we calculated does not match the signature you provided.";
    private readonly string _directory = Directory.CreateTempSubdirectory("belay-auth-").FullName;
    private readonly ManualTime _time = new(new DateTimeOffset(2026, 7, 7, 23, 10, 13, TimeSpan.Zero));
    private readonly AccessKeys _keys;
    private readonly AccessKey _key;
    private readonly SigV4Verifier _verifier;

    public SigV4VerifierTests()
    {
        _keys = AccessKeys.Open(_directory, MasterKey.LoadOrCreate(_directory), _time, IdSource.System);
        _key = _keys.Create("123456789012", null);
        _verifier = new SigV4Verifier(_keys, _time);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>What the Python SDK signs: no hash of the body, no user agent.</summary>
    [Fact]
    public void PythonClient_Passes()
    {
        var request = Make("POST", "/tags/arn%3Aaws%3Ax%2Fy", "{}", ("content-type", "application/json"), ("x-amzn-bedrock-agentcore-runtime-user-id", "u 1"));
        request.Sign(_key, "content-type;host;x-amz-date;x-amzn-bedrock-agentcore-runtime-user-id");

        Assert.Equal(new Caller(new Scope("123456789012", "us-west-2"), _key.Id), request.Verify(_verifier));
    }

    /// <summary>What the JavaScript SDK signs.</summary>
    [Fact]
    public void JavaScriptClient_Passes()
    {
        var request = Make(
            "POST", "/harnesses", "{}", ("content-type", "application/json"), ("content-length", "2"), ("amz-sdk-invocation-id", "i"),
            ("amz-sdk-request", "attempt=1; max=3"), ("x-amz-user-agent", "aws-sdk-js/3.1141.0"), ("x-amz-content-sha256", SigV4.Hash("{}"u8)));
        request.Sign(_key, "amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-user-agent");

        Assert.Equal(_key.Id, request.Verify(_verifier).AccessKeyId);
    }

    [Fact]
    public void SessionToken_IsSignedAndOtherwiseIgnored()
    {
        var request = Make("GET", "/harnesses", "", ("x-amz-security-token", "stale"));
        request.Sign(_key, "host;x-amz-date;x-amz-security-token");

        Assert.Equal(_key.Id, request.Verify(_verifier).AccessKeyId);
    }

    [Fact]
    public void DateHeader_WillDo()
    {
        var request = Make("GET", "/harnesses", "", ("date", _time.GetUtcNow().ToString("r")));
        request.Headers.Remove("x-amz-date");
        request.Sign(_key, "date;host");

        Assert.Equal(_key.Id, request.Verify(_verifier).AccessKeyId);
    }

    [Fact]
    public void SameSignatureTwice_IsAccepted()
    {
        var request = Make("GET", "/harnesses", "");
        request.Sign(_key, "host;x-amz-date");

        Assert.Equal(request.Verify(_verifier), request.Verify(_verifier));
    }

    [Theory]
    [InlineData("body")]
    [InlineData("method")]
    [InlineData("path")]
    [InlineData("query")]
    [InlineData("header")]
    [InlineData("signature")]
    [InlineData("secret")]
    public void AnythingChanged_IsRefused(string what)
    {
        var request = Make("POST", "/harnesses?a=1", "{}", ("content-type", "application/json"));
        request.Sign(what == "secret" ? _key with { Secret = "other" } : _key, "content-type;host;x-amz-date");
        switch (what)
        {
            case "body":
                request.Body = "{ }";
                break;
            case "method":
                request.Method = "PUT";
                break;
            case "path":
                request.Target = "/harnesses2?a=1";
                break;
            case "query":
                request.Target = "/harnesses?a=2";
                break;
            case "header":
                request.Headers["content-type"] = "text/plain";
                break;
            case "signature":
                request.Headers["authorization"] = request.Headers["authorization"][..^1] + "g";
                break;
        }

        Assert.Equal(Mismatch, request.Refusal(_verifier));
    }

    [Theory]
    [InlineData(-301, false)]
    [InlineData(-300, true)]
    [InlineData(300, true)]
    [InlineData(301, false)]
    public void Clock_MayBeFiveMinutesOff(int seconds, bool accepted)
    {
        var request = Make("GET", "/harnesses", "");
        request.Sign(_key, "host;x-amz-date");
        var server = new ManualTime(_time.GetUtcNow().AddSeconds(seconds));

        Assert.Equal(
            accepted ? null : $"Signature expired: 20260707T231013Z is not within 5 minutes of the server's time {SigV4.Time(server.GetUtcNow())}.",
            request.Refusal(new SigV4Verifier(_keys, server)));
    }

    [Fact]
    public void UnknownKey_IsRefused()
    {
        var request = Make("GET", "/harnesses", "");
        request.Sign(_key with { Id = "BELAYAAAAAAAAAAAAAAA" }, "host;x-amz-date");

        Assert.Equal("The security token included in the request is invalid.", request.Refusal(_verifier));
    }

    [Theory]
    [InlineData("s3", "The Credential is scoped to the service s3; it must be scoped to bedrock-agentcore.")]
    [InlineData("<b>", "The Credential must have the form <key>/<yyyymmdd>/<region>/bedrock-agentcore/aws4_request.")]
    public void OtherService_IsNamed(string service, string message)
    {
        var request = Make("GET", "/harnesses", "");
        request.Sign(_key, "host;x-amz-date", service);

        Assert.Equal(message, request.Refusal(_verifier));
    }

    [Theory]
    [InlineData("x-amz-date", "The header host must be signed.")]
    [InlineData("host", "The header x-amz-date must be signed.")]
    [InlineData("host;x-amz-date", "The header x-amzn-bedrock-agentcore-runtime-user-id must be signed.")]
    [InlineData("absent;host;x-amz-date;x-amzn-bedrock-agentcore-runtime-user-id", "A header named in SignedHeaders is not in the request.")]
    public void HeadersThatMatter_MustBeSigned(string names, string message)
    {
        var request = Make("GET", "/harnesses", "", ("x-amzn-bedrock-agentcore-runtime-user-id", "u"));
        request.Sign(_key, names);

        Assert.Equal(message, request.Refusal(_verifier));
    }

    [Theory]
    [InlineData(null, "The request is not signed; sign it with AWS Signature Version 4 in the Authorization header.")]
    [InlineData("Bearer abc", "A bearer token is not accepted here; the required method is AWS Signature Version 4.")]
    [InlineData("Basic abc", "The Authorization header must begin with AWS4-HMAC-SHA256.")]
    [InlineData("AWS4-HMAC-SHA256 ", "The Authorization header must have Credential, SignedHeaders and Signature, each once.")]
    [InlineData("AWS4-HMAC-SHA256 Credential=a, Credential=b, Signature=c", "The Authorization header must have Credential, SignedHeaders and Signature, each once.")]
    [InlineData("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c", "The Credential must have the form <key>/<yyyymmdd>/<region>/bedrock-agentcore/aws4_request.")]
    [InlineData("AWS4-HMAC-SHA256 Credential=a/20260708/r/bedrock-agentcore/aws4_request, SignedHeaders=host, Signature=c", "The day of the Credential is not the day of x-amz-date.")]
    public void OtherAuthorization_IsRefused(string? value, string message)
    {
        var request = Make("GET", "/harnesses", "");
        if (value is not null)
        {
            request.Headers["authorization"] = value;
        }

        Assert.Equal(message, request.Refusal(_verifier));
    }

    [Fact]
    public void SignatureInTheQuery_IsRefused() =>
        Assert.StartsWith("Signatures in the query are not supported", Make("GET", "/harnesses?X-Amz-Signature=0", "").Refusal(_verifier), StringComparison.Ordinal);

    [Theory]
    [InlineData(false, "UNSIGNED-PAYLOAD is accepted only over TLS.")]
    [InlineData(true, null)]
    public void UnsignedPayload_NeedsTls(bool tls, string? message)
    {
        var request = Make("POST", "/harnesses", "{}", ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"));
        request.Sign(_key, "host;x-amz-content-sha256;x-amz-date");
        request.Tls = tls;

        Assert.Equal(message, request.Refusal(_verifier));
    }

    [Fact]
    public void StatedHash_MustBeTheBodys()
    {
        var request = Make("POST", "/harnesses", "{}", ("x-amz-content-sha256", SigV4.Hash([])));
        request.Sign(_key, "host;x-amz-content-sha256;x-amz-date");
        Assert.Equal("x-amz-content-sha256 does not match the body.", request.Refusal(_verifier));

        request = Make("POST", "/harnesses", "{}", ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"));
        request.Sign(_key, "host;x-amz-content-sha256;x-amz-date");
        Assert.StartsWith("x-amz-content-sha256 must be the SHA-256", request.Refusal(_verifier), StringComparison.Ordinal);
    }

    [Fact]
    public void WrongSignatureWithAStatedHash_IsRefusedBeforeTheBodyIsRead()
    {
        var request = Make("POST", "/harnesses", "{}", ("x-amz-content-sha256", SigV4.Hash("{}"u8)));
        request.Sign(_key with { Secret = "other" }, "host;x-amz-content-sha256;x-amz-date");

        Assert.Equal(Mismatch, Assert.Throws<ServiceException>(() => request.Begin(_verifier)).Message);
    }

    private Signed Make(string method, string target, string body, params (string Name, string Value)[] headers)
    {
        var request = new Signed { Method = method, Target = target, Body = body, Time = _time.GetUtcNow() };
        request.Headers["host"] = "localhost:8642";
        request.Headers["x-amz-date"] = SigV4.Time(request.Time);
        foreach (var (name, value) in headers)
        {
            request.Headers[name] = value;
        }

        return request;
    }

    private sealed class Signed
    {
        public required string Method { get; set; }

        public required string Target { get; set; }

        public required string Body { get; set; }

        public required DateTimeOffset Time { get; init; }

        public bool Tls { get; set; }

        public Dictionary<string, string> Headers { get; } = [];

        public void Sign(AccessKey key, string signedHeaders, string service = SigV4Verifier.Service)
        {
            var time = SigV4.Time(Time);
            var scope = new CredentialScope(time[..8], "us-west-2", service);
            var hash = Headers.GetValueOrDefault("x-amz-content-sha256") ?? SigV4.Hash(Encoding.UTF8.GetBytes(Body));
            var canonical = SigV4.CanonicalRequest(Method, Target, signedHeaders.Split(';').Select(name => KeyValuePair.Create(name, Headers.GetValueOrDefault(name, ""))), hash);
            var signature = SigV4.Signature(key.Secret, scope, SigV4.StringToSign(time, scope, canonical));
            Headers["authorization"] = $"AWS4-HMAC-SHA256 Credential={key.Id}/{scope}, SignedHeaders={signedHeaders}, Signature={signature}";
        }

        public IPendingCaller Begin(SigV4Verifier verifier)
        {
            var request = new DefaultHttpContext().Request;
            request.Method = Method;
            request.Scheme = Tls ? "https" : "http";
            foreach (var (name, value) in Headers)
            {
                request.Headers[name] = value;
            }

            return verifier.Begin(request, RequestTarget.Parse(Target));
        }

        public Caller Verify(SigV4Verifier verifier) => Begin(verifier).Complete(SigV4.Hash(Encoding.UTF8.GetBytes(Body)));

        public string? Refusal(SigV4Verifier verifier)
        {
            try
            {
                Verify(verifier);
                return null;
            }
            catch (ServiceException problem)
            {
                Assert.Equal(FaultCode.AccessDeniedException, problem.Code);
                return problem.Message;
            }
        }
    }
}
