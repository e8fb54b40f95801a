using System.Globalization;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Contracts.Sessions;
using Belay.Contracts.Usages;
using Belay.Harnesses;
using Belay.Models;
using Belay.Storage;
using Belay.Usages;

namespace Belay.Sessions;

/// <summary>Which sessions of a scope are meant; null does not narrow.</summary>
/// <param name="HarnessId">Harness.</param>
/// <param name="SessionId">Session id.</param>
/// <param name="ActorId">Actor.</param>
/// <param name="State">State.</param>
/// <param name="Since">Active at or after.</param>
/// <param name="Until">Last active before.</param>
public sealed record SessionFilter(
    string? HarnessId = null, string? SessionId = null, string? ActorId = null, SessionState? State = null, DateTimeOffset? Since = null, DateTimeOffset? Until = null)
{
    /// <summary>How the last invocation ended.</summary>
    public HarnessStopReason? StopReason { get; init; }

    /// <summary>Fault that the last invocation ended with.</summary>
    public FaultCode? Fault { get; init; }

    /// <summary>Whether a session is meant, of what only its journal tells.</summary>
    internal bool Keeps(SessionSummary session) =>
        (State is null || session.State == State)
        && (StopReason is not { } reason || session.StopReason == SessionView.Text(reason))
        && (Fault is not { } fault || session.Fault == fault.ToString());
}

/// <summary>
/// Lists, searches and sums over the sessions of a scope. Each call reads so many journals and no more: a list then ends its page, and goes on
/// with the next; a search or a sum asks to be called again, which goes faster, because what was read is kept.
/// </summary>
public sealed class SessionLists(SessionReader reader, ModelPrices prices)
{
    /// <summary>Rows that one page may pass over.</summary>
    private const int MostRows = 20_000;

    /// <summary>Rows that one sum may have.</summary>
    private const int MostUsageRows = 10_000;

    /// <summary>Sessions, the latest activity first.</summary>
    /// <param name="scope">Whose.</param>
    /// <param name="filter">Which.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="position">Where the page before ended; null for the first.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<Page<SessionSummary>> SessionsAsync(Scope scope, SessionFilter filter, int limit, string? position, CancellationToken cancellationToken)
    {
        var items = new List<SessionSummary>();
        var mark = position is null ? filter.Until is { } until ? SessionMark.Before(until) : (SessionMark?)null : ParseMark(position);
        var (passed, budget) = (0, new ReadBudget(reader.Settings.PageBudget));
        await foreach (var row in RowsAsync(scope, filter, mark, cancellationToken))
        {
            if (items.Count == limit || passed++ == MostRows)
            {
                return new(items, Text(mark));
            }

            if (row.Matches)
            {
                if (await reader.ReadAsync(row.Row, budget, (now, fold, activity) => SessionView.Summary(now, fold, activity, prices), cancellationToken) is not { } read)
                {
                    return new(items, Text(mark));
                }

                var summary = read.Value ?? SessionView.Summary(row.Row, read.Problem!); // One of them is there.
                if (filter.Keeps(summary))
                {
                    items.Add(summary);
                }
            }

            mark = row.Row.Mark;
        }

        return new(items, null);
    }

    /// <summary>One session with its invocations and models.</summary>
    /// <exception cref="ServiceException">404: there is none.</exception>
    public async Task<GetSessionResponse> SessionAsync(SessionKey key, CancellationToken cancellationToken)
    {
        var row = await reader.RowAsync(key, cancellationToken);
        var read = await reader.ReadAsync(
            row,
            new(1),
            (now, fold, activity) => new GetSessionResponse
            {
                Session = SessionView.Summary(now, fold, activity, prices),
                Invocations = SessionView.Invocations(fold, prices),
                Models = SessionView.Models(fold, prices),
            },
            cancellationToken);
        return read!.Value.Value ?? new() { Session = SessionView.Summary(row, read.Value.Problem!), Invocations = [], Models = [] }; // A budget of one is enough.
    }

    /// <summary>Invocations that began at or after a time, the newest first.</summary>
    public async Task<Page<TraceSummary>> TracesAsync(
        Scope scope, string? harnessId, string? sessionId, DateTimeOffset since, DateTimeOffset? until, int limit, string? position, CancellationToken cancellationToken)
    {
        var after = position is null ? TracePosition.First : TracePosition.Parse(position);
        var (items, last) = (new List<TraceSummary>(), after);
        var waiting = new PriorityQueue<TraceSummary, TracePosition>();
        var (passed, budget) = (0, new ReadBudget(reader.Settings.PageBudget));
        await foreach (var row in RowsAsync(scope, new(harnessId, sessionId, Since: since), null, cancellationToken))
        {
            // What began after the last activity of every session that is left is next.
            while (waiting.TryPeek(out var next, out var at) && at.StartedMs > row.Row.LastActivityAt.ToUnixTimeMilliseconds())
            {
                if (items.Count == limit)
                {
                    return new(items, last.ToString());
                }

                items.Add(next);
                last = at;
                waiting.Dequeue();
            }

            if (passed++ == MostRows)
            {
                return new(items, last.ToString());
            }

            if (!row.Matches)
            {
                continue;
            }

            if (await reader.ReadAsync(row.Row, budget, (now, fold, _) => Newest(now, fold), cancellationToken) is not { } read)
            {
                return new(items, last.ToString());
            }

            foreach (var summary in read.Value ?? [])
            {
                waiting.Enqueue(summary, TracePosition.Of(summary));
            }
        }

        while (waiting.TryDequeue(out var next, out var at))
        {
            if (items.Count == limit)
            {
                return new(items, last.ToString());
            }

            items.Add(next);
            last = at;
        }

        return new(items, null);

        List<TraceSummary> Newest(SessionRow row, SessionFold fold) =>
        [
            .. fold.Invocations.Reverse()
                .Where(invocation => invocation.StartedAt >= since && !(invocation.StartedAt >= until))
                .Select(invocation => Summary(row.Session, invocation))
                .Where(summary => TracePosition.Of(summary).CompareTo(after) > 0)
                .Take(limit + 1),
        ];
    }

    /// <summary>The invocations of a trace, or one invocation by its id, step by step.</summary>
    /// <exception cref="ServiceException">404: there is none; 429: too much would have to be read at once; 400: too many invocations.</exception>
    public async Task<IReadOnlyList<Trace>> TraceAsync(Scope scope, string traceId, string? harnessId, string? sessionId, CancellationToken cancellationToken)
    {
        var found = new List<FoundInvocation>();
        var budget = new ReadBudget(reader.Settings.SearchBudget);
        await foreach (var row in RowsAsync(scope, new(harnessId, sessionId), null, cancellationToken))
        {
            // Whoever spans a trace over several invocations makes them after each other.
            if (found.Count > 0 && row.Row.LastActivityAt < found.Min(one => one.Summary.Invocation.StartedAt) - TimeSpan.FromHours(1))
            {
                break;
            }

            if (row.Matches)
            {
                var read = await reader.ReadAsync(row.Row, budget, (now, fold, activity) => Find(now, fold, activity, traceId), cancellationToken)
                    ?? throw TooMuch("Name the trace's harnessId and sessionId");
                found.AddRange(read.Value ?? []);
                if (found.Count > reader.Settings.MaxTraceInvocations)
                {
                    throw ServiceException.Invalid(
                        [new FieldProblem("traceId", $"is that of more than {reader.Settings.MaxTraceInvocations} invocations; give the id of one of them, or name a harnessId and sessionId")]);
                }
            }
        }

        var traces = new List<Trace>();
        foreach (var one in found.OrderBy(one => one.Summary.Invocation.StartedAt).ThenBy(one => one.First))
        {
            if (await FoldAsync(one, cancellationToken) is { } trace)
            {
                traces.Add(trace);
            }
        }

        return traces.Count > 0 ? traces : throw new ServiceException(FaultCode.ResourceNotFoundException, $"Trace {traceId} does not exist.");
    }

    /// <summary>What sessions used.</summary>
    /// <exception cref="ServiceException">429: too much would have to be read at once; 400: too many rows.</exception>
    public async Task<IReadOnlyList<UsageRow>> UsageAsync(Scope scope, string? harnessId, string? actorId, UsageQuery query, CancellationToken cancellationToken)
    {
        var usage = new UsageFold(query);
        var budget = new ReadBudget(reader.Settings.SearchBudget);
        await foreach (var row in RowsAsync(scope, new(harnessId, ActorId: actorId, Since: query.Since), null, cancellationToken))
        {
            if (!row.Matches || row.Row.CreatedAt >= query.Until)
            {
                continue;
            }

            _ = await reader.ReadAsync(
                row.Row,
                budget,
                (now, fold, _) =>
                {
                    usage.Add(now.Session.HarnessId, fold);
                    return true;
                },
                cancellationToken) ?? throw TooMuch("Name a harnessId or a shorter time");
            if (usage.Count > MostUsageRows)
            {
                throw ServiceException.Invalid([new FieldProblem("since", $"gives more than {MostUsageRows} rows; ask for a shorter time, a longer interval or fewer groups")]);
            }
        }

        return usage.Rows(prices);
    }

    private async IAsyncEnumerable<(SessionRow Row, bool Matches)> RowsAsync(
        Scope scope, SessionFilter filter, SessionMark? after, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var actorRef = filter.ActorId is { } actor ? (await reader.Sealer.LookUpAsync(scope, actor, cancellationToken))?.ActorRef : null;
        if (filter.ActorId is not null && actorRef is null)
        {
            yield break;
        }

        if (filter is { HarnessId: { } harnessId, SessionId: { } sessionId })
        {
            if (await reader.Journal.FindAsync(new(scope, harnessId, sessionId), cancellationToken) is { LastSequence: > 0 } only
                && (after is not { } mark || (only.Mark.LastActivityMs, only.Mark.Number).CompareTo((mark.LastActivityMs, mark.Number)) < 0))
            {
                yield return (only, !(only.LastActivityAt < filter.Since) && (filter.ActorId is null || only.ActorRef == actorRef));
            }

            yield break;
        }

        await foreach (var row in reader.Journal.ListAsync(scope, filter.HarnessId, after, cancellationToken))
        {
            if (row.LastActivityAt < filter.Since)
            {
                yield break;
            }

            // One that was taken and never written to is none.
            yield return (row, row.LastSequence > 0
                && (filter.SessionId is null || row.Session.SessionId == filter.SessionId)
                && (filter.ActorId is null || row.ActorRef == actorRef));
        }
    }

    private List<FoundInvocation> Find(SessionRow row, SessionFold fold, SessionActivity activity, string traceId)
    {
        var found = new List<FoundInvocation>();
        foreach (var (index, invocation) in fold.Invocations.Index())
        {
            if (invocation.TraceId == traceId || invocation.Id == traceId)
            {
                var last = index + 1 == fold.Invocations.Count;
                found.Add(new(row.Session, Summary(row.Session, invocation), invocation.Sequence, last ? long.MaxValue : fold.Invocations[index + 1].Sequence - 1, last && activity == SessionActivity.Busy));
            }
        }

        return found;
    }

    private async Task<Trace?> FoldAsync(FoundInvocation found, CancellationToken cancellationToken)
    {
        var fold = new TraceFold(found.Session);
        try
        {
            await foreach (var entry in SessionJournal.ReadAsync(reader.Journal, reader.Sealer, found.Session, found.First - 1, cancellationToken))
            {
                if (entry.Sequence > found.Last)
                {
                    break;
                }

                fold.Apply(entry);
            }
        }
        catch (JournalErasedException)
        {
            return null;
        }
        catch (JournalDamagedException damage)
        {
            throw reader.Damaged(damage);
        }

        return new() { Summary = found.Summary, Spans = fold.Spans(found.Runs) };
    }

    private TraceSummary Summary(SessionKey session, InvocationFold invocation) => new()
    {
        TraceId = invocation.TraceId,
        HarnessId = session.HarnessId,
        SessionId = session.SessionId,
        Invocation = SessionView.Invocation(invocation, prices),
    };

    private ServiceException TooMuch(string instead) => new(
        FaultCode.ThrottlingException, $"More than {reader.Settings.SearchBudget} journals would have to be read at once. {instead}, or ask again: what was read is kept.");

    private static string? Text(SessionMark? mark) => mark is { } at ? string.Create(CultureInfo.InvariantCulture, $"{at.LastActivityMs}/{at.Number}") : null;

    // Positions come back in signed tokens only.
    private static SessionMark ParseMark(string position)
    {
        var slash = position.IndexOf('/', StringComparison.Ordinal);
        return new(long.Parse(position.AsSpan(0, slash), CultureInfo.InvariantCulture), long.Parse(position.AsSpan(slash + 1), CultureInfo.InvariantCulture));
    }

    private sealed record FoundInvocation(SessionKey Session, TraceSummary Summary, long First, long Last, bool Runs);

    /// <summary>A place in the list of traces; what comes later in the list is greater.</summary>
    private readonly record struct TracePosition(long StartedMs, string InvocationId) : IComparable<TracePosition>
    {
        public static readonly TracePosition First = new(long.MaxValue, "");

        public static TracePosition Of(TraceSummary summary) => new(summary.Invocation.StartedAt.ToUnixTimeMilliseconds(), summary.Invocation.InvocationId);

        public static TracePosition Parse(string text)
        {
            var slash = text.IndexOf('/', StringComparison.Ordinal);
            return new(long.Parse(text.AsSpan(0, slash), CultureInfo.InvariantCulture), text[(slash + 1)..]);
        }

        public int CompareTo(TracePosition other) =>
            StartedMs != other.StartedMs ? other.StartedMs.CompareTo(StartedMs) : string.CompareOrdinal(InvocationId, other.InvocationId);

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{StartedMs}/{InvocationId}");
    }
}
