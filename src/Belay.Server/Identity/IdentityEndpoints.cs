using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Identity;
using Belay.Identity;
using Belay.Server.Auth;
using Belay.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Identity;

/// <summary>
/// The native operations on access keys, bearer tokens and tickets. What makes or ends access must be signed with a key. Callers of the
/// default account, whose first key the operator got, look after the keys of every account.
/// </summary>
public static class IdentityEndpoints
{
    private const string KeysPath = NativeApi.Root + "/keys";
    private const string TokensPath = NativeApi.Root + "/tokens";
    private const int MaxKeysPerAccount = 100;
    private const int MaxKeys = 10_000;

    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(AccessKeys keys, BearerTokens tokens, Tickets tickets, string defaultAccount) =>
        [.. KeyOperations(keys, tokens, defaultAccount), .. TokenOperations(tokens), TicketOperation(tickets)];

    private static IEnumerable<Operation> KeyOperations(AccessKeys keys, BearerTokens tokens, string defaultAccount)
    {
        bool May(Caller caller, string account) => caller.Scope.Account == account || caller.Scope.Account == defaultAccount;

        return
        [
            new("ListKeys", HttpMethods.Get, KeysPath, Operation.ControlBodyBytes, (call, _) => call.RespondAsync(
                StatusCodes.Status200OK,
                new() { Keys = [.. keys.List().Where(key => May(call.Caller, key.Account)).Select(Summary)] },
                BelayJson.Default.ListKeysResponse))
            {
                About = () => new("Lists access keys, without their secrets.", null, BelayJson.Default.ListKeysResponse),
            },
            new("CreateKey", HttpMethods.Post, KeysPath, Operation.ControlBodyBytes, async (call, _) =>
            {
                var request = call.Bind(BelayJson.Default.CreateKeyRequest);
                var account = request.Account ?? call.Caller.Scope.Account;
                if (!May(call.Caller, account))
                {
                    throw new ServiceException(FaultCode.AccessDeniedException, $"A key of account {call.Caller.Scope.Account} cannot make keys of other accounts; a key of the default account can.");
                }

                var existing = keys.List();
                if (existing.Count >= MaxKeys || existing.Count(key => key.Account == account) >= MaxKeysPerAccount)
                {
                    throw new ServiceException(FaultCode.ServiceQuotaExceededException, $"The limit of {MaxKeysPerAccount} keys per account, or of {MaxKeys} in all, has been reached. Delete one.");
                }

                var key = keys.Create(account, request.Description);
                await call.RespondAsync(StatusCodes.Status201Created, new() { Key = Summary(key), SecretAccessKey = key.Secret }, BelayJson.Default.CreateKeyResponse);
            })
            {
                NeedsAccessKey = true,
                About = () => new("Makes an access key; its secret is shown this once.", BelayJson.Default.CreateKeyRequest, BelayJson.Default.CreateKeyResponse)
                {
                    Status = StatusCodes.Status201Created,
                    Faults = [FaultCode.ServiceQuotaExceededException],
                },
            },
            new("DeleteKey", HttpMethods.Delete, KeysPath + "/{accessKeyId}", Operation.ControlBodyBytes, async (call, cancellationToken) =>
            {
                var id = call.Bind(BelayJson.Default.DeleteKeyRequest).AccessKeyId;
                if (!keys.TryFind(id, out var key) || !May(call.Caller, key.Account))
                {
                    throw NoKey(id);
                }

                switch (keys.DeleteUnlessLast(id))
                {
                    case KeyDeletion.NotFound:
                        throw NoKey(id);
                    case KeyDeletion.LastOfAccount:
                        throw new ServiceException(FaultCode.ConflictException, $"The key {id} is the last one of account {key.Account}; without it nobody could act in the account. Make another one first.");
                    default:
                        break;
                }

                // They are worth nothing without their key; this only takes what is left of them out of the store.
                await tokens.SweepAsync(key.Account, cancellationToken);
                await call.RespondAsync(StatusCodes.Status204NoContent);
            })
            {
                NeedsAccessKey = true,
                About = () => new("Deletes an access key, and with it the tokens that it made. The last key of an account stays.", BelayJson.Default.DeleteKeyRequest, null)
                {
                    Status = StatusCodes.Status204NoContent,
                    Faults = [FaultCode.ResourceNotFoundException, FaultCode.ConflictException],
                },
            },
        ];
    }

    private static IEnumerable<Operation> TokenOperations(BearerTokens tokens) =>
    [
        new("ListTokens", HttpMethods.Get, TokensPath, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var found = await tokens.ListAsync(call.Caller.Scope.Account, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, new() { Tokens = [.. found.Select(Summary)] }, BelayJson.Default.ListTokensResponse);
        })
        {
            About = () => new("Lists the account's bearer tokens that are valid, without their secrets.", null, BelayJson.Default.ListTokensResponse),
        },
        new("CreateToken", HttpMethods.Post, TokensPath, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.CreateTokenRequest);
            var lifetime = request.ExpiresInSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : BearerTokens.DefaultLifetime;
            var (token, text) = await tokens.CreateAsync(call.Caller.Scope, call.Caller.AccessKeyId, request.Name, lifetime, cancellationToken);
            await call.RespondAsync(StatusCodes.Status201Created, new() { Token = Summary(token), BearerToken = text }, BelayJson.Default.CreateTokenResponse);
        })
        {
            NeedsAccessKey = true,
            About = () => new("Makes a bearer token for the native API; it is shown this once.", BelayJson.Default.CreateTokenRequest, BelayJson.Default.CreateTokenResponse)
            {
                Status = StatusCodes.Status201Created,
                Faults = [FaultCode.ServiceQuotaExceededException],
            },
        },
        new("DeleteToken", HttpMethods.Delete, TokensPath + "/{tokenId}", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var id = call.Bind(BelayJson.Default.DeleteTokenRequest).TokenId;
            if (!await tokens.DeleteAsync(call.Caller.Scope.Account, id, cancellationToken))
            {
                throw new ServiceException(FaultCode.ResourceNotFoundException, $"The token {id} does not exist.");
            }

            await call.RespondAsync(StatusCodes.Status204NoContent);
        })
        {
            NeedsAccessKey = true,
            About = () => new("Revokes a bearer token at once.", BelayJson.Default.DeleteTokenRequest, null)
            {
                Status = StatusCodes.Status204NoContent,
                Faults = [FaultCode.ResourceNotFoundException],
            },
        },
    ];

    private static Operation TicketOperation(Tickets tickets) =>
        new("CreateTicket", HttpMethods.Post, NativeApi.Root + "/tickets", Operation.ControlBodyBytes, (call, _) =>
        {
            var (text, expires) = tickets.Create(call.Caller);
            return call.RespondAsync(StatusCodes.Status201Created, new() { Ticket = text, ExpiresAt = expires }, BelayJson.Default.CreateTicketResponse);
        })
        {
            About = () => new("Makes a ticket that stands for the caller in the query of one GET request, within 30 seconds.", null, BelayJson.Default.CreateTicketResponse)
            {
                Status = StatusCodes.Status201Created,
            },
        };

    private static ServiceException NoKey(string id) => new(FaultCode.ResourceNotFoundException, $"The key {id} does not exist.");

    private static KeySummary Summary(AccessKey key) => new() { AccessKeyId = key.Id, Account = key.Account, Description = key.Description, CreatedAt = key.CreatedAt };

    private static TokenSummary Summary(BearerToken token) => new()
    {
        TokenId = token.TokenId,
        Name = token.Name,
        AccessKeyId = token.AccessKeyId,
        Region = token.Region,
        CreatedAt = token.CreatedAt,
        ExpiresAt = token.ExpiresAt,
    };
}
