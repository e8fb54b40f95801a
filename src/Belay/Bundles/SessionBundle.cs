using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts;
using Belay.Contracts.Harnesses;
using Belay.Replays;

namespace Belay.Bundles;

/// <summary>A session as one file: its journal, opened, and the versions of its harness that it names.</summary>
/// <param name="Header">What it is.</param>
/// <param name="Entries">The journal, from its first entry.</param>
/// <param name="At">When each entry was appended.</param>
/// <param name="Versions">The versions, without what may not leave their server.</param>
/// <param name="LeftOut">Of each version, the members that may not leave their server and were set there, as paths.</param>
/// <param name="Fingerprint">Names the key that signed it.</param>
public sealed record SessionBundle(
    BundleHeader Header,
    IReadOnlyList<RecordedEntry> Entries,
    IReadOnlyList<DateTimeOffset> At,
    IReadOnlyDictionary<string, Harness> Versions,
    IReadOnlyDictionary<string, IReadOnlyList<string>> LeftOut,
    string Fingerprint);

/// <summary>The first line of a bundle.</summary>
/// <param name="Format">Version of the form.</param>
/// <param name="HarnessId">Harness that the session belonged to.</param>
/// <param name="HarnessName">Its name.</param>
/// <param name="SessionId">The session.</param>
/// <param name="CreatedAt">When the bundle was made.</param>
/// <param name="Entries">Entries of its journal.</param>
public sealed record BundleHeader(int Format, string HarnessId, string HarnessName, string SessionId, DateTimeOffset CreatedAt, long Entries);

/// <summary>A line with one entry.</summary>
/// <param name="Sequence">From 1, without gaps.</param>
/// <param name="At">When it was appended.</param>
/// <param name="Kind">What happened.</param>
/// <param name="Body">Its members, as the journal keeps them.</param>
internal sealed record BundleEntry(long Sequence, DateTimeOffset At, string Kind, [property: JsonConverter(typeof(RawJsonConverter))] JsonElement Body);

/// <summary>The last line.</summary>
/// <param name="Key">Public key, as SubjectPublicKeyInfo.</param>
/// <param name="Signature">ECDSA P-256 with SHA-256 over the digest of the line before.</param>
internal sealed record BundleEnd(byte[] Key, byte[] Signature);

/// <summary>One line. Exactly one member is set, and with a version what was left out of it.</summary>
internal sealed record BundleLine
{
    public BundleHeader? Header { get; init; }

    public BundleEntry? Entry { get; init; }

    public Harness? Version { get; init; }

    public IReadOnlyList<string>? LeftOut { get; init; }

    public BundleEnd? End { get; init; }
}

/// <summary>The JSON form of bundles.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, PropertyNameCaseInsensitive = false, MaxDepth = MaxDepth, Converters = [typeof(WireTimeConverter)])]
[JsonSerializable(typeof(BundleLine))]
internal sealed partial class BundleJson : JsonSerializerContext
{
    /// <summary>Deepest nesting; above that of any journal.</summary>
    public const int MaxDepth = 1010;
}
