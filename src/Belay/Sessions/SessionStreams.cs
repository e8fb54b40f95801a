using System.Runtime.CompilerServices;
using Belay.Contracts.Sessions;
using Belay.Storage;

namespace Belay.Sessions;

/// <summary>Which log lines are meant.</summary>
/// <param name="HarnessId">Only of this harness; null for all.</param>
/// <param name="SessionId">Only of sessions of this id; null for all.</param>
/// <param name="Since">Only at or after.</param>
/// <param name="Until">Only before; null for no end.</param>
/// <param name="Level">Only this grave or graver.</param>
/// <param name="Text">Only with this text in the message, in any case; null for all.</param>
public sealed record LogFilter(string? HarnessId, string? SessionId, DateTimeOffset Since, DateTimeOffset? Until, LogLineLevel Level, string? Text)
{
    /// <summary>Whether a line is meant.</summary>
    public bool Takes(LogLine line) =>
        line.At >= Since && !(line.At >= Until) && line.Level >= Level && (Text is null || line.Message.Contains(Text, StringComparison.OrdinalIgnoreCase));
}

/// <summary>
/// What happens in sessions, as it happens: entries of one journal, or log lines of all journals of a scope. A reader pulls; nothing is held for
/// one that does not. Following ends when <c>closing</c> is cancelled, after everything that was accepted until then.
/// </summary>
public sealed class SessionStreams(SessionReader reader)
{
    /// <summary>Entries of a session after a sequence.</summary>
    /// <exception cref="JournalException">An entry cannot be read.</exception>
    public async IAsyncEnumerable<OpenedEntry> EntriesAsync(
        SessionKey session, long after, bool follow, CancellationToken closing, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, closing);
        reader.Quarantine.ThrowIfIn(session);
        try
        {
            for (var more = follow; ; more = follow && !closing.IsCancellationRequested)
            {
                // Asked before the read, so that no entry falls between the two.
                var next = more ? reader.Journal.NextAsync(session.Scope, session, leave.Token) : null;
                await foreach (var entry in SessionJournal.ReadOpenedAsync(reader.Journal, reader.Sealer, session, after, cancellationToken))
                {
                    yield return entry;
                    after = entry.Entry.Sequence;
                }

                if (next is null)
                {
                    yield break;
                }

                await next.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            await leave.CancelAsync();
        }
    }

    /// <summary>The newest log lines, the oldest of them first.</summary>
    /// <param name="scope">Whose.</param>
    /// <param name="filter">Which.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="before">Position that all must be before; null for none.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<ReadLogsResponse> LinesAsync(Scope scope, LogFilter filter, int limit, long? before, CancellationToken cancellationToken)
    {
        var lines = new List<LogLine>();
        long? passed = null;
        var opened = 0;
        var query = Query(filter) with { Until = filter.Until, Before = before ?? long.MaxValue, NewestFirst = true };
        await foreach (var fed in reader.Journal.ReadFeedAsync(scope, query, cancellationToken))
        {
            if (opened++ == reader.Settings.LogBudget)
            {
                return Page(passed);
            }

            if (await LineAsync(fed, filter, cancellationToken) is { } line)
            {
                if (lines.Count == limit)
                {
                    return Page(passed);
                }

                lines.Add(line);
            }

            passed = fed.Position;
        }

        return Page(null);

        ReadLogsResponse Page(long? next)
        {
            lines.Reverse();
            return new() { Lines = lines, NextBefore = next };
        }
    }

    /// <summary>Log lines with their positions, in stored order.</summary>
    /// <param name="scope">Whose.</param>
    /// <param name="filter">Which.</param>
    /// <param name="after">Position that all must be after; null begins with the filter's time.</param>
    /// <param name="follow">Whether to go on with what happens next.</param>
    /// <param name="closing">Ends following.</param>
    /// <param name="cancellationToken">Ends it at once.</param>
    public async IAsyncEnumerable<(long Position, LogLine Line)> LinesAsync(
        Scope scope, LogFilter filter, long? after, bool follow, CancellationToken closing, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var query = Query(filter) with { Until = filter.Until };
        if (after is { } known)
        {
            // Who has a position has everything before it, whatever the clock says.
            filter = filter with { Since = DateTimeOffset.MinValue };
            query = query with { Since = null, After = known };
        }

        using var leave = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, closing);
        try
        {
            for (var more = follow; ; more = follow && !closing.IsCancellationRequested)
            {
                var next = more ? reader.Journal.NextAsync(scope, null, leave.Token) : null;
                await foreach (var fed in reader.Journal.ReadFeedAsync(scope, query, cancellationToken))
                {
                    if (await LineAsync(fed, filter, cancellationToken) is { } line)
                    {
                        yield return (fed.Position, line);
                    }

                    query = query with { After = fed.Position };
                }

                if (next is null)
                {
                    yield break;
                }

                await next.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            await leave.CancelAsync();
        }
    }

    private static FeedQuery Query(LogFilter filter) => new() { HarnessId = filter.HarnessId, SessionId = filter.SessionId, Since = filter.Since };

    // What is erased has no line; what cannot be read has one that says so.
    private async ValueTask<LogLine?> LineAsync(FeedEntry fed, LogFilter filter, CancellationToken cancellationToken)
    {
        if (fed.Entry.At < filter.Since || fed.Entry.At >= filter.Until)
        {
            return null;
        }

        LogLine line;
        try
        {
            line = LogFold.Line(fed.Session, (await SessionJournal.OpenAsync(reader.Sealer, fed.Session, fed.Entry, cancellationToken)).Entry);
        }
        catch (JournalErasedException)
        {
            return null;
        }
        catch (JournalException problem)
        {
            if (problem is JournalDamagedException damage)
            {
                reader.Damaged(damage);
            }

            line = LogFold.Line(fed.Entry, problem);
        }

        return filter.Takes(line) ? line : null;
    }
}
