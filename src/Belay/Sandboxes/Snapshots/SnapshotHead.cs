using System.Text.Json;
using System.Text.Json.Serialization;

namespace Belay.Sandboxes.Snapshots;

/// <summary>The first entry of a snapshot: what follows it.</summary>
/// <param name="Form">Form of the archive.</param>
/// <param name="Sequence">The session's last entry whose effects are in it.</param>
/// <param name="SavedAt">When it was made.</param>
/// <param name="Files">Files in it.</param>
/// <param name="Bytes">Their size.</param>
/// <param name="Digest">Digest over names, sizes, times and modes; equal files have an equal one.</param>
internal sealed record SnapshotHead(int Form, long Sequence, DateTimeOffset SavedAt, int Files, long Bytes, string Digest)
{
    /// <summary>Its name in the archive.</summary>
    public const string Name = "snapshot.json";

    /// <summary>The form that is written now.</summary>
    public const int Current = 1;
}

/// <summary>A session whose files are being made; it is cleared up when the server dies before the session begins.</summary>
/// <param name="Account">Account.</param>
/// <param name="Region">Region.</param>
/// <param name="HarnessId">Harness.</param>
/// <param name="SessionId">Session.</param>
internal sealed record SnapshotTarget(string Account, string Region, string HarnessId, string SessionId);

/// <summary>JSON of snapshots.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, MaxDepth = 4)]
[JsonSerializable(typeof(SnapshotHead))]
[JsonSerializable(typeof(SnapshotTarget))]
internal sealed partial class SnapshotJson : JsonSerializerContext;
