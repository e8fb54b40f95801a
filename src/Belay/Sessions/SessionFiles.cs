using System.Globalization;

namespace Belay.Sessions;

/// <summary>What sessions ask of whoever keeps their files.</summary>
/// <param name="SaveAsync">Saves the files of a session as they are; null when there is nothing new or they may not be saved.</param>
/// <param name="RestoreAsync">Makes the files of a session that does not exist yet.</param>
public sealed record SessionFiles(SaveSessionFiles SaveAsync, RestoreSessionFiles RestoreAsync);

/// <summary>Saves the files of a session.</summary>
/// <param name="session">The session.</param>
/// <param name="sequence">Its last entry whose effects are in them.</param>
/// <param name="cancellationToken">Ends it; nothing is saved then.</param>
public delegate Task<WorkspaceSaved?> SaveSessionFiles(SessionKey session, long sequence, CancellationToken cancellationToken);

/// <summary>Makes the files of a session that does not exist yet from what was saved of another one, and begins it. When that fails there are none.</summary>
/// <param name="source">The other session.</param>
/// <param name="at">What was saved last at this entry of it or before.</param>
/// <param name="target">The session that begins.</param>
/// <param name="beginAsync">Begins it, once the files are there; it is told which they are, null for none.</param>
/// <param name="cancellationToken">Ends it.</param>
public delegate Task<SavedFiles?> RestoreSessionFiles(
    SessionKey source, long at, SessionKey target, Func<SavedFiles?, Task> beginAsync, CancellationToken cancellationToken);

/// <summary>Files of a session that were saved.</summary>
/// <param name="Sequence">The session's last entry whose effects are in them.</param>
/// <param name="SavedAt">When.</param>
/// <param name="Files">How many.</param>
/// <param name="Bytes">Their size.</param>
public sealed record SavedFiles(long Sequence, DateTimeOffset SavedAt, int Files, long Bytes)
{
    /// <summary>Their id among those of the session, as entries have it.</summary>
    public string Id => IdOf(Sequence);

    /// <summary>The id of what was saved at an entry.</summary>
    public static string IdOf(long sequence) => sequence.ToString(CultureInfo.InvariantCulture);
}
