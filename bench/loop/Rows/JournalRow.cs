using System.Diagnostics;
using System.Security.Cryptography;
using Belay.Bench.Loop.Measuring;
using Belay.Identity;
using Belay.Sessions;
using Belay.Storage;

namespace Belay.Bench.Loop.Rows;

/// <summary>What the entries of one iteration cost the processor before they are stored. What storing and syncing them costs is the difference
/// between the product, the one that does not sync, and the one whose journal is in memory, in the other rows.</summary>
internal static class JournalRow
{
    /// <summary>As the command line names it.</summary>
    public const string Name = "journal";

    // Model intent and outcome, tool intent and outcome.
    private const int Entries = 4;
    private const int BodyBytes = 300;
    private const int Times = 2000;

    /// <summary>For each iteration.</summary>
    public static Metric Cost { get; } = new(Name, $"making {Entries} entries of {BodyBytes} bytes, those of an iteration", "us");

    /// <summary>Runs the row.</summary>
    public static Task RunAsync(Run run, CancellationToken cancellationToken)
    {
        var body = RandomNumberGenerator.GetBytes(BodyBytes);
        var key = RandomNumberGenerator.GetBytes(32);
        var chain = new EntryChain(new SessionKey(new Scope("000000000000", "us-west-2"), "bench-0123456789", new string('s', 36)));
        var at = TimeProvider.System.GetUtcNow();
        byte[] Header() => chain.Header(1, at, EntryKind.ModelOutcome, "actor", "1", EntryChain.Start.Span);
        var header = Header();
        (string Name, Action Work)[] parts = [("hashing", () => EntryChain.Hash(Header(), body)), ("sealing", () => SealedBox.Seal(key, body, header))];
        // Until the runtime has compiled what is hot for good.
        for (var begun = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begun) < run.Schedule.WarmUp;)
        {
            foreach (var (_, work) in parts)
            {
                work();
            }
        }

        for (var round = 0; round < run.Schedule.Rounds; round++)
        {
            foreach (var (name, work) in parts)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var begun = Stopwatch.GetTimestamp();
                for (var i = 0; i < Times * Entries; i++)
                {
                    work();
                }

                run.Results.Add(Cost, name, Stopwatch.GetElapsedTime(begun).TotalMicroseconds / Times);
            }
        }

        return Task.CompletedTask;
    }
}
