using Belay.Contracts.Validation;

namespace Belay.Contracts.Identity;

/// <summary>Input of CreateKey.</summary>
public sealed record CreateKeyRequest
{
    /// <summary>Account that the key speaks for; the caller's when left out. A key for another account needs a key of the default account.</summary>
    [Bound(Pattern = "[0-9]{12}")]
    public string? Account { get; init; }

    /// <summary>What it is for, in words.</summary>
    [Bound(Min = 1, Max = 256)]
    public string? Description { get; init; }
}

/// <summary>Output of CreateKey; the only time that the secret is shown.</summary>
public sealed record CreateKeyResponse
{
    /// <summary>The key.</summary>
    public required KeySummary Key { get; init; }

    /// <summary>Its secret.</summary>
    [Sensitive]
    public required string SecretAccessKey { get; init; }
}

/// <summary>Output of ListKeys.</summary>
public sealed record ListKeysResponse
{
    /// <summary>The caller's account's keys, the oldest first; for callers of the default account, the keys of every account.</summary>
    public required IReadOnlyList<KeySummary> Keys { get; init; }
}

/// <summary>Input of DeleteKey.</summary>
public sealed record DeleteKeyRequest
{
    /// <summary>The key; one of another account only for callers of the default account.</summary>
    [BoundTo(Place.Label, "accessKeyId")]
    [Bound(Min = 1, Max = 128)]
    public required string AccessKeyId { get; init; }
}

/// <summary>An access key, without its secret.</summary>
public sealed record KeySummary
{
    /// <summary>Its id.</summary>
    public required string AccessKeyId { get; init; }

    /// <summary>Account that it speaks for.</summary>
    public required string Account { get; init; }

    /// <summary>What it is for.</summary>
    public string? Description { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Input of CreateToken: a bearer token for the native API.</summary>
public sealed record CreateTokenRequest
{
    /// <summary>What it is for, in words, so that it can be found again.</summary>
    [Bound(Min = 1, Max = 64)]
    public string? Name { get; init; }

    /// <summary>Seconds for which it is valid, 60 to 31,536,000 (a year); 86,400 (a day) when left out.</summary>
    [Bound(Min = 60, Max = 31_536_000)]
    public int? ExpiresInSeconds { get; init; }
}

/// <summary>Output of CreateToken; the only time that the token is shown.</summary>
public sealed record CreateTokenResponse
{
    /// <summary>What is known of it.</summary>
    public required TokenSummary Token { get; init; }

    /// <summary>The token, for <c>Authorization: Bearer</c>.</summary>
    [Sensitive]
    public required string BearerToken { get; init; }
}

/// <summary>Output of ListTokens.</summary>
public sealed record ListTokensResponse
{
    /// <summary>The caller's account's tokens that are still valid, the oldest first.</summary>
    public required IReadOnlyList<TokenSummary> Tokens { get; init; }
}

/// <summary>Input of DeleteToken.</summary>
public sealed record DeleteTokenRequest
{
    /// <summary>The token.</summary>
    [BoundTo(Place.Label, "tokenId")]
    [Bound(Min = 1, Max = 128)]
    public required string TokenId { get; init; }
}

/// <summary>A bearer token, without its secret.</summary>
public sealed record TokenSummary
{
    /// <summary>Its id.</summary>
    public required string TokenId { get; init; }

    /// <summary>What it is for.</summary>
    public string? Name { get; init; }

    /// <summary>Access key that made it; it ends with that key.</summary>
    public required string AccessKeyId { get; init; }

    /// <summary>Region that its requests act in: that of the request that made it.</summary>
    public required string Region { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it ends.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>Output of CreateTicket: stands for the caller once, in the query of one request, for clients that cannot set headers.</summary>
public sealed record CreateTicketResponse
{
    /// <summary>Value of the query member <c>ticket</c>; valid for one GET request of the native API.</summary>
    [Sensitive]
    public required string Ticket { get; init; }

    /// <summary>When it ends, 30 seconds from now.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }
}
