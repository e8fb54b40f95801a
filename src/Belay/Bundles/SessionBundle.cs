using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Agents;
using Belay.Contracts;
using Belay.Contracts.Harnesses;
using Belay.Replays;

namespace Belay.Bundles;

/// <summary>A session as one file: its journal, opened, that of the sessions which it goes on from, the versions of its harness that they name, and its files.</summary>
/// <param name="Header">What it is.</param>
/// <param name="Past">The sessions that it goes on from, as far as it shares them, the oldest first; none when it began by itself.</param>
/// <param name="Entries">Its own journal, from its first entry.</param>
/// <param name="At">When each of its own entries was appended.</param>
/// <param name="Versions">The versions, without what may not leave their server.</param>
/// <param name="LeftOut">Of each version, the members that may not leave their server and were set there, as paths.</param>
/// <param name="Fingerprint">Names the key that signed it.</param>
public sealed record SessionBundle(
    BundleHeader Header,
    IReadOnlyList<BundledSession> Past,
    IReadOnlyList<RecordedEntry> Entries,
    IReadOnlyList<DateTimeOffset> At,
    IReadOnlyDictionary<string, Harness> Versions,
    IReadOnlyDictionary<string, IReadOnlyList<string>> LeftOut,
    string Fingerprint)
{
    /// <summary>All of it, the session itself last.</summary>
    public IReadOnlyList<BundledSession> Sessions => [.. Past, new(Header.SessionId, Entries, At)];

    /// <summary>The conversation that some of the sessions make, in order.</summary>
    /// <param name="sessions">How many, the oldest first.</param>
    /// <exception cref="BundleException">An entry cannot stand where it does.</exception>
    public Conversation Fold(int sessions)
    {
        var conversation = new Conversation();
        foreach (var entry in Sessions.Take(sessions).SelectMany(session => session.Entries))
        {
            // Whoever signed it may have written anything.
            try
            {
                conversation.Apply(entry.Body);
            }
            catch (Exception cause) when (cause is UnreachableException or ArgumentException or NullReferenceException or InvalidOperationException)
            {
                throw new BundleException($"Entry {entry.Sequence} cannot stand where it does.", cause);
            }
        }

        return conversation;
    }
}

/// <summary>One session of a bundle.</summary>
/// <param name="SessionId">Its id where it comes from.</param>
/// <param name="Entries">Its entries, from the first one.</param>
/// <param name="At">When each was appended.</param>
public sealed record BundledSession(string SessionId, IReadOnlyList<RecordedEntry> Entries, IReadOnlyList<DateTimeOffset> At);

/// <summary>The first line of a bundle.</summary>
/// <param name="Format">Version of the form.</param>
/// <param name="HarnessId">Harness that the session belonged to.</param>
/// <param name="HarnessName">Its name.</param>
/// <param name="SessionId">The session.</param>
/// <param name="CreatedAt">When the bundle was made.</param>
/// <param name="Entries">Entries of its own journal.</param>
/// <param name="Past">The sessions that it was forked from, the oldest first; null when it began by itself.</param>
/// <param name="Files">Its files; null when they are not in the bundle.</param>
public sealed record BundleHeader(
    int Format,
    string HarnessId,
    string HarnessName,
    string SessionId,
    DateTimeOffset CreatedAt,
    long Entries,
    IReadOnlyList<BundlePast>? Past = null,
    BundleFiles? Files = null);

/// <summary>A session that another one goes on from.</summary>
/// <param name="SessionId">The session.</param>
/// <param name="Entries">How many of its entries are shared: it was forked at the last of them.</param>
public sealed record BundlePast(string SessionId, long Entries);

/// <summary>The files of a session, as they were saved last.</summary>
/// <param name="Sequence">The session's last entry whose effects are in them.</param>
/// <param name="SavedAt">When.</param>
/// <param name="Files">How many.</param>
/// <param name="Bytes">Their size.</param>
/// <param name="Length">Bytes of the archive that has them.</param>
public sealed record BundleFiles(long Sequence, DateTimeOffset SavedAt, int Files, long Bytes, long Length);

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

    public byte[]? Files { get; init; }

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
