using System.Globalization;
using System.Runtime.CompilerServices;
using Belay.Contracts.Verification;
using Belay.Identity;
using Belay.Sessions;
using Belay.Storage;
using Belay.Storage.Sqlite;
using SQLitePCL;

namespace Belay.Verification;

/// <summary>Which sessions are verified; null does not narrow.</summary>
/// <param name="Account">Only of this account.</param>
/// <param name="SessionId">Only with this id.</param>
public sealed record VerificationScope(string? Account = null, string? SessionId = null);

/// <summary>
/// Verifies the journals of a store, one session after the other, and says what it finds as it goes. It changes nothing, and memory does not
/// grow with what is verified. Sessions may be written meanwhile.
/// </summary>
public sealed class StoreVerifier(SqliteJournal journal, ISealer sealer, TimeProvider time)
{
    /// <summary>A server signs about once a second: entries that went unsigned for longer show that heads are missing.</summary>
    private static readonly TimeSpan LongestUnsigned = TimeSpan.FromMinutes(1);

    /// <summary>Time between two words of how far it is.</summary>
    private static readonly TimeSpan Telling = TimeSpan.FromMilliseconds(200);

    /// <summary>Verifies. The last step is done.</summary>
    /// <param name="heads">The signed heads, read before.</param>
    /// <param name="scope">What is verified.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="StorageException">The store cannot be read.</exception>
    public async IAsyncEnumerable<VerificationStep> RunAsync(HeadsScan heads, VerificationScope scope, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        var told = began;
        var scannedAt = time.GetUtcNow();
        var (sessions, entries, erased, unknown, unsigned, damaged) = (0L, 0L, 0L, 0L, 0L, 0L);
        var (unsignedSince, newest) = ((DateTimeOffset?)null, DateTimeOffset.MinValue);
        var all = scope is { Account: null, SessionId: null };
        await foreach (var compared in ComparedSession.AllAsync(journal, heads.Heads(), cancellationToken))
        {
            var session = compared.Session;
            if ((scope.Account is { } account && session.Scope.Account != account) || (scope.SessionId is { } id && session.SessionId != id))
            {
                continue;
            }

            sessions++;
            DamagedSession? problem = compared.Damage is { } known ? Damage(known) : null;
            var check = problem is null ? new SessionCheck(journal, sealer, compared.Stored!.Row!, compared.Signed, withPast: scope.SessionId is not null) : null; // Without a row there is damage.
            var steps = check?.RunAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
            try
            {
                while (steps is not null)
                {
                    (var more, problem) = await NextAsync(steps, session);
                    if (!more)
                    {
                        break;
                    }

                    if (time.GetElapsedTime(told) >= Telling)
                    {
                        told = time.GetTimestamp();
                        yield return Step(null, entries + check!.Entries, done: false);
                    }
                }
            }
            finally
            {
                if (steps is not null)
                {
                    await steps.DisposeAsync();
                }
            }

            if (check is not null)
            {
                entries += check.Entries;
                erased += check.Erased;
                unknown += check.Unknown;
                newest = check.LastAt > newest ? check.LastAt.Value : newest;

                // What was written since the heads were read is none of their business.
                if (check.UnsignedSince is { } since && since <= scannedAt)
                {
                    unsigned += check.Unsigned;
                    unsignedSince = since < unsignedSince ? since : unsignedSince ?? since;
                }
            }

            damaged += problem is null ? 0 : 1;
            if (problem is not null || time.GetElapsedTime(told) >= Telling)
            {
                told = time.GetTimestamp();
                yield return Step(problem, entries, done: false);
            }
        }

        yield return Step(null, entries, done: true);

        VerificationStep Step(DamagedSession? found, long entriesNow, bool done) => new()
        {
            Damaged = found,
            Done = done,
            Tally = new()
            {
                Sessions = sessions,
                Entries = entriesNow,
                ErasedBodies = erased,
                UnknownBodies = unknown,
                UnsignedEntries = unsigned,
                DamagedSessions = damaged,
                Milliseconds = (long)time.GetElapsedTime(began).TotalMilliseconds,
                Heads = scope.Account is null ? Summary(heads, done && all ? Cut(heads, unsignedSince, newest) : null) : null,
            },
        };
    }

    private static async ValueTask<(bool More, DamagedSession? Problem)> NextAsync(IAsyncEnumerator<long> steps, SessionKey session)
    {
        try
        {
            return (await steps.MoveNextAsync(), null);
        }
        catch (JournalDamagedException damage)
        {
            return (false, Damage(damage));
        }
        catch (StorageException broken) when (broken.InnerException is SqliteException { Code: raw.SQLITE_CORRUPT })
        {
            return (false, Damage(new(session, 1, $"it cannot be read. {broken.Message}")));
        }
    }

    private static DamagedSession Damage(JournalDamagedException damage) => new()
    {
        Account = damage.Session.Scope.Account,
        Region = damage.Session.Scope.Region,
        HarnessId = damage.Session.HarnessId,
        SessionId = damage.Session.SessionId,
        Sequence = damage.Sequence,
        Problem = damage.Problem,
        Meaning = damage.Sequence == 1
            ? "Nothing of the session can be relied on."
            : string.Create(CultureInfo.InvariantCulture, $"What stands before entry {damage.Sequence} is as it was written; nothing from there on can be relied on."),
    };

    private static HeadsSummary Summary(HeadsScan heads, string? cut) => new()
    {
        Since = heads.Since,
        Newest = heads.NewestAt,
        Batch = heads.Batch,
        Mac = heads.Batch > 0 ? Convert.ToHexStringLower(heads.Mac.Span) : null,
        Problem = heads.Problem ?? cut,
    };

    // A head that is missing cannot be told from one that a crash left unwritten, but for how much is missing.
    private static string? Cut(HeadsScan heads, DateTimeOffset? unsignedSince, DateTimeOffset newest) =>
        unsignedSince is not { } since ? null
        : heads.Closed ? "The signed heads end before the newest entries, though the store was closed in order: they were cut, or another program wrote entries."
        : newest - since > LongestUnsigned ? "The signed heads end long before the newest entries: they were cut, or could not be written."
        : null;
}
