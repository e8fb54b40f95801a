using System.Globalization;

namespace Belay.Bench.Loop.Processes;

/// <summary>What a .NET process has done since its start. Unlike times, these hardly depend on what else the machine does.</summary>
/// <param name="AllocatedBytes">Bytes that were allocated.</param>
/// <param name="PoolItems">Items that threads of the pool took up: each is a hop from one thread to another.</param>
/// <param name="Contentions">Locks that somebody had to wait for.</param>
internal readonly record struct Counters(long AllocatedBytes, long PoolItems, long Contentions)
{
    /// <summary>Answers each line of standard input with the counters of this process, until it ends.</summary>
    public static async Task AnswerAsync()
    {
        while (await Console.In.ReadLineAsync() is not null)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{GC.GetTotalAllocatedBytes()} {ThreadPool.CompletedWorkItemCount} {Monitor.LockContentionCount}"));
        }
    }

    /// <summary>Reads an answer.</summary>
    public static Counters Parse(string line)
    {
        var numbers = line.Split(' ').Select(number => long.Parse(number, CultureInfo.InvariantCulture)).ToList();
        return new(numbers[0], numbers[1], numbers[2]);
    }
}
