using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Belay.Contracts.Faults;
using Belay.Contracts.Signing;
using Belay.Identity;
using Belay.Server.Wire;
using Belay.Storage;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Auth;

/// <summary>
/// Verifies header-form signatures in two steps: everything that can be refused without the body is refused before the body is
/// read, including the signature itself where the client states the body's hash.
/// </summary>
public sealed class SigV4Verifier(AccessKeys keys, TimeProvider time) : IAuthenticator
{
    /// <summary>Signing name of both planes.</summary>
    public const string Service = "bedrock-agentcore";

    /// <summary>How far a client's clock may be off.</summary>
    public static readonly TimeSpan AllowedSkew = TimeSpan.FromMinutes(5);

    private const string ContentHash = "x-amz-content-sha256";

    // Headers that choose whose session and data are meant; a signature that leaves them out would let anybody on the way change them.
    private static readonly string[] MeaningfulPrefixes = ["x-amzn-bedrock-agentcore-", "x-belay-"];

    private readonly SigningKeys _signingKeys = new();

    /// <inheritdoc/>
    public ValueTask<IPendingCaller> BeginAsync(HttpRequest request, RequestTarget target, CancellationToken cancellationToken) => new(Begin(request, target));

    /// <inheritdoc/>
    public ValueTask<bool> IsStillGoodAsync(Caller caller, CancellationToken cancellationToken) => new(keys.TryFind(caller.AccessKeyId, out _));

    /// <summary>The same at once: nothing is waited for.</summary>
    public IPendingCaller Begin(HttpRequest request, RequestTarget target)
    {
        var signature = Parse(request, target);
        var at = SignedAt(request, signature);
        if (!keys.TryFind(signature.KeyId, out var key))
        {
            throw Denied("The security token included in the request is invalid.");
        }

        CheckTime(at);
        var headers = SignedHeaders(request, signature.Headers);
        var stated = StatedHash(request);
        var pending = new PendingCaller(_signingKeys, request.Method, target.Raw, headers, signature, SigV4.Time(at), key, stated);
        if (stated is not null)
        {
            pending.CheckSignature(stated);
        }

        return pending;
    }

    private static Signature Parse(HttpRequest request, RequestTarget target)
    {
        var values = request.Headers.Authorization;
        if (values.Count == 0)
        {
            throw Denied(target.Query.ContainsKey("X-Amz-Signature")
                ? "Signatures in the query are not supported; sign the request with AWS Signature Version 4 in the Authorization header."
                : "The request is not signed; sign it with AWS Signature Version 4 in the Authorization header.");
        }

        var text = values.ToString();
        if (text.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            throw Denied("A bearer token is not accepted here; the required method is AWS Signature Version 4.");
        }

        if (values.Count != 1 || !text.StartsWith(SigV4.Algorithm + " ", StringComparison.Ordinal))
        {
            throw Denied($"The Authorization header must begin with {SigV4.Algorithm}.");
        }

        var parts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in text[SigV4.Algorithm.Length..].Split(',', StringSplitOptions.TrimEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0 || !parts.TryAdd(part[..equals], part[(equals + 1)..]))
            {
                throw Denied("The Authorization header must have Credential, SignedHeaders and Signature, each once.");
            }
        }

        if (parts.Count != 3
            || !parts.TryGetValue("Credential", out var credential) || !parts.TryGetValue("SignedHeaders", out var signed) || !parts.TryGetValue("Signature", out var hex))
        {
            throw Denied("The Authorization header must have Credential, SignedHeaders and Signature, each once.");
        }

        var scope = credential.Split('/');
        if (scope.Length != 5 || scope[4] != SigV4.Terminator || scope[1].Length != 8 || !scope[1].All(char.IsAsciiDigit) || !IsName(scope[2]) || !IsName(scope[3]))
        {
            throw Denied($"The Credential must have the form <key>/<yyyymmdd>/<region>/{Service}/{SigV4.Terminator}.");
        }

        if (scope[3] != Service)
        {
            throw Denied($"The Credential is scoped to the service {scope[3]}; it must be scoped to {Service}.");
        }

        return new Signature(scope[0], new CredentialScope(scope[1], scope[2], scope[3]), signed.Split(';'), hex);
    }

    private static bool IsName(string text) => text.Length is > 0 and <= 64 && text.All(one => char.IsAsciiLetterLower(one) || char.IsAsciiDigit(one) || one == '-');

    private static DateTimeOffset SignedAt(HttpRequest request, Signature signature)
    {
        var amzDate = request.Headers["x-amz-date"].ToString();
        var form = amzDate.Length > 0 ? SigV4.TimeFormat : "r";
        var text = amzDate.Length > 0 ? amzDate : request.Headers.Date.ToString();
        if (!DateTimeOffset.TryParseExact(text, form, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at))
        {
            throw Denied("The request must have an x-amz-date header of the form 20260707T231013Z.");
        }

        return SigV4.Time(at)[..8] == signature.Scope.Date ? at : throw Denied("The day of the Credential is not the day of x-amz-date.");
    }

    private void CheckTime(DateTimeOffset at)
    {
        var now = time.GetUtcNow();
        if ((now - at).Duration() > AllowedSkew)
        {
            throw Denied($"Signature expired: {SigV4.Time(at)} is not within {AllowedSkew.TotalMinutes} minutes of the server's time {SigV4.Time(now)}.");
        }
    }

    private static List<KeyValuePair<string, string>> SignedHeaders(HttpRequest request, string[] names)
    {
        var signed = names.ToHashSet(StringComparer.Ordinal);
        ThrowIfUnsigned(signed, "host");
        ThrowIfUnsigned(signed, request.Headers.ContainsKey("x-amz-date") ? "x-amz-date" : "date");
        foreach (var header in request.Headers)
        {
            if (Array.Exists(MeaningfulPrefixes, prefix => header.Key.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)))
            {
                ThrowIfUnsigned(signed, header.Key.ToLowerInvariant());
            }
        }

        var headers = new List<KeyValuePair<string, string>>(names.Length);
        foreach (var name in signed)
        {
            var values = request.Headers[name];
            if (values.Count == 0)
            {
                throw Denied("A header named in SignedHeaders is not in the request.");
            }

            foreach (var value in values)
            {
                headers.Add(new(name, value ?? ""));
            }
        }

        return headers;
    }

    private static void ThrowIfUnsigned(HashSet<string> signed, string name)
    {
        if (!signed.Contains(name))
        {
            throw Denied($"The header {name} must be signed.");
        }
    }

    private static string? StatedHash(HttpRequest request)
    {
        var stated = request.Headers[ContentHash];
        if (stated.Count == 0)
        {
            return null;
        }

        var text = stated.ToString();
        if (text == SigV4.UnsignedPayload)
        {
            return request.IsHttps ? text : throw Denied($"{SigV4.UnsignedPayload} is accepted only over TLS.");
        }

        return text.Length == 64 && text.All(char.IsAsciiHexDigitLower)
            ? text
            : throw Denied($"{ContentHash} must be the SHA-256 of the body in lower-case hex; signed chunks are not supported.");
    }

    internal static ServiceException Denied(string message) => new(FaultCode.AccessDeniedException, message);

    private sealed record Signature(string KeyId, CredentialScope Scope, string[] Headers, string Hex);

    private sealed class PendingCaller : IPendingCaller
    {
        private readonly SigningKeys _signingKeys;
        private readonly string _method;
        private readonly string _target;
        private readonly List<KeyValuePair<string, string>> _headers;
        private readonly Signature _signature;
        private readonly string _time;
        private readonly AccessKey _key;
        private readonly string? _stated;

        internal PendingCaller(
            SigningKeys signingKeys, string method, string target, List<KeyValuePair<string, string>> headers, Signature signature, string time, AccessKey key, string? stated)
        {
            _signingKeys = signingKeys;
            _method = method;
            _target = target;
            _headers = headers;
            _signature = signature;
            _time = time;
            _key = key;
            _stated = stated;
        }

        public bool IsVerified => _stated is not null;

        public Caller Complete(string bodyHash)
        {
            if (_stated is null)
            {
                CheckSignature(bodyHash);
            }
            else if (_stated != SigV4.UnsignedPayload && _stated != bodyHash)
            {
                throw Denied($"{ContentHash} does not match the body.");
            }

            return new Caller(new Scope(_key.Account, _signature.Scope.Region), _key.Id);
        }

        internal void CheckSignature(string payloadHash)
        {
            var canonical = SigV4.CanonicalRequest(_method, _target, _headers, payloadHash);
            var signingKey = _signingKeys.Of(_key, _signature.Scope);
            var expected = SigV4.Signature(signingKey, SigV4.StringToSign(_time, _signature.Scope, canonical));
            if (!CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(expected), Encoding.ASCII.GetBytes(_signature.Hex)))
            {
                throw Denied("The request signature we calculated does not match the signature you provided.");
            }

            _signingKeys.Keep(_key, _signature.Scope, signingKey);
        }
    }
}
