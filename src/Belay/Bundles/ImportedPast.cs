using System.Buffers.Binary;
using System.Security.Cryptography;
using Belay.Contracts.Faults;
using Belay.Harnesses;
using Belay.Sessions;

namespace Belay.Bundles;

/// <summary>
/// Makes sessions here of those that an imported one goes on from, so that it refers to its past as every fork does. One that is here already, entry by
/// entry the same, is used as it is; so a second fork of it does not bring it twice, and what an import left that came to nothing is taken up.
/// </summary>
/// <param name="reader">Reads the sessions of this server.</param>
/// <param name="sessions">Makes them.</param>
/// <param name="catalog">Keeps the versions that they name.</param>
/// <param name="actorId">To whom all of them belong.</param>
internal sealed class ImportedPast(SessionReader reader, SessionHost sessions, HarnessCatalog catalog, string actorId)
{
    /// <summary>Makes what is not here yet; answers the ids here, the oldest first, and the session itself as it goes on from the newest.</summary>
    /// <param name="key">The session, which is being begun.</param>
    /// <param name="drafts">All sessions of the bundle, that one last.</param>
    /// <exception cref="ServiceException">Other sessions have the ids.</exception>
    public async Task<(IReadOnlyList<string> Ids, SessionDraft Draft)> MakeAsync(SessionKey key, IReadOnlyList<SessionDraft> drafts)
    {
        var ids = new List<string>();
        var draft = drafts[0];
        for (var i = 1; i < drafts.Count; i++)
        {
            var (id, hash) = await MakeAsync(key, draft);
            ids.Add(id);
            draft = GoingOn(drafts[i], key.HarnessId, id, hash);
        }

        return (ids, draft);
    }

    /// <summary>Begins a session with everything that its draft has.</summary>
    public async Task AppendAsync(SessionJournal journal, SessionDraft draft)
    {
        await journal.FixActorAsync(actorId, CancellationToken.None);
        try
        {
            await catalog.KeepVersionsAsync(journal.Session, draft.Versions, CancellationToken.None);
            await journal.AppendAsync(draft.Entries, CancellationToken.None);
        }
        catch
        {
            await catalog.DropVersionsAsync(journal.Session, draft.Versions, CancellationToken.None);
            throw;
        }
    }

    private async Task<(string Id, string Hash)> MakeAsync(SessionKey fork, SessionDraft draft)
    {
        foreach (var id in Ids(fork, draft))
        {
            var key = fork with { SessionId = id };
            if (await reader.Journal.FindAsync(key, CancellationToken.None) is not { LastSequence: > 0 } row)
            {
                await sessions.BeginAsync(key, (journal, _) => AppendAsync(journal, draft), CancellationToken.None);
                return (id, await HashAsync(key, draft.Recorded));
            }

            if (await IsSameAsync(row, draft))
            {
                return (id, await HashAsync(key, draft.Recorded));
            }
        }

        throw new ServiceException(FaultCode.ConflictException, $"Harness {fork.HarnessId} has other sessions where those would be that the imported one goes on from. Name another harness.");
    }

    // Its own id, and one that says what is in it.
    private static IEnumerable<string> Ids(SessionKey fork, SessionDraft draft)
    {
        if (draft.SessionId != fork.SessionId && SessionImport.SessionId().IsMatch(draft.SessionId))
        {
            yield return draft.SessionId;
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var numbers = new byte[16];
        foreach (var (at, kind, json) in draft.Entries.Take(draft.Recorded))
        {
            BinaryPrimitives.WriteInt64BigEndian(numbers, at.ToUnixTimeMilliseconds());
            BinaryPrimitives.WriteInt32BigEndian(numbers.AsSpan(8), (int)kind);
            BinaryPrimitives.WriteInt32BigEndian(numbers.AsSpan(12), json.Length);
            hash.AppendData(numbers);
            hash.AppendData(json.Span);
        }

        yield return "past-" + Convert.ToHexStringLower(hash.GetHashAndReset())[..40];
    }

    private async Task<bool> IsSameAsync(SessionRow row, SessionDraft draft)
    {
        if (row.LastSequence < draft.Recorded || row.ActorRef is null || row.ActorRef != (await reader.Sealer.LookUpAsync(row.Session.Scope, actorId, CancellationToken.None))?.ActorRef)
        {
            return false;
        }

        try
        {
            await foreach (var opened in SessionJournal.ReadOpenedAsync(reader.Journal, reader.Sealer, row.Session, 0, CancellationToken.None))
            {
                if (opened.Entry.Sequence > draft.Recorded)
                {
                    break;
                }

                var due = draft.Entries[(int)opened.Entry.Sequence - 1];
                if (opened.Stored.Kind != due.Kind || opened.Stored.At.ToUnixTimeMilliseconds() != due.At.ToUnixTimeMilliseconds() || !opened.Json.Span.SequenceEqual(due.Json.Span))
                {
                    return false;
                }
            }

            return true;
        }
        catch (JournalException)
        {
            return false;
        }
    }

    private async Task<string> HashAsync(SessionKey session, long sequence) =>
        Convert.ToHexStringLower((await reader.Journal.ReadAsync(session, sequence - 1, CancellationToken.None).FirstAsync(CancellationToken.None)).Hash.Span);

    private static SessionDraft GoingOn(SessionDraft draft, string harnessId, string sessionId, string hash) => draft with
    {
        // The first entry of what goes on is a fork: whoever made the draft has made sure. What a fork is given decides about calls to come, which
        // is for whoever owns the harness here.
        Entries = [PlainEntry.Of(draft.Entries[0].At, draft.Forked! with { HarnessId = harnessId, SessionId = sessionId, Hash = hash, Model = null, System = null }), .. draft.Entries.Skip(1)],
    };
}
