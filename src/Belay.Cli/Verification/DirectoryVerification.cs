using System.Runtime.CompilerServices;
using Belay.Cli.CommandLine;
using Belay.Contracts.Verification;
using Belay.Identity;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Verification;

namespace Belay.Cli.Verification;

/// <summary>Verifies a data directory that no server holds; it is held as a server would for as long as that takes, and its database is only read.</summary>
internal static class DirectoryVerification
{
    /// <summary>Verifies, and says what is found as it is found.</summary>
    public static async IAsyncEnumerable<VerificationStep> RunAsync(
        string directory, string? sessionId, CliHost host, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (database, master) = Open(directory, host);
        await using (database)
        {
            var journal = new SqliteJournal(database, host.Time);
            var sealer = new Sealer(master, new SqliteDocumentStore(database), host.Ids, new SealerSettings());
            using var heads = Attempt(directory, () => HeadKeeper.Scan(directory, master));
            var steps = new StoreVerifier(journal, sealer, host.Time).RunAsync(heads, new(SessionId: sessionId), cancellationToken).GetAsyncEnumerator(cancellationToken);
            await using (steps.ConfigureAwait(false))
            {
                while (await NextAsync(directory, steps))
                {
                    yield return steps.Current;
                }
            }
        }
    }

    private static (SqliteDatabase Database, MasterKey Master) Open(string directory, CliHost host)
    {
        if (!File.Exists(Path.Join(directory, SqliteDatabase.FileName)))
        {
            throw new CliException(ExitCode.Failed, $"Could not verify: {directory} holds no store.", "Name the data directory of a server with --data.");
        }

        return Attempt(directory, () =>
        {
            var master = MasterKey.TryLoad(directory) ?? throw new InvalidDataException($"{MasterKey.FileName} is missing.");
            return (SqliteDatabase.OpenToRead(directory, new StorageSettings()), master);
        });
    }

    private static async Task<bool> NextAsync(string directory, IAsyncEnumerator<VerificationStep> steps)
    {
        try
        {
            return await steps.MoveNextAsync();
        }
        catch (StorageException cause)
        {
            throw Failed(directory, cause);
        }
    }

    private static T Attempt<T>(string directory, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception cause) when (cause is StorageException or InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw Failed(directory, cause);
        }
    }

    private static CliException Failed(string directory, Exception cause) =>
        new(ExitCode.Failed, $"Could not verify {directory}: {cause.Message}", cause: cause);
}
