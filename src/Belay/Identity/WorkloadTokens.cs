using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts.Faults;
using Belay.Storage;

namespace Belay.Identity;

/// <summary>Who stands behind a workload access token.</summary>
/// <param name="Name">Name of the workload identity.</param>
/// <param name="UserId">User whom the caller vouched for; null for none.</param>
public sealed record Workload(string Name, string? UserId);

/// <summary>
/// Workload access tokens: encrypted claims that only this deployment can make and read, bound to account, region, workload identity and user.
/// A token ends after <see cref="Lifetime"/>, and with its identity. Safe for concurrent use.
/// </summary>
public sealed class WorkloadTokens(MasterKey masterKey, WorkloadIdentities identities, TimeProvider time)
{
    /// <summary>How long a token is valid.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(15);

    private readonly byte[] _key = masterKey.Derive("workload access tokens");

    /// <summary>Makes a token.</summary>
    /// <exception cref="ServiceException">There is no such workload identity.</exception>
    public async Task<string> IssueAsync(Scope scope, string workloadName, string? userId, CancellationToken cancellationToken)
    {
        var identity = await identities.Resources.RequireAsync(scope, workloadName, cancellationToken);
        var now = time.GetUtcNow();
        var claims = new WorkloadClaims(
            new WorkloadIdentityArn(scope, workloadName).ToString(), identity.UniqueId, userId, now.ToUnixTimeSeconds(), (now + Lifetime).ToUnixTimeSeconds());
        return CompactJwe.Seal(_key, JsonSerializer.SerializeToUtf8Bytes(claims, WorkloadClaimsJson.Default.WorkloadClaims));
    }

    /// <summary>Refuses to make a token for the user of a JWT: nobody here can tell whether the JWT is genuine.</summary>
    /// <exception cref="ServiceException">Always.</exception>
    public async Task<string> IssueForJwtAsync(Scope scope, string workloadName, CancellationToken cancellationToken)
    {
        await identities.Resources.RequireAsync(scope, workloadName, cancellationToken);
        throw ServiceException.Invalid([new FieldProblem(
            "userToken", "cannot be verified: this server does not discover issuers and their keys yet, and takes no user's token on trust. GetWorkloadAccessTokenForUserId names a user whom the caller vouches for")]);
    }

    /// <summary>Who stands behind a token.</summary>
    /// <exception cref="ServiceException">It is no token of this account and region, has been changed, or is over.</exception>
    public async Task<Workload> ReadAsync(Scope scope, string token, CancellationToken cancellationToken)
    {
        if (CompactJwe.Open(_key, token) is not { } plain || JsonSerializer.Deserialize(plain, WorkloadClaimsJson.Default.WorkloadClaims) is not { } claims
            || WorkloadIdentityArn.TryParse(claims.Workload) is not { } arn || arn.Scope != scope)
        {
            throw Refused("is not one that this account and region were given");
        }

        if (claims.ExpiresAt <= time.GetUtcNow().ToUnixTimeSeconds())
        {
            throw Refused("has expired; get a new one");
        }

        return (await identities.Resources.FindAsync(scope, arn.Name, cancellationToken))?.UniqueId == claims.UniqueId
            ? new(arn.Name, claims.UserId)
            : throw Refused("belongs to a workload identity that has been deleted");
    }

    private static ServiceException Refused(string why) => new(FaultCode.UnauthorizedException, $"The workload access token {why}.");
}

/// <summary>What a token says.</summary>
internal sealed record WorkloadClaims(
    [property: JsonPropertyName("sub")] string Workload,
    [property: JsonPropertyName("jti")] string UniqueId,
    [property: JsonPropertyName("user_id")] string? UserId,
    [property: JsonPropertyName("iat")] long IssuedAt,
    [property: JsonPropertyName("exp")] long ExpiresAt);

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(WorkloadClaims))]
internal sealed partial class WorkloadClaimsJson : JsonSerializerContext;
