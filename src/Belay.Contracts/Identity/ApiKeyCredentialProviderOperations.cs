using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Identity;

/// <summary>Input of CreateApiKeyCredentialProvider.</summary>
public sealed record CreateApiKeyCredentialProviderRequest
{
    /// <summary>Name, unique in account and region.</summary>
    [Bound(Min = 1, Max = 128, Pattern = Patterns.CredentialProviderName)]
    public required string Name { get; init; }

    /// <summary>The key; required when it is managed.</summary>
    [Sensitive]
    [Bound(Min = 0, Max = 65536)]
    public string? ApiKey { get; init; }

    /// <summary>Where the key is; required when it is external.</summary>
    public SecretReference? ApiKeySecretConfig { get; init; }

    /// <summary>Who keeps the key; the vault when left out.</summary>
    public SecretSourceType? ApiKeySecretSource { get; init; }

    /// <summary>Tags.</summary>
    [Bound(Min = 0, Max = 50)]
    [Bound(Of = Part.Key, Min = 1, Max = 128, Pattern = Patterns.Tag)]
    [Bound(Of = Part.Item, Min = 0, Max = 256, Pattern = Patterns.Tag)]
    public IReadOnlyDictionary<string, string>? Tags { get; init; }
}

/// <summary>Output of CreateApiKeyCredentialProvider.</summary>
public sealed record CreateApiKeyCredentialProviderResponse
{
    /// <summary>Name of the secret that holds the key.</summary>
    public required Secret ApiKeySecretArn { get; init; }

    /// <summary>Member of an external secret that is the key.</summary>
    [Bound(Min = 1, Max = 128)]
    public string? ApiKeySecretJsonKey { get; init; }

    /// <summary>Who keeps the key.</summary>
    public SecretSourceType? ApiKeySecretSource { get; init; }

    /// <summary>Name.</summary>
    [Bound(Min = 1, Max = 128, Pattern = Patterns.CredentialProviderName)]
    public required string Name { get; init; }

    /// <summary>ARN, as the <c>apiKeyArn</c> of a model takes it.</summary>
    [Bound(Pattern = Patterns.ApiKeyArn)]
    public required string CredentialProviderArn { get; init; }
}

/// <summary>Input of GetApiKeyCredentialProvider.</summary>
public sealed record GetApiKeyCredentialProviderRequest
{
    /// <summary>Name.</summary>
    [Bound(Min = 1, Max = 128, Pattern = Patterns.CredentialProviderName)]
    public required string Name { get; init; }
}

/// <summary>Output of GetApiKeyCredentialProvider; the key is in no output.</summary>
public sealed record GetApiKeyCredentialProviderResponse
{
    /// <summary>Name of the secret that holds the key.</summary>
    public required Secret ApiKeySecretArn { get; init; }

    /// <summary>Member of an external secret that is the key.</summary>
    [Bound(Min = 1, Max = 128)]
    public string? ApiKeySecretJsonKey { get; init; }

    /// <summary>Who keeps the key.</summary>
    public SecretSourceType? ApiKeySecretSource { get; init; }

    /// <summary>Name.</summary>
    [Bound(Min = 1, Max = 128, Pattern = Patterns.CredentialProviderName)]
    public required string Name { get; init; }

    /// <summary>ARN, as the <c>apiKeyArn</c> of a model takes it.</summary>
    [Bound(Pattern = Patterns.ApiKeyArn)]
    public required string CredentialProviderArn { get; init; }

    /// <summary>When it was made.</summary>
    [JsonConverter(typeof(EpochTimeConverter))]
    public required DateTimeOffset CreatedTime { get; init; }

    /// <summary>When the key or its place was last replaced.</summary>
    [JsonConverter(typeof(EpochTimeConverter))]
    public required DateTimeOffset LastUpdatedTime { get; init; }
}

/// <summary>Input of UpdateApiKeyCredentialProvider: replaces the key, or where it is.</summary>
public sealed record UpdateApiKeyCredentialProviderRequest
{
    /// <summary>Name.</summary>
    [Bound(Min = 1, Max = 128, Pattern = Patterns.CredentialProviderName)]
    public required string Name { get; init; }

    /// <summary>The new key; required when it is managed.</summary>
    [Sensitive]
    [Bound(Min = 0, Max = 65536)]
    public string? ApiKey { get; init; }

    /// <summary>Where the key is; required when it is external.</summary>
    public SecretReference? ApiKeySecretConfig { get; init; }

    /// <summary>Who keeps the key; the vault when left out.</summary>
    public SecretSourceType? ApiKeySecretSource { get; init; }
}

/// <summary>Output of UpdateApiKeyCredentialProvider.</summary>
public sealed record UpdateApiKeyCredentialProviderResponse
{
    /// <summary>Name of the secret that holds the key.</summary>
    public required Secret ApiKeySecretArn { get; init; }

    /// <summary>Member of an external secret that is the key.</summary>
    [Bound(Min = 1, Max = 128)]
    public string? ApiKeySecretJsonKey { get; init; }

    /// <summary>Who keeps the key.</summary>
    public SecretSourceType? ApiKeySecretSource { get; init; }

    /// <summary>Name.</summary>
    [Bound(Min = 1, Max = 128, Pattern = Patterns.CredentialProviderName)]
    public required string Name { get; init; }

    /// <summary>ARN, as the <c>apiKeyArn</c> of a model takes it.</summary>
    [Bound(Pattern = Patterns.ApiKeyArn)]
    public required string CredentialProviderArn { get; init; }

    /// <summary>When it was made.</summary>
    [JsonConverter(typeof(EpochTimeConverter))]
    public required DateTimeOffset CreatedTime { get; init; }

    /// <summary>When the key or its place was last replaced.</summary>
    [JsonConverter(typeof(EpochTimeConverter))]
    public required DateTimeOffset LastUpdatedTime { get; init; }
}

/// <summary>Input of DeleteApiKeyCredentialProvider.</summary>
public sealed record DeleteApiKeyCredentialProviderRequest
{
    /// <summary>Name.</summary>
    [Bound(Min = 1, Max = 128, Pattern = Patterns.CredentialProviderName)]
    public required string Name { get; init; }
}

/// <summary>Input of ListApiKeyCredentialProviders.</summary>
public sealed record ListApiKeyCredentialProvidersRequest
{
    /// <summary>Token of the page before.</summary>
    public string? NextToken { get; init; }

    /// <summary>Items of a page.</summary>
    [Bound(Min = 1, Max = 100)]
    public int? MaxResults { get; init; }
}

/// <summary>Output of ListApiKeyCredentialProviders.</summary>
public sealed record ListApiKeyCredentialProvidersResponse
{
    /// <summary>The providers, by name.</summary>
    public required IReadOnlyList<ApiKeyCredentialProviderItem> CredentialProviders { get; init; }

    /// <summary>Token of the next page; absent on the last.</summary>
    public string? NextToken { get; init; }
}

/// <summary>A credential provider in a list.</summary>
public sealed record ApiKeyCredentialProviderItem
{
    /// <summary>Name.</summary>
    [Bound(Min = 1, Max = 128, Pattern = Patterns.CredentialProviderName)]
    public required string Name { get; init; }

    /// <summary>ARN, as the <c>apiKeyArn</c> of a model takes it.</summary>
    [Bound(Pattern = Patterns.ApiKeyArn)]
    public required string CredentialProviderArn { get; init; }

    /// <summary>When it was made.</summary>
    [JsonConverter(typeof(EpochTimeConverter))]
    public required DateTimeOffset CreatedTime { get; init; }

    /// <summary>When the key or its place was last replaced.</summary>
    [JsonConverter(typeof(EpochTimeConverter))]
    public required DateTimeOffset LastUpdatedTime { get; init; }
}

/// <summary>Names a secret.</summary>
public sealed record Secret
{
    /// <summary>ARN in the form that clients know; the secret is in no service of that name.</summary>
    [Bound(Pattern = Patterns.SecretArn)]
    public required string SecretArn { get; init; }
}

/// <summary>Where an external secret is.</summary>
public sealed record SecretReference
{
    /// <summary>Kind and name: <c>environment/NAME</c> or <c>file/NAME</c>, where the operator allows it.</summary>
    [Bound(Min = 1, Max = 2048)]
    public required string SecretId { get; init; }

    /// <summary>Member of the JSON object there that is the key.</summary>
    [Bound(Min = 1, Max = 128)]
    public required string JsonKey { get; init; }
}

/// <summary>Who keeps a secret.</summary>
[JsonConverter(typeof(WireEnumConverter<SecretSourceType>))]
public enum SecretSourceType
{
    /// <summary>The vault, sealed.</summary>
    [JsonStringEnumMemberName("MANAGED")]
    Managed,

    /// <summary>Somebody else; it is looked up whenever it is needed.</summary>
    [JsonStringEnumMemberName("EXTERNAL")]
    External,
}
