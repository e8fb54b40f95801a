using Belay.Contracts.Usages;
using Belay.Models;
using Belay.Sessions;

namespace Belay.Usages;

/// <summary>What is asked of <see cref="UsageFold"/>.</summary>
/// <param name="Since">Begin of the time that counts.</param>
/// <param name="Until">End of it, which counts no more.</param>
/// <param name="Interval">How long each row's time is; null for all of it.</param>
/// <param name="ByHarness">Whether harnesses are told apart.</param>
/// <param name="ByActor">Whether actors are told apart.</param>
/// <param name="ByModel">Whether models are told apart.</param>
public sealed record UsageQuery(DateTimeOffset Since, DateTimeOffset Until, UsageInterval? Interval, bool ByHarness, bool ByActor, bool ByModel);

/// <summary>Sums what sessions used, by time and by what rows are told apart by. Each step counts at its own time, in UTC. Pure.</summary>
public sealed class UsageFold(UsageQuery query)
{
    private readonly Dictionary<RowKey, Sum> _rows = [];

    /// <summary>Rows so far.</summary>
    public int Count => _rows.Count;

    /// <summary>Adds a session.</summary>
    public void Add(string harnessId, SessionFold session)
    {
        var place = new RowKey(null, query.ByHarness ? harnessId : null, query.ByActor ? session.ActorId : null, null, null);
        foreach (var call in session.Calls.Where(call => Counts(call.At)))
        {
            var row = Row(place with { Start = StartOf(call.At), Provider = query.ByModel ? call.Provider : null, ModelId = query.ByModel ? call.ModelId : null });
            row.Calls++;
            var model = (call.Provider, call.ModelId);
            row.Models[model] = row.Models.GetValueOrDefault(model, new(call.Provider, call.ModelId)).With(call.Usage);
        }

        // What has no model has no place in rows of models.
        if (!query.ByModel)
        {
            foreach (var at in session.Invocations.Select(invocation => invocation.StartedAt).Where(Counts))
            {
                Row(place with { Start = StartOf(at) }).Invocations++;
            }

            foreach (var at in session.ToolCalls.Where(Counts))
            {
                Row(place with { Start = StartOf(at) }).ToolCalls++;
            }
        }
    }

    /// <summary>The rows: by time, then by what they are told apart by. One row of nothing when nothing is told apart and nothing happened.</summary>
    public IReadOnlyList<UsageRow> Rows(ModelPrices prices)
    {
        if (_rows.Count == 0 && query is { Interval: null, ByHarness: false, ByActor: false, ByModel: false })
        {
            _rows.Add(default, new());
        }

        return
        [
            .. _rows
                .OrderBy(row => row.Key.Start)
                .ThenBy(row => row.Key.HarnessId, StringComparer.Ordinal)
                .ThenBy(row => row.Key.ActorId, StringComparer.Ordinal)
                .ThenBy(row => row.Key.Provider, StringComparer.Ordinal)
                .ThenBy(row => row.Key.ModelId, StringComparer.Ordinal)
                .Select(row => new UsageRow
                {
                    Start = row.Key.Start,
                    HarnessId = row.Key.HarnessId,
                    ActorId = row.Key.ActorId,
                    Provider = row.Key.Provider,
                    ModelId = row.Key.ModelId,
                    Invocations = query.ByModel ? null : row.Value.Invocations,
                    ModelCalls = row.Value.Calls,
                    ToolCalls = query.ByModel ? null : row.Value.ToolCalls,
                    Usage = SessionView.Tokens(row.Value.Models.Values),
                    Cost = SessionView.CostOf(row.Value.Models.Values, prices),
                    Unpriced = SessionView.UnpricedOf(row.Value.Models.Values, prices),
                }),
        ];
    }

    private bool Counts(DateTimeOffset at) => at >= query.Since && at < query.Until;

    private DateTimeOffset? StartOf(DateTimeOffset at) => query.Interval switch
    {
        UsageInterval.Hour => new(at.UtcDateTime.Date.AddHours(at.UtcDateTime.Hour), TimeSpan.Zero),
        UsageInterval.Day => new(at.UtcDateTime.Date, TimeSpan.Zero),
        _ => null,
    };

    private Sum Row(RowKey key)
    {
        if (!_rows.TryGetValue(key, out var row))
        {
            _rows.Add(key, row = new());
        }

        return row;
    }

    private readonly record struct RowKey(DateTimeOffset? Start, string? HarnessId, string? ActorId, string? Provider, string? ModelId);

    private sealed class Sum
    {
        public long Invocations { get; set; }

        public long Calls { get; set; }

        public long ToolCalls { get; set; }

        public Dictionary<(string, string), ModelTotal> Models { get; } = [];
    }
}
