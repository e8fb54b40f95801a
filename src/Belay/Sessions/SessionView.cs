using Belay.Contracts;
using Belay.Contracts.Invocations;
using Belay.Contracts.Sessions;
using Belay.Models;

namespace Belay.Sessions;

/// <summary>Folds as the native API shows them. Pure.</summary>
public static class SessionView
{
    /// <summary>Invocations that are shown with a session.</summary>
    public const int MostInvocations = 100;

    /// <summary>A session.</summary>
    public static SessionSummary Summary(SessionRow row, SessionFold fold, SessionActivity activity, ModelPrices prices)
    {
        var last = fold.Invocations is [.., var newest] ? newest : null;
        var models = Totals(fold.Invocations);
        return Bare(row, StateOf(fold, activity)) with
        {
            ActorId = fold.ActorId,
            ForkedFrom = fold.Forked is { } forked ? new() { SessionId = forked.SessionId, Entry = forked.Sequence } : null,
            Invocations = fold.Invocations.Count,
            Iterations = fold.Invocations.Sum(invocation => invocation.Iterations),
            ToolCalls = fold.ToolCalls.Count,
            Usage = Tokens(models),
            Cost = CostOf(models, prices),
            Unpriced = UnpricedOf(models, prices),
            StopReason = last?.Ended?.StopReason is { } reason ? Text(reason) : null,
            Fault = last?.Ended?.Fault,
            Why = last?.Ended?.Why,

            // What the journal says of a sandbox ended with the server that held the session.
            SandboxId = activity == SessionActivity.Absent ? null : fold.SandboxId,
            LastTraceId = last?.TraceId,
        };
    }

    /// <summary>A session whose journal cannot be read.</summary>
    public static SessionSummary Summary(SessionRow row, JournalException problem) => problem switch
    {
        JournalErasedException => Bare(row, SessionState.Erased),
        JournalDamagedException => Bare(row, SessionState.Damaged) with { Why = problem.Message },
        _ => Bare(row, SessionState.Unreadable) with { Why = problem.Message },
    };

    /// <summary>What a session does.</summary>
    public static SessionState StateOf(SessionFold fold, SessionActivity activity) =>
        activity == SessionActivity.Busy ? SessionState.Running
        : fold.Waiting ? SessionState.Waiting
        : fold.Unfinished ? SessionState.Interrupted
        : SessionState.Idle;

    /// <summary>The newest invocations of a session, the newest first.</summary>
    public static IReadOnlyList<InvocationSummary> Invocations(SessionFold fold, ModelPrices prices) =>
        [.. fold.Invocations.Reverse().Take(MostInvocations).Select(invocation => Invocation(invocation, prices))];

    /// <summary>One invocation.</summary>
    public static InvocationSummary Invocation(InvocationFold fold, ModelPrices prices) => new()
    {
        InvocationId = fold.Id,
        TraceId = fold.TraceId,
        Sequence = fold.Sequence,
        Endpoint = fold.Endpoint,
        HarnessVersion = fold.Version,
        StartedAt = fold.StartedAt,
        EndedAt = fold.Ended is { CutOff: false } ? fold.EndedAt : null,
        LatencyMs = fold.Ended is { CutOff: false } ended ? ended.LatencyMs : null,
        StopReason = fold.Ended?.StopReason is { } reason ? Text(reason) : null,
        Fault = fold.Ended?.Fault,
        Why = fold.Ended?.Why,
        Iterations = fold.Iterations,
        ToolCalls = fold.ToolCalls,
        Usage = Tokens(fold.Models),
        Cost = CostOf(fold.Models, prices),
        Unpriced = UnpricedOf(fold.Models, prices),
    };

    /// <summary>What each model cost a session, by provider and model id.</summary>
    public static IReadOnlyList<ModelUsage> Models(SessionFold fold, ModelPrices prices) =>
    [
        .. Totals(fold.Invocations)
            .OrderBy(total => total.Provider, StringComparer.Ordinal).ThenBy(total => total.ModelId, StringComparer.Ordinal)
            .Select(total => new ModelUsage
            {
                Provider = total.Provider,
                ModelId = total.ModelId,
                Calls = total.Calls,
                Usage = Tokens([total]),
                Cost = CostOf([total], prices),
            }),
    ];

    /// <summary>Tokens of several models together.</summary>
    public static TokenCounts Tokens(IEnumerable<ModelTotal> totals)
    {
        var sum = totals.Aggregate(default(ModelTotal), (sum, total) => sum.With(total));
        return new() { Input = sum.Input, Output = sum.Output, CacheRead = sum.CacheRead, CacheWrite = sum.CacheWrite };
    }

    /// <summary>What several models cost together; null without a call and where a price is missing.</summary>
    public static Cost? CostOf(IEnumerable<ModelTotal> totals, ModelPrices prices) => prices.Of(totals.Select(total => total.Billed));

    /// <summary>Those of them whose price is missing; null when none is.</summary>
    public static IReadOnlyList<string>? UnpricedOf(IEnumerable<ModelTotal> totals, ModelPrices prices) => prices.Unpriced(totals.Select(total => total.Billed));

    /// <summary>A stop reason as the wire has it.</summary>
    public static string Text(HarnessStopReason reason) => System.Text.Json.JsonSerializer.Serialize(reason, BelayJson.Default.HarnessStopReason).Trim('"');

    private static IReadOnlyList<ModelTotal> Totals(IEnumerable<InvocationFold> invocations) =>
    [
        .. invocations.SelectMany(invocation => invocation.Models)
            .GroupBy(total => (total.Provider, total.ModelId))
            .Select(group => group.Aggregate(new ModelTotal(group.Key.Provider, group.Key.ModelId), (sum, total) => sum.With(total))),
    ];

    private static SessionSummary Bare(SessionRow row, SessionState state) => new()
    {
        SessionId = row.Session.SessionId,
        HarnessId = row.Session.HarnessId,
        State = state,
        CreatedAt = row.CreatedAt,
        LastActivityAt = row.LastActivityAt,
        LastSequence = row.LastSequence,
        Invocations = 0,
        Iterations = 0,
        ToolCalls = 0,
        Usage = Tokens([]),
    };
}
