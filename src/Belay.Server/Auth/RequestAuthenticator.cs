using Belay.Identity;
using Belay.Server.Wire;
using Belay.Storage;
using Microsoft.AspNetCore.Http;
using static Belay.Server.Auth.SigV4Verifier;

namespace Belay.Server.Auth;

/// <summary>
/// Chooses by what a request presents: a signature everywhere; on paths of the native API a bearer token or, in the query of a GET, a ticket. A
/// request that presents more than one way is refused, so that nobody has to ask which of them counted.
/// </summary>
public sealed class RequestAuthenticator(SigV4Verifier signatures, AccessKeys keys, BearerTokens tokens, Tickets tickets) : IAuthenticator
{
    /// <summary>Key of the query member that carries a ticket.</summary>
    public const string TicketParameter = "ticket";

    private const string Scheme = "Bearer ";

    /// <inheritdoc/>
    public async ValueTask<IPendingCaller> BeginAsync(HttpRequest request, RequestTarget target, CancellationToken cancellationToken)
    {
        if (!NativeApi.Covers(target))
        {
            return signatures.Begin(request, target);
        }

        var authorization = request.Headers.Authorization;
        var ticket = target.Query.GetValueOrDefault(TicketParameter, []);
        var signedInQuery = target.Query.ContainsKey("X-Amz-Signature") ? 1 : 0;
        if (authorization.Count + ticket.Count + signedInQuery > 1)
        {
            throw Denied("The request presents more than one way to say who calls; present exactly one signature, bearer token or ticket.");
        }

        if (ticket.Count == 1)
        {
            return new Known(await OfTicketAsync(request, ticket[0], cancellationToken));
        }

        var text = authorization.ToString();
        return text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? new Known(await OfTokenAsync(text[Scheme.Length..].Trim(), cancellationToken))
            : signatures.Begin(request, target);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> IsStillGoodAsync(Caller caller, CancellationToken cancellationToken) => keys.TryFind(caller.AccessKeyId, out _)
        && (caller.TokenId is null || await tokens.FindAsync(caller.Scope.Account, caller.TokenId, cancellationToken) is not null);

    private async ValueTask<Caller> OfTokenAsync(string text, CancellationToken cancellationToken) =>
        await tokens.FindAsync(text, cancellationToken) is var (token, account)
            ? new Caller(new Scope(account, token.Region), token.AccessKeyId) { TokenId = token.TokenId }
            : throw Denied("The bearer token is unknown, revoked or over. Make another one: belay keys token");

    private async ValueTask<Caller> OfTicketAsync(HttpRequest request, string text, CancellationToken cancellationToken)
    {
        if (!HttpMethods.IsGet(request.Method))
        {
            throw Denied("A ticket is good for a GET request only; sign the request, or send a bearer token.");
        }

        // What made the ticket may have been taken away since.
        return tickets.Take(text) is { } caller && await IsStillGoodAsync(caller, cancellationToken)
            ? caller
            : throw Denied("The ticket is unknown, was used before, or is over. Make another one: POST /belay/v1/tickets");
    }

    /// <summary>Who was known from the headers; the body changes nothing.</summary>
    private sealed class Known(Caller caller) : IPendingCaller
    {
        public bool IsVerified => true;

        public Caller Complete(string bodyHash) => caller;
    }
}
