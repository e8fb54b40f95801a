using System.Text.Json;
using System.Text.Json.Serialization;

namespace Belay.Backups;

/// <summary>The last entry of an archive: what the others must add up to.</summary>
/// <param name="Form">Form of the archive's content.</param>
/// <param name="CreatedAt">When the backup was made.</param>
/// <param name="Files">Files before it.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="LeftOut">What was not taken.</param>
/// <param name="Sha256">Digest over names, lengths and contents of the files, in their order.</param>
internal sealed record BackupManifest(int Form, DateTimeOffset CreatedAt, long Files, long Bytes, long LeftOut, string Sha256)
{
    /// <summary>Its name in the archive; no file of a data directory has it.</summary>
    public const string Name = "backup-manifest.json";

    /// <summary>The form that is written now.</summary>
    public const int Current = 1;
}

/// <summary>JSON of archives.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, MaxDepth = 4)]
[JsonSerializable(typeof(BackupManifest))]
internal sealed partial class BackupJson : JsonSerializerContext;
