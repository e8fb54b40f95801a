using System.Globalization;
using Belay.Agents;
using Belay.Bench.Loop.Driving;
using Belay.Contracts.Invocations;
using Belay.Identity;
using Belay.Sessions;
using Belay.Storage;
using Belay.Storage.Sqlite;

namespace Belay.Bench.Loop.Product;

/// <summary>Sessions that are written straight into a store, as a server would have left them: through it they would take minutes.</summary>
internal static class StoredSessions
{
    private const int AtATime = 64;
    private const int Actors = 100;

    /// <summary>Adds finished sessions to the store of a server that does not run, of 50 messages each.</summary>
    /// <param name="directory">Its data directory.</param>
    /// <param name="harness">Whose sessions they are.</param>
    /// <param name="sessions">How many.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task AddAsync(string directory, SessionKey harness, int sessions, CancellationToken cancellationToken)
    {
        await using var database = SqliteDatabase.Open(directory, new StorageSettings { Synchronous = SynchronousMode.Normal }, TimeProvider.System);
        var journal = new SqliteJournal(database, TimeProvider.System);
        var sealer = new Sealer(MasterKey.LoadOrCreate(directory), new SqliteDocumentStore(database), IdSource.System, new SealerSettings());
        var turn = Turn();
        await Parallel.ForAsync(0, sessions, new ParallelOptions { MaxDegreeOfParallelism = AtATime, CancellationToken = cancellationToken }, async (i, token) =>
        {
            var key = harness with { SessionId = string.Create(CultureInfo.InvariantCulture, $"stored-session-{i:0000000000000000000000}") };
            await using var session = await SessionJournal.OpenAsync(journal, sealer, TimeProvider.System, key, "bench", token);
            await session.FixActorAsync($"actor-{i % Actors}", token);
            await session.AppendAsync(turn, Durability.Synced, token);
        });
    }

    private static IReadOnlyList<EntryBody> Turn()
    {
        const string Invocation = "00000000-0000-4000-8000-000000000000";
        var said = Input.Of(48).Messages.Select(one => new Message(one.Role == "user" ? HarnessConversationRole.User : HarnessConversationRole.Assistant, [new Block.Text(one.Text)]));
        return
        [
            new InvocationStarted(Invocation, "DEFAULT", "1", [.. said], [], [], new(75, null, 3600)),
            new ModelIntent(Invocation, 1, "bench", "bench", 49),
            new ModelOutcome(Invocation, 1, new(HarnessConversationRole.Assistant, [new Block.Text(new string('x', 200))]), HarnessStopReason.EndTurn, default, [], 1, 1, 1, null),
            new InvocationEnded(Invocation, HarnessStopReason.EndTurn, "The turn is complete.", default, 1, 1, null),
        ];
    }
}
