using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Measuring;

namespace Belay.Bench.Loop.Rows;

/// <summary>What a row needs to run.</summary>
/// <param name="Field">The subjects.</param>
/// <param name="Schedule">For how long.</param>
/// <param name="Results">Where figures go.</param>
/// <param name="Long">Whether to do what takes many minutes.</param>
internal sealed record Run(Field Field, Schedule Schedule, Results Results, bool Long)
{
    /// <summary>Runs one subject's part of a row; a subject that breaks is left out of the rest of the row, with the reason.</summary>
    public async Task TryAsync(string row, string subject, Func<Task> measure)
    {
        if (Results.IsMissing(row, subject))
        {
            return;
        }

        try
        {
            await measure();
        }
        catch (Exception broken) when (broken is WrongAnswerException or HttpRequestException or IOException)
        {
            Results.Miss(row, subject, broken.Message);
        }
    }

    /// <summary>The subjects of a row: those given, and the peer where there is one.</summary>
    public IReadOnlyList<ISubject> WithPeer(string row, params IEnumerable<ISubject> subjects)
    {
        if (Field.Strands is { } strands)
        {
            return [.. subjects, strands];
        }

        Results.Miss(row, Names.Strands, $"not run: {Field.NoStrands}");
        return [.. subjects];
    }
}

/// <summary>A row of the bench: one question.</summary>
/// <param name="Name">As <c>--row</c> names it.</param>
/// <param name="RunAsync">Answers it.</param>
internal sealed record Row(string Name, Func<Run, CancellationToken, Task> RunAsync)
{
    /// <summary>Every row, in order.</summary>
    public static IReadOnlyList<Row> All { get; } =
    [
        new(IterationRow.Name, IterationRow.RunAsync),
        new(FirstTokenRow.Name, FirstTokenRow.RunAsync),
        new(ThroughputRow.Name, ThroughputRow.RunAsync),
        new(WorkRow.Name, WorkRow.RunAsync),
        new(JournalRow.Name, JournalRow.RunAsync),
        new(HistoryRow.Name, HistoryRow.RunAsync),
        new(WakingRow.Name, WakingRow.RunAsync),
        new(MemoryRow.Name, MemoryRow.RunAsync),
        new(StartRow.Name, StartRow.RunAsync),
        new(SandboxRow.Name, SandboxRow.RunAsync),
        new(RecoveryRow.Name, RecoveryRow.RunAsync),
        new(ReplayRow.Name, ReplayRow.RunAsync),
        new(ProvidersRow.Name, ProvidersRow.RunAsync),
        new(CachingRow.Name, CachingRow.RunAsync),
    ];
}
