using Belay.Contracts.Validation;

namespace Belay.Contracts.Identity;

/// <summary>Input of GetWorkloadAccessToken: a token for a workload on behalf of nobody.</summary>
public sealed record GetWorkloadAccessTokenRequest
{
    /// <summary>Name of the workload identity.</summary>
    [Bound(Min = 3, Max = 255, Pattern = Patterns.WorkloadIdentityName)]
    public required string WorkloadName { get; init; }
}

/// <summary>Output of GetWorkloadAccessToken.</summary>
public sealed record GetWorkloadAccessTokenResponse
{
    /// <summary>The token, valid for 15 minutes.</summary>
    [Sensitive]
    [Bound(Min = 1, Max = 131072)]
    public required string WorkloadAccessToken { get; init; }
}

/// <summary>Input of GetWorkloadAccessTokenForJWT: a token for a workload on behalf of the user whom a JWT proves.</summary>
public sealed record GetWorkloadAccessTokenForJWTRequest
{
    /// <summary>Name of the workload identity.</summary>
    [Bound(Min = 3, Max = 255, Pattern = Patterns.WorkloadIdentityName)]
    public required string WorkloadName { get; init; }

    /// <summary>The user's JWT.</summary>
    [Sensitive]
    [Bound(Min = 1, Max = 131072, Pattern = Patterns.UserToken)]
    public required string UserToken { get; init; }
}

/// <summary>Output of GetWorkloadAccessTokenForJWT.</summary>
public sealed record GetWorkloadAccessTokenForJWTResponse
{
    /// <summary>The token, valid for 15 minutes.</summary>
    [Sensitive]
    [Bound(Min = 1, Max = 131072)]
    public required string WorkloadAccessToken { get; init; }
}

/// <summary>Input of GetWorkloadAccessTokenForUserId: a token for a workload on behalf of a user whom the caller vouches for.</summary>
public sealed record GetWorkloadAccessTokenForUserIdRequest
{
    /// <summary>Name of the workload identity.</summary>
    [Bound(Min = 3, Max = 255, Pattern = Patterns.WorkloadIdentityName)]
    public required string WorkloadName { get; init; }

    /// <summary>The user, in the caller's words.</summary>
    [Bound(Min = 1, Max = 128)]
    public required string UserId { get; init; }
}

/// <summary>Output of GetWorkloadAccessTokenForUserId.</summary>
public sealed record GetWorkloadAccessTokenForUserIdResponse
{
    /// <summary>The token, valid for 15 minutes.</summary>
    [Sensitive]
    [Bound(Min = 1, Max = 131072)]
    public required string WorkloadAccessToken { get; init; }
}

/// <summary>Input of GetResourceApiKey.</summary>
public sealed record GetResourceApiKeyRequest
{
    /// <summary>Token of the workload that asks.</summary>
    [Sensitive]
    [Bound(Min = 1, Max = 131072)]
    public required string WorkloadIdentityToken { get; init; }

    /// <summary>Name of the credential provider.</summary>
    [Bound(Min = 1, Max = 128, Pattern = Patterns.CredentialProviderName)]
    public required string ResourceCredentialProviderName { get; init; }
}

/// <summary>Output of GetResourceApiKey.</summary>
public sealed record GetResourceApiKeyResponse
{
    /// <summary>The key.</summary>
    [Sensitive]
    [Bound(Min = 1, Max = 65536)]
    public required string ApiKey { get; init; }
}
