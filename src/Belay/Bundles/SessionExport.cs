using Belay.Contracts.Faults;
using Belay.Harnesses;
using Belay.Sandboxes.Snapshots;
using Belay.Sessions;

namespace Belay.Bundles;

/// <summary>Makes bundles of the sessions of this server. What of it can be refused is refused before anything is written.</summary>
/// <param name="reader">Reads them.</param>
/// <param name="sessions">Those that are held now.</param>
/// <param name="catalog">Where versions of their harnesses are.</param>
/// <param name="snapshots">Where their files are.</param>
/// <param name="signer">Signs bundles.</param>
/// <param name="settings">How large they may be.</param>
/// <param name="time">The clock.</param>
public sealed class SessionExport(
    SessionReader reader, SessionHost sessions, HarnessCatalog catalog, WorkspaceSnapshots snapshots, BundleKey signer, BundleSettings settings, TimeProvider time)
{
    /// <summary>Looks at a session; what it answers writes the bundle, and is disposed afterwards.</summary>
    /// <param name="key">The session.</param>
    /// <param name="withFiles">Whether the files that were saved last go into it.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="ServiceException">There is no such session, its past cannot be read, or its files are too large.</exception>
    public async Task<PreparedBundle> PrepareAsync(SessionKey key, bool withFiles, CancellationToken cancellationToken)
    {
        // Files of an invocation that has just ended belong to it.
        await sessions.SavedAsync(key, cancellationToken);
        var row = await reader.RowAsync(key, cancellationToken);
        var places = await PlacesAsync(key, cancellationToken);
        var archive = withFiles ? await snapshots.OpenAsync(key, row.LastSequence, cancellationToken) : null;
        if (archive?.Content.Length > settings.MaxFileBytes)
        {
            var length = archive.Content.Length;
            await archive.Content.DisposeAsync();
            throw ServiceException.Invalid([new("files",
                $"would bring an archive of {length} bytes, and the most is {settings.MaxFilesMiB} MiB (Bundles:MaxFilesMiB). Set it to false (--no-files) to leave the files out.")]);
        }

        var header = new BundleHeader(
            BundleWriter.Format,
            key.HarnessId,
            key.HarnessId[..Math.Max(0, key.HarnessId.LastIndexOf('-'))],
            key.SessionId,
            time.GetUtcNow(),
            row.LastSequence,
            places.Count == 0 ? null : [.. places.Select(place => new BundlePast(place.Session.SessionId, place.Last))],
            archive is null ? null : new(archive.Saved.Sequence, archive.Saved.SavedAt, archive.Saved.Files, archive.Saved.Bytes, archive.Content.Length));
        return new(archive?.Content, (output, token) => new BundleWriter(output, signer).WriteAsync(
            header, SessionPast.ReadPlacedAsync(reader.Journal, reader.Sealer, key, places, token), catalog.FindVersionAsync, archive?.Content, token));
    }

    private async Task<IReadOnlyList<SharedPlace>> PlacesAsync(SessionKey key, CancellationToken cancellationToken)
    {
        try
        {
            return await SessionPast.PlacesAsync(reader.Journal, reader.Sealer, key, cancellationToken);
        }
        catch (JournalException problem) when (problem is not JournalDamagedException)
        {
            throw ServiceException.Invalid(ValidationReason.ResourceConflict, problem.Message, problem);
        }
    }
}

/// <summary>A bundle that can be written.</summary>
/// <param name="Archive">The open archive of its files; null when they are not in it.</param>
/// <param name="WriteAsync">Writes it. When that fails in the middle, what was written is no bundle.</param>
public sealed record PreparedBundle(FileStream? Archive, Func<Stream, CancellationToken, Task> WriteAsync) : IAsyncDisposable
{
    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Archive?.DisposeAsync() ?? ValueTask.CompletedTask;
}
