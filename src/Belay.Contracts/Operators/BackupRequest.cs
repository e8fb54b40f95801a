using Belay.Contracts.Validation;

namespace Belay.Contracts.Operators;

/// <summary>Asks a running server for a backup of everything that it keeps.</summary>
public sealed record BackupRequest
{
    /// <summary>Seals the archive; whoever restores it needs it again. 12 to 1,024 characters.</summary>
    [Bound(Min = 12, Max = 1024)]
    public required string Passphrase { get; init; }
}
