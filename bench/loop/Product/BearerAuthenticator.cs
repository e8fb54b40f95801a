using System.Security.Cryptography;
using System.Text;
using Belay.Identity;
using Belay.Server.Auth;
using Belay.Server.Wire;
using Belay.Storage;
using Microsoft.AspNetCore.Http;

namespace Belay.Bench.Loop.Product;

/// <summary>Takes a key's secret as a bearer token, so that no body is signed. Requests without one go to the usual authenticator.</summary>
internal sealed class BearerAuthenticator(AccessKey key, string region, IAuthenticator usual) : IAuthenticator
{
    /// <summary>What stands before the token.</summary>
    public const string Scheme = "Bearer ";

    private readonly byte[] _expected = Encoding.ASCII.GetBytes(Scheme + key.Secret);
    private readonly Known _known = new(new Caller(new Scope(key.Account, region), key.Id));

    /// <inheritdoc/>
    public ValueTask<IPendingCaller> BeginAsync(HttpRequest request, RequestTarget target, CancellationToken cancellationToken)
    {
        var presented = request.Headers.Authorization.ToString();
        return presented.StartsWith(Scheme, StringComparison.Ordinal) && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(presented), _expected)
            ? ValueTask.FromResult<IPendingCaller>(_known)
            : usual.BeginAsync(request, target, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<bool> IsStillGoodAsync(Caller caller, CancellationToken cancellationToken) => usual.IsStillGoodAsync(caller, cancellationToken);

    private sealed record Known(Caller Caller) : IPendingCaller
    {
        public bool IsVerified => true;

        public Caller Complete(string bodyHash) => Caller;
    }
}
