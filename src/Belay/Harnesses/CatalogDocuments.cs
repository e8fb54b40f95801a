using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Belay.Contracts;
using Belay.Contracts.Harnesses;
using Belay.Storage;

namespace Belay.Harnesses;

/// <summary>What is known of a harness beside its versions. Every change below a harness also writes this document, so that
/// its etag orders all changes of one harness.</summary>
internal sealed record HarnessHead
{
    public required string HarnessId { get; init; }

    public required string HarnessName { get; init; }

    public required HarnessStatus Status { get; init; }

    public required int LatestVersion { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    public string? FailureReason { get; init; }
}

/// <summary>State of a version; its content is the <see cref="VersionSnapshot"/>, which never changes.</summary>
internal sealed record VersionState
{
    public required int Version { get; init; }

    public required HarnessStatus Status { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    public string? FailureReason { get; init; }
}

/// <summary>Content of a version. Stored sealed: prompts, header values and variables are sensitive.</summary>
internal sealed record VersionSnapshot
{
    public required Harness Harness { get; init; }

    public required BelaySettings Settings { get; init; }
}

/// <summary>A reference from a name, an age or a piece of work to a harness.</summary>
internal sealed record HarnessReference
{
    public required string HarnessId { get; init; }
}

/// <summary>What a client token stands for.</summary>
internal sealed record ClientTokenRecord
{
    public required string Digest { get; init; }

    public required string Resource { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }
}

[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    PropertyNameCaseInsensitive = false,
    NumberHandling = JsonNumberHandling.Strict,
    // A request nests up to the wire's limit; what is stored wraps it once or twice.
    MaxDepth = BelayJson.MaxDepth + 8,
    Converters = [typeof(WireTimeConverter)])]
[JsonSerializable(typeof(HarnessHead))]
[JsonSerializable(typeof(VersionState))]
[JsonSerializable(typeof(VersionSnapshot))]
[JsonSerializable(typeof(HarnessReference))]
[JsonSerializable(typeof(HarnessEndpoint))]
[JsonSerializable(typeof(ClientTokenRecord))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, string>))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, JsonElement>))]
[JsonSerializable(typeof(string))]
internal sealed partial class CatalogJson : JsonSerializerContext;

/// <summary>Where the documents of harnesses are.</summary>
internal static class CatalogKeys
{
    public const string Heads = "harnesses";
    public const string Names = "harness-names";
    public const string Ids = "harness-ids";
    public const string Ages = "harness-ages";
    public const string Versions = "harness-versions";
    public const string Snapshots = "harness-snapshots";
    public const string Endpoints = "harness-endpoints";
    public const string Tags = "harness-tags";
    public const string Policies = "harness-policies";
    public const string Work = "harness-work";
    public const string Imported = "imported-versions";
    public const string DefaultEndpoint = "DEFAULT";

    /// <summary>Versions have at most five digits on the wire.</summary>
    public const int LastVersion = 99_999;

    private const long AfterLastMillisecond = 10_000_000_000_000;

    public static DocumentKey Head(string harnessId) => new(Heads, harnessId);

    public static DocumentKey Name(string harnessName) => new(Names, harnessName);

    /// <summary>Registers an id for ever, so that a deleted harness never lends its id to another.</summary>
    public static DocumentKey Id(string harnessId) => new(Ids, harnessId);

    /// <summary>Sorts the newest harness first.</summary>
    public static DocumentKey Age(HarnessHead head) =>
        new(Ages, (AfterLastMillisecond - head.CreatedAt.ToUnixTimeMilliseconds()).ToString("D13", CultureInfo.InvariantCulture) + "-" + head.HarnessId);

    /// <summary>Sorts the newest version first.</summary>
    public static DocumentKey Version(string harnessId, int version) => new(Versions, Below(harnessId) + Inverse(version));

    public static DocumentKey Snapshot(string harnessId, int version) => new(Snapshots, Below(harnessId) + Inverse(version));

    /// <summary>A version that an imported session names, of the harness where it ran.</summary>
    public static DocumentKey ImportedVersion(string harnessId, string sessionId, string version) => new(Imported, Below(harnessId) + sessionId + "/" + version);

    /// <summary>Sorts the default endpoint first, then by name.</summary>
    public static DocumentKey Endpoint(string harnessId, string name) =>
        new(Endpoints, Below(harnessId) + (name == DefaultEndpoint ? "0" : "1" + name));

    public static DocumentKey Tag(string harnessId, string? endpoint) => new(Tags, Resource(harnessId, endpoint));

    public static DocumentKey Policy(string harnessId, string? endpoint) => new(Policies, Resource(harnessId, endpoint));

    public static DocumentKey WorkOn(string harnessId) => new(Work, harnessId);

    /// <summary>Prefix of everything that belongs to one harness. An id holds no slash, so no other harness shares it.</summary>
    public static string Below(string harnessId) => harnessId + "/";

    private static string Resource(string harnessId, string? endpoint) => endpoint is null ? harnessId : Below(harnessId) + endpoint;

    private static string Inverse(int version) => (LastVersion - version).ToString("D5", CultureInfo.InvariantCulture);
}

/// <summary>Writes that are applied together or not at all.</summary>
internal sealed class CatalogBatch
{
    private readonly List<DocumentWrite> _writes = [];

    public IReadOnlyList<DocumentWrite> Writes => _writes;

    /// <summary>Writes a document that must not exist yet.</summary>
    public CatalogBatch Add<T>(DocumentKey key, T value, JsonTypeInfo<T> type) => Put(key, value, type, 0);

    /// <summary>Writes a document that must still have <paramref name="etag"/>; any when null.</summary>
    public CatalogBatch Put<T>(DocumentKey key, T value, JsonTypeInfo<T> type, long? etag)
    {
        _writes.Add(new DocumentWrite(key, JsonSerializer.SerializeToUtf8Bytes(value, type), etag));
        return this;
    }

    public CatalogBatch Put(DocumentWrite write)
    {
        _writes.Add(write);
        return this;
    }

    /// <summary>Deletes a document that must still have <paramref name="etag"/>; any when null.</summary>
    public CatalogBatch Delete(DocumentKey key, long? etag)
    {
        _writes.Add(new DocumentWrite(key, null, etag));
        return this;
    }
}

/// <summary>A document as it was read.</summary>
internal sealed record Stored<T>(T Value, long Etag);
