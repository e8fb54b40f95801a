using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Belay.Contracts.Faults;
using Belay.Identity;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Sessions;

/// <summary>
/// Reads sessions that others write: without a lease, and without reading twice what it has read. Folds are kept, the least recently used
/// go first, and a kept one goes on from its last entry. What is erased is not answered from memory either.
/// </summary>
/// <param name="journal">Where sessions are recorded.</param>
/// <param name="sealer">Opens their bodies.</param>
/// <param name="look">What this server does with a session now.</param>
/// <param name="settings">How much is kept and read at a time.</param>
[SuppressMessage("Design", "CA1001", Justification = "A SemaphoreSlim holds nothing to dispose unless its wait handle is asked for.")]
public sealed class SessionReader(IJournal journal, ISealer sealer, Func<SessionKey, SessionActivity> look, SessionReaderSettings settings)
{
    private readonly FoldCache _kept = new(settings.MaxFolds, settings.MaxFoldBytes);
    private readonly SemaphoreSlim _reading = new(settings.MaxReads, settings.MaxReads);

    /// <summary>Where sessions are recorded.</summary>
    public IJournal Journal { get; } = journal;

    /// <summary>Opens their bodies.</summary>
    public ISealer Sealer { get; } = sealer;

    /// <summary>Settings.</summary>
    public SessionReaderSettings Settings { get; } = settings;

    /// <summary>Which sessions are damaged.</summary>
    public Quarantine Quarantine { get; init; } = new(NullLogger.Instance);

    /// <summary>The row of a session that has at least one entry.</summary>
    /// <exception cref="ServiceException">404: there is none.</exception>
    public async Task<SessionRow> RowAsync(SessionKey key, CancellationToken cancellationToken) =>
        await Journal.FindAsync(key, cancellationToken) is { LastSequence: > 0 } row
            ? row
            : throw new ServiceException(FaultCode.ResourceNotFoundException, $"Session {key.SessionId} of harness {key.HarnessId} does not exist.");

    /// <summary>
    /// Takes something from the fold of a session. Null when that would need reading and the budget is spent. The fold is the caller's only
    /// while <paramref name="use"/> runs; it is handed what the server does with the session, seen after the journal was read.
    /// </summary>
    public async Task<SessionRead<T>?> ReadAsync<T>(
        SessionRow row, ReadBudget budget, Func<SessionRow, SessionFold, SessionActivity, T> use, CancellationToken cancellationToken)
    {
        // The key is asked for even when the fold is kept: what is erased vanishes at once.
        try
        {
            Quarantine.ThrowIfIn(row.Session);
            if (row.ActorRef is { } actorRef && await Sealer.FindAsync(row.Session.Scope, actorRef, cancellationToken) is null)
            {
                _kept.Remove(row.Session);
                return new(default, new JournalErasedException(row.Session, row.LastSequence));
            }
        }
        catch (JournalDamagedException known)
        {
            _kept.Remove(row.Session);
            return new(default, known);
        }
        catch (CryptographicException cause)
        {
            return new(default, Damaged(new(row.Session, row.LastSequence, "the key of its actor cannot be opened.", cause)));
        }

        var kept = _kept.Take(row.Session);
        await kept.Gate.WaitAsync(cancellationToken);
        try
        {
            if (kept.Problem is { } known && kept.ProblemAt == row.LastSequence)
            {
                return new(default, known);
            }

            if (kept.Fold.LastSequence < row.LastSequence && !budget.TryTake())
            {
                return null;
            }

            await GoOnAsync(kept, row, cancellationToken);
            var activity = look(row.Session);
            if (activity != SessionActivity.Busy && kept.Fold.Unfinished && await Journal.FindAsync(row.Session, cancellationToken) is { } newer)
            {
                // An end is in the journal before its session is free: seen free now, it must be there now.
                row = newer;
                await GoOnAsync(kept, row, cancellationToken);
            }

            return new(use(row, kept.Fold, activity), null);
        }
        catch (JournalException problem)
        {
            if (problem is JournalDamagedException damage)
            {
                Damaged(damage);
            }

            if (problem is not JournalErasedException)
            {
                (kept.Problem, kept.ProblemAt) = (problem, row.LastSequence);
            }

            kept.Fold = new();
            return new(default, problem);
        }
        finally
        {
            kept.Bytes = kept.Fold.ApproximateBytes;
            kept.Gate.Release();
            _kept.Weigh(kept);
        }
    }

    /// <summary>Quarantines a session.</summary>
    public JournalDamagedException Damaged(JournalDamagedException damage)
    {
        Quarantine.Add(damage);
        return damage;
    }

    private async Task GoOnAsync(FoldCache.Kept kept, SessionRow row, CancellationToken cancellationToken)
    {
        if (kept.Fold.LastSequence >= row.LastSequence)
        {
            return;
        }

        await _reading.WaitAsync(cancellationToken);
        try
        {
            await foreach (var entry in SessionJournal.ReadAsync(Journal, Sealer, row.Session, kept.Fold.LastSequence, cancellationToken))
            {
                kept.Fold.Apply(entry);
            }

            if (kept.Fold.LastSequence < row.LastSequence)
            {
                throw new JournalDamagedException(row.Session, kept.Fold.LastSequence + 1, "it is missing.");
            }
        }
        finally
        {
            _reading.Release();
        }
    }
}

/// <summary>How much a <see cref="SessionReader"/> keeps, and how much of it happens at a time.</summary>
public sealed record SessionReaderSettings
{
    /// <summary>Folds that are kept.</summary>
    public int MaxFolds { get; init; } = 10_000;

    /// <summary>About how much memory they hold together.</summary>
    public long MaxFoldBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>Journals that are folded at a time.</summary>
    public int MaxReads { get; init; } = 4;

    /// <summary>Journals that one page of a list may have to read.</summary>
    public int PageBudget { get; init; } = 200;

    /// <summary>Journals that one search or sum may have to read.</summary>
    public int SearchBudget { get; init; } = 2_000;

    /// <summary>Invocations that a trace may have to be shown; whoever invokes chooses its trace.</summary>
    public int MaxTraceInvocations { get; init; } = 200;

    /// <summary>Entries that one page of log lines opens.</summary>
    public int LogBudget { get; init; } = 10_000;
}

/// <summary>What was read of a session: a value, or why there is none.</summary>
/// <param name="Value">What was taken from the fold.</param>
/// <param name="Problem">Why the journal cannot be read; null when it can.</param>
public readonly record struct SessionRead<T>(T? Value, JournalException? Problem);

/// <summary>How many journals one request may still read.</summary>
public sealed class ReadBudget(int journals)
{
    private int _left = journals;

    /// <summary>Whether one more may be read; it counts.</summary>
    public bool TryTake() => Interlocked.Decrement(ref _left) >= 0;
}
