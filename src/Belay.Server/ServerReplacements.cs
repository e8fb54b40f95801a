using Belay.Identity;
using Belay.Sessions;

namespace Belay.Server;

/// <summary>
/// Parts that a composition root of one's own puts in place of the usual ones, to see what each costs. A null leaves the usual one. No
/// setting and no option leads here: a server that people start is always whole.
/// </summary>
public sealed record ServerReplacements
{
    /// <summary>Makes the journal that sessions use from the usual one; the data directory still holds the documents.</summary>
    public Func<IJournal, IJournal>? Journal { get; init; }

    /// <summary>Makes the sealer of journal entries from the usual one.</summary>
    public Func<ISealer, ISealer>? Sealer { get; init; }
}
