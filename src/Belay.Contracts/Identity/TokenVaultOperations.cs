using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Identity;

/// <summary>Input of GetTokenVault.</summary>
public sealed record GetTokenVaultRequest
{
    /// <summary>Which vault; <c>default</c>, the only one, when left out.</summary>
    [Bound(Min = 1, Max = 64, Pattern = Patterns.TokenVaultId)]
    public string? TokenVaultId { get; init; }
}

/// <summary>Output of GetTokenVault.</summary>
public sealed record GetTokenVaultResponse
{
    /// <summary>Which vault.</summary>
    [Bound(Min = 1, Max = 64, Pattern = Patterns.TokenVaultId)]
    public required string TokenVaultId { get; init; }

    /// <summary>What wraps its data keys.</summary>
    public required KmsConfiguration KmsConfiguration { get; init; }

    /// <summary>When that was last set; before that, when the vault was first asked about.</summary>
    [JsonConverter(typeof(EpochTimeConverter))]
    public required DateTimeOffset LastModifiedDate { get; init; }
}

/// <summary>Input of SetTokenVaultCMK.</summary>
public sealed record SetTokenVaultCMKRequest
{
    /// <summary>Which vault; <c>default</c>, the only one, when left out.</summary>
    [Bound(Min = 1, Max = 64, Pattern = Patterns.TokenVaultId)]
    public string? TokenVaultId { get; init; }

    /// <summary>What is to wrap its data keys.</summary>
    public required KmsConfiguration KmsConfiguration { get; init; }
}

/// <summary>Output of SetTokenVaultCMK.</summary>
public sealed record SetTokenVaultCMKResponse
{
    /// <summary>Which vault.</summary>
    [Bound(Min = 1, Max = 64, Pattern = Patterns.TokenVaultId)]
    public required string TokenVaultId { get; init; }

    /// <summary>What wraps its data keys.</summary>
    public required KmsConfiguration KmsConfiguration { get; init; }

    /// <summary>When that was set.</summary>
    [JsonConverter(typeof(EpochTimeConverter))]
    public required DateTimeOffset LastModifiedDate { get; init; }
}

/// <summary>What wraps the data keys of a vault.</summary>
public sealed record KmsConfiguration
{
    /// <summary>Whose key it is.</summary>
    public required KeyType KeyType { get; init; }

    /// <summary>A customer's key.</summary>
    [Bound(Min = 1, Max = 2048, Pattern = Patterns.KmsKeyArn)]
    public string? KmsKeyArn { get; init; }
}

/// <summary>Whose key wraps data keys.</summary>
[JsonConverter(typeof(WireEnumConverter<KeyType>))]
public enum KeyType
{
    /// <summary>The customer's, in a key service.</summary>
    CustomerManagedKey,

    /// <summary>The server's own master key.</summary>
    ServiceManagedKey,
}
