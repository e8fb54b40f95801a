using System.Diagnostics;
using System.Globalization;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Identity;
using Belay.Models;
using Belay.Sessions;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

// What the store alone does: workers that append to sessions of their own, beside the disk's floor in the same run.
// An iteration is the loop's: one synced append of two entries, then two queued ones. Arguments: seconds of a window (2), directory.
var window = TimeSpan.FromSeconds(args.Length > 0 ? double.Parse(args[0], CultureInfo.InvariantCulture) : 2);
var directory = Directory.CreateDirectory(Path.Combine(args.Length > 1 ? args[1] : Path.GetTempPath(), $"belay-bench-{Environment.ProcessId}")).FullName;
try
{
    Console.WriteLine($"{"what",-34}{"workers",8}{"iterations/s",14}{"p50 ms",9}{"p99 ms",9}");
    Floor();
    foreach (var mode in Enum.GetValues<SynchronousMode>())
    {
        foreach (var workers in new[] { 1, 16, 256 })
        {
            await StoreAsync(mode, workers);
        }
    }

    await NewSessionsAsync();
    await ForksAsync();
}
finally
{
    Directory.Delete(directory, recursive: true);
}

void Floor()
{
    var bytes = new byte[1536];
    using var file = new FileStream(Path.Combine(directory, "floor"), FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
    var waits = new List<double>();
    var all = Stopwatch.StartNew();
    while (all.Elapsed < window)
    {
        var one = Stopwatch.StartNew();
        file.Write(bytes);
        file.Flush(flushToDisk: true);
        waits.Add(one.Elapsed.TotalMilliseconds);
    }

    Row("floor: append 1.5 KiB, fsync", 1, waits, all.Elapsed);
}

async Task StoreAsync(SynchronousMode mode, int workers)
{
    var data = Path.Combine(directory, $"{mode}-{workers}");
    await using var database = SqliteDatabase.Open(data, new StorageSettings { Synchronous = mode }, TimeProvider.System);
    var journal = new SqliteJournal(database, TimeProvider.System);
    var sealer = new Sealer(MasterKey.LoadOrCreate(data), new SqliteDocumentStore(database), IdSource.System, new SealerSettings());
    var sessions = new List<SessionJournal>();
    for (var i = 0; i < workers; i++)
    {
        sessions.Add(await SessionJournal.OpenAsync(journal, sealer, TimeProvider.System, Key($"session-{i}"), "bench", CancellationToken.None));
        await sessions[i].FixActorAsync($"actor-{i % 8}", CancellationToken.None);
    }

    await RunAsync(TimeSpan.FromSeconds(1));
    var all = Stopwatch.StartNew();
    var waits = await RunAsync(window);
    Row($"store, {mode.ToString().ToUpperInvariant()}", workers, waits, all.Elapsed);
    foreach (var session in sessions)
    {
        await session.DisposeAsync();
    }

    async Task<List<double>> RunAsync(TimeSpan during)
    {
        var end = Stopwatch.GetTimestamp() + (long)(during.TotalSeconds * Stopwatch.Frequency);
        var lists = await Task.WhenAll(sessions.Select(session => Task.Run(() => WorkAsync(session, end))));
        return [.. lists.SelectMany(list => list)];
    }
}

// Each worker opens a session that is new, appends once and gives it back: what a first call costs.
async Task NewSessionsAsync()
{
    var data = Path.Combine(directory, "new");
    await using var database = SqliteDatabase.Open(data, new StorageSettings(), TimeProvider.System);
    var journal = new SqliteJournal(database, TimeProvider.System);
    var sealer = new Sealer(MasterKey.LoadOrCreate(data), new SqliteDocumentStore(database), IdSource.System, new SealerSettings());
    foreach (var workers in new[] { 1, 256 })
    {
        var all = Stopwatch.StartNew();
        var lists = await Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(async () =>
        {
            var waits = new List<double>();
            for (var i = 0; all.Elapsed < window; i++)
            {
                var one = Stopwatch.StartNew();
                await using (var session = await SessionJournal.OpenAsync(journal, sealer, TimeProvider.System, Key($"{workers}-{worker}-{i}"), "bench", CancellationToken.None))
                {
                    await session.FixActorAsync("actor", CancellationToken.None);
                    await session.AppendAsync([Body(), Body()], Durability.Synced, CancellationToken.None);
                }

                waits.Add(one.Elapsed.TotalMilliseconds);
            }

            return waits;
        })));
        Row("new session, 2 entries, FULL", workers, [.. lists.SelectMany(list => list)], all.Elapsed);
    }
}

// A session is forked at its last entry, again and again, without files: what it costs must not depend on how long its journal is.
async Task ForksAsync()
{
    var data = Path.Combine(directory, "forks");
    await using var database = SqliteDatabase.Open(data, new StorageSettings(), TimeProvider.System);
    var journal = new SqliteJournal(database, TimeProvider.System);
    var sealer = new Sealer(MasterKey.LoadOrCreate(data), new SqliteDocumentStore(database), IdSource.System, new SealerSettings());
    var turn = new ModelTurn(TimeProvider.System, IdSource.System, new RetryPolicy(RetryPolicy.DefaultBaseSeconds), new(new(), TimeProvider.System));
    var services = new SessionServices(
        new AgentLoop(turn, new ContextReduction(turn), new ToolDispatch(new(), TimeProvider.System)), [], new(), new(), TimeProvider.System, IdSource.System, NullLogger.Instance, (_, _, _) => throw new UnreachableException())
    {
        ResolveModel = (_, _) => throw new UnreachableException(),
    };
    await using var host = new SessionHost(journal, sealer, (_, _, _) => throw new UnreachableException(), services, "bench");
    var forks = new SessionForks(new(journal, sealer, host.Look, new()), host, files: null, NullLogger<SessionForks>.Instance);
    int[] lengths = [12, 1_000, 10_000];
    foreach (var length in lengths)
    {
        await using var session = await SessionJournal.OpenAsync(journal, sealer, TimeProvider.System, Key($"{length}"), "bench", CancellationToken.None);
        await session.FixActorAsync("actor", CancellationToken.None);
        for (var i = 0; i < length; i += 4)
        {
            await session.AppendAsync(Turn(), Durability.Queued, CancellationToken.None);
        }
    }

    // Side by side, so that whatever else the machine does is the same for all.
    var waits = lengths.ToDictionary(length => length, _ => new List<double>());
    var all = Stopwatch.StartNew();
    for (var round = 0; all.Elapsed < window * lengths.Length || round < 20; round++)
    {
        foreach (var length in lengths)
        {
            var one = Stopwatch.StartNew();
            await forks.ForkAsync(Key($"{length}"), new($"fork-{length}-{round}", null, null, null), CancellationToken.None);
            if (round > 10)
            {
                waits[length].Add(one.Elapsed.TotalMilliseconds);
            }
        }
    }

    foreach (var length in lengths)
    {
        Row($"fork of {length:N0} entries", 1, waits[length], TimeSpan.FromMilliseconds(waits[length].Sum()));
    }
}

static async Task<List<double>> WorkAsync(SessionJournal session, long end)
{
    var waits = new List<double>();
    while (Stopwatch.GetTimestamp() < end)
    {
        var one = Stopwatch.StartNew();
        await session.AppendAsync([Body(), Body()], Durability.Synced, CancellationToken.None);
        waits.Add(one.Elapsed.TotalMilliseconds);
        await session.AppendAsync([Body()], Durability.Queued, CancellationToken.None);
        await session.AppendAsync([Body()], Durability.Queued, CancellationToken.None);
    }

    return waits;
}

static SessionKey Key(string session) => new(new Scope("000000000000", "us-west-2"), "harness-0123456789", session);

static CommandIntent Body() => new("command", new string('x', 200), 30);

static IReadOnlyList<EntryBody> Turn() =>
[
    new InvocationStarted("invocation", "DEFAULT", "1", [new(HarnessConversationRole.User, [new Block.Text(new string('x', 200))])], [], [], new(75, null, 3600)),
    new ModelIntent("invocation", 1, "bench", "bench", 1),
    new ModelOutcome("invocation", 1, new(HarnessConversationRole.Assistant, [new Block.Text(new string('x', 200))]), HarnessStopReason.EndTurn, default, [], 1, 1, 1, null),
    new InvocationEnded("invocation", HarnessStopReason.EndTurn, "", default, 1, 1, null),
];

static void Row(string what, int workers, List<double> waits, TimeSpan elapsed)
{
    waits.Sort();
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{what,-34}{workers,8}{waits.Count / elapsed.TotalSeconds,14:N0}{waits[waits.Count / 2],9:F2}{waits[waits.Count * 99 / 100],9:F2}"));
}
