using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Belay.Contracts.Invocations;
using Belay.Sessions;
using Belay.Testing.Sessions;
using Belay.Testing.Simulation;

namespace Belay.Tests.Replays;

public sealed class ReplayTests(ITestOutputHelper output)
{
    private const int Seeds = 1000;

    [Fact]
    public async Task BadDays_ReplayByteForByte()
    {
        var failures = new ConcurrentDictionary<int, string>();
        var (entries, streams, left) = (0L, 0, 0);
        await Parallel.ForAsync(0, Seeds, async (seed, _) =>
        {
            try
            {
                var session = new SimulatedSession(seed);
                Assert.Empty(OneThread.Run(session.RunAsync));
                var replayed = await session.World.ReplayAsync().WaitAsync(TimeSpan.FromSeconds(60), CancellationToken.None);
                foreach (var invocation in replayed)
                {
                    Interlocked.Add(ref entries, invocation.Entries);
                    if (invocation.Divergence is { } divergence)
                    {
                        failures[seed] = $"entry {divergence.Sequence} {divergence.Path}\n  expected {divergence.ExpectedKind} {divergence.Expected}\n  got      {divergence.GotKind} {divergence.Got}\n{await JournalAsync(session.World)}";
                        return;
                    }

                    if (!session.Streams.TryGetValue(invocation.InvocationId, out var seen))
                    {
                        continue;
                    }

                    Interlocked.Add(ref streams, seen.Whole ? 1 : 0);
                    Interlocked.Add(ref left, seen.Whole ? 0 : 1);
                    var live = seen.Events.Select(Json).ToList();
                    var again = invocation.Events.Select(Json).Take(seen.Whole ? int.MaxValue : live.Count).ToList();
                    if (!seen.Whole && session.Crashes + session.DiskFailures > 0)
                    {
                        // What a reader saw of a model call whose outcome was never stored, no journal says.
                        live = [.. live.Take(again.Count)];
                    }

                    if (!live.SequenceEqual(again))
                    {
                        failures[seed] = $"invocation {invocation.InvocationId} (whole {seen.Whole}):\n  live   {string.Join("\n         ", live)}\n  replay {string.Join("\n         ", again)}\n{await JournalAsync(session.World)}";
                    }
                }
            }
            catch (Exception exception)
            {
                failures[seed] = exception.ToString();
            }
        });
        output.WriteLine($"{entries} entries were replayed, {streams} whole streams and {left} that were left compared.");
        Assert.True(failures.IsEmpty, $"{failures.Count} failed\n" + string.Join('\n', failures.OrderBy(pair => pair.Key).Take(4).Select(pair => $"seed {pair.Key}: {pair.Value}")));
        Assert.True(streams > Seeds, "The days were too quiet to prove anything.");
    }

    private static async Task<string> JournalAsync(EngineWorld world) =>
        string.Join('\n', (await world.EntriesAsync()).Select(entry => $"{entry.GetType().Name} {Encoding.UTF8.GetString(JournalJson.Serialize(entry))}"));

    private static string Json(InvocationEvent shown) => $"{shown.GetType().Name} {JsonSerializer.Serialize(shown, Contracts.BelayJson.Default.GetTypeInfo(shown.GetType())!)}";
}
