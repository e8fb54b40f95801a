using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts;
using Belay.Contracts.Identity;

namespace Belay.Identity;

/// <summary>A resource that can carry tags.</summary>
internal interface ITagged<out T>
{
    IReadOnlyDictionary<string, string> Tags { get; }

    T Tagged(IReadOnlyDictionary<string, string> tags);
}

/// <summary>What is kept of a credential provider. The key is sealed; everything else is clear.</summary>
internal sealed record ApiKeyProviderDocument : ITagged<ApiKeyProviderDocument>
{
    public required string Name { get; init; }

    /// <summary>The key, sealed; null where it is external.</summary>
    public SealedKey? Key { get; init; }

    /// <summary>Where an external key is.</summary>
    public SecretReference? External { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>();

    public ApiKeyProviderDocument Tagged(IReadOnlyDictionary<string, string> tags) => this with { Tags = tags };
}

/// <summary>A sealed API key.</summary>
/// <param name="KeyRef">Reference of the data key that sealed it.</param>
/// <param name="Box">The sealed bytes.</param>
internal sealed record SealedKey(string KeyRef, byte[] Box);

/// <summary>What is kept of a workload identity.</summary>
internal sealed record WorkloadIdentityDocument : ITagged<WorkloadIdentityDocument>
{
    public required string Name { get; init; }

    /// <summary>Random, so that a token does not outlive its identity into another one of the same name.</summary>
    public required string UniqueId { get; init; }

    public IReadOnlyList<string>? ReturnUrls { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>();

    public WorkloadIdentityDocument Tagged(IReadOnlyDictionary<string, string> tags) => this with { Tags = tags };
}

/// <summary>What is kept of a vault itself.</summary>
internal sealed record VaultDocument(DateTimeOffset ModifiedAt);

[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, PropertyNameCaseInsensitive = false, Converters = [typeof(WireTimeConverter)])]
[JsonSerializable(typeof(ApiKeyProviderDocument))]
[JsonSerializable(typeof(WorkloadIdentityDocument))]
[JsonSerializable(typeof(VaultDocument))]
internal sealed partial class IdentityJson : JsonSerializerContext;
