using System.Runtime.CompilerServices;
using Belay.Sessions;
using Belay.Storage.Sqlite;

namespace Belay.Verification;

/// <summary>What is stored of a session, beside what was signed of it. One of them is there.</summary>
/// <param name="Stored">What is stored; null when nothing is.</param>
/// <param name="Signed">What was signed; null when nothing was.</param>
internal sealed record ComparedSession(StoredSession? Stored, SignedHead? Signed)
{
    /// <summary>The session: what was signed names it better than what can be changed.</summary>
    public SessionKey Session => Signed?.Session ?? Stored!.Session;

    /// <summary>What is wrong without reading an entry; null when nothing is.</summary>
    public JournalDamagedException? Damage => this switch
    {
        { Stored: null } => Damaged(1, "the whole session is missing, though it was written: the signed heads say so."),
        { Signed: { } signed } when signed.Session != Stored.Session =>
            Damaged(1, $"the session stands under another name: session {Stored.Session.SessionId} on harness {Stored.Session.HarnessId}."),
        { Stored.Row: null } => Damaged(1, "the session's row is missing."),
        _ => null,
    };

    /// <summary>The same, and that the signed entry is the one that is stored; what stands before it is not read.</summary>
    public async ValueTask<JournalDamagedException?> LookAsync(SqliteJournal journal, CancellationToken cancellationToken)
    {
        if (Damage is { } damage || Signed is null)
        {
            return Damage;
        }

        var row = Stored!.Row!; // Without one there is damage.
        if (row.LastSequence < Signed.Sequence)
        {
            return Damaged(row.LastSequence + 1, SessionCheck.Missing(row.LastSequence + 1, Signed.Sequence, wereSigned: true));
        }

        ReadOnlyMemory<byte>? hash = row.LastSequence == Signed.Sequence ? row.LastHash : await journal.HashAsync(Signed.Number, Signed.Sequence, cancellationToken);
        return hash is null ? Damaged(Signed.Sequence, "it is missing, though it was written: the signed heads say so.")
            : !hash.Value.Span.SequenceEqual(Signed.Hash.Span) ? Damaged(Signed.Sequence, "it is not the one that was signed: it, or one before it, was replaced.")
            : null;
    }

    /// <summary>Every session that is stored or was signed, the smallest number first.</summary>
    public static async IAsyncEnumerable<ComparedSession> AllAsync(
        SqliteJournal journal, IEnumerable<SignedHead> heads, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var signed = heads.GetEnumerator();
        var more = signed.MoveNext();
        await foreach (var stored in journal.StoredAsync(cancellationToken))
        {
            for (; more && signed.Current.Number < stored.Number; more = signed.MoveNext())
            {
                yield return new(null, signed.Current);
            }

            var both = more && signed.Current.Number == stored.Number;
            yield return new(stored, both ? signed.Current : null);
            more = both ? signed.MoveNext() : more;
        }

        for (; more; more = signed.MoveNext())
        {
            yield return new(null, signed.Current);
        }
    }

    private JournalDamagedException Damaged(long sequence, string problem) => new(Session, sequence, problem);
}
