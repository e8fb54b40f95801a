using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Belay.Identity;
using Belay.Sessions;

namespace Belay.Verification;

/// <summary>
/// Verifies one session from its first entry to its last: the chain of hashes, each body whose key exists, the session's row, and what was
/// signed of it; of a fork also what it goes on from. Bodies of an erased actor stay closed; the chain over them is verified all the same.
/// </summary>
/// <param name="journal">Where it is stored.</param>
/// <param name="sealer">Opens its bodies.</param>
/// <param name="row">Its row, read before its entries.</param>
/// <param name="signed">What was signed of it, read before the row; null for nothing.</param>
/// <param name="withPast">Whether every entry that it shares with others is verified, too; otherwise those are verified as their own sessions', and here
/// only that the last of them is the one that was forked.</param>
internal sealed class SessionCheck(IJournal journal, ISealer sealer, SessionRow row, SignedHead? signed, bool withPast)
{
    private const int Step = 1000;

    /// <summary>Entries that were read.</summary>
    public long Entries { get; private set; }

    /// <summary>Those whose key was destroyed.</summary>
    public long Erased { get; private set; }

    /// <summary>Those whose form only a newer version knows.</summary>
    public long Unknown { get; private set; }

    /// <summary>Those that come after what was signed.</summary>
    public long Unsigned { get; private set; }

    /// <summary>Time of the first of those; null when there is none.</summary>
    public DateTimeOffset? UnsignedSince { get; private set; }

    /// <summary>Time of the last entry.</summary>
    public DateTimeOffset? LastAt { get; private set; }

    /// <summary>Verifies, stopping now and then so that somebody can be told how far it is.</summary>
    /// <exception cref="JournalDamagedException">An entry is not what was appended, or the newest ones are missing.</exception>
    public async IAsyncEnumerable<long> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var chain = new EntryChain(row.Session);
        await foreach (var (stored, header) in SessionJournal.ReadVerifiedAsync(journal, chain, row.Session, 0, cancellationToken))
        {
            Entries = stored.Sequence;
            LastAt = stored.At;
            CheckRow(stored);
            CheckSigned(stored);
            await OpenAsync(stored, header, cancellationToken);
            if (stored.Sequence % Step == 0)
            {
                yield return stored.Sequence;
            }
        }

        var signedTo = signed?.Sequence ?? 0;
        if (Entries < Math.Max(row.LastSequence, signedTo))
        {
            throw Damaged(Entries + 1, Missing(Entries + 1, Math.Max(row.LastSequence, signedTo), signedTo > Entries));
        }
    }

    /// <summary>The words for entries that are not there.</summary>
    public static string Missing(long from, long to, bool wereSigned)
    {
        var which = from == to ? "it is missing" : string.Create(CultureInfo.InvariantCulture, $"it and all up to entry {to} are missing");
        return wereSigned ? $"{which}, though {(from == to ? "it was" : "they were")} written: the signed heads say so." : $"{which}.";
    }

    private void CheckRow(StoredEntry stored)
    {
        // A session that is being written grows past the row that was read.
        if (stored.Sequence != row.LastSequence)
        {
            return;
        }

        if (!stored.Hash.Span.SequenceEqual(row.LastHash.Span))
        {
            throw Damaged(stored.Sequence, "the session's row names another last entry.");
        }

        if (stored.At != row.LastActivityAt || stored.Kind != row.LastKind || stored.ActorRef != row.ActorRef)
        {
            throw Damaged(stored.Sequence, "the session's row says something else of it: its time, its kind or its actor.");
        }
    }

    private void CheckSigned(StoredEntry stored)
    {
        if (stored.Sequence == signed?.Sequence && !stored.Hash.Span.SequenceEqual(signed.Hash.Span))
        {
            throw Damaged(stored.Sequence, "it is not the one that was signed: it, or one before it, was replaced.");
        }

        if (stored.Sequence > (signed?.Sequence ?? 0))
        {
            Unsigned++;
            UnsignedSince ??= stored.At;
        }
    }

    private async ValueTask OpenAsync(StoredEntry stored, byte[] header, CancellationToken cancellationToken)
    {
        try
        {
            if (await SessionJournal.KeyOfAsync(sealer, row.Session, stored, cancellationToken) is not { } key)
            {
                Erased++;
            }
            else if (SessionJournal.Open(sealer, key, row.Session, stored, header).Entry is { Sequence: 1, Body: SessionForked })
            {
                await CheckPastAsync(cancellationToken);
            }
        }
        catch (CryptographicException cause)
        {
            throw new JournalDamagedException(row.Session, stored.Sequence, "the key of its actor cannot be opened.", cause);
        }
        catch (JournalUnknownEntryException)
        {
            Unknown++;
        }
    }

    private async Task CheckPastAsync(CancellationToken cancellationToken)
    {
        if (withPast)
        {
            foreach (var place in await SessionPast.PlacesAsync(journal, sealer, row.Session, cancellationToken))
            {
                await foreach (var _ in SessionPast.SharedAsync(journal, sealer, place, cancellationToken))
                {
                }
            }
        }
        else if (await SessionPast.OriginAsync(journal, sealer, row.Session, cancellationToken) is { } forked)
        {
            var parent = new SessionKey(row.Session.Scope, forked.HarnessId, forked.SessionId);
            var last = await journal.ReadAsync(parent, forked.Sequence - 1, cancellationToken).FirstOrDefaultAsync(cancellationToken);
            if (last?.Sequence != forked.Sequence || Convert.ToHexStringLower(last.Hash.Span) != forked.Hash)
            {
                throw Damaged(1, $"entry {forked.Sequence} of session {forked.SessionId}, which it goes on from, is {(last?.Sequence == forked.Sequence ? "another one now" : "missing")}.");
            }
        }
    }

    private JournalDamagedException Damaged(long sequence, string problem) => new(row.Session, sequence, problem);
}
