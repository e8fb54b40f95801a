using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Belay.Sessions;

/// <summary>
/// Settles, as a server starts, every invocation that the one before left unfinished: detached ones go on, attached ones end. It works
/// beside the first requests; a session that one of them takes before is settled by that.
/// </summary>
/// <param name="journal">Where sessions are recorded.</param>
/// <param name="sessions">Takes them.</param>
/// <param name="findAsync">The harness of a session as it serves now; null when it is gone.</param>
/// <param name="logger">Where it reports.</param>
public sealed partial class SessionRecovery(
    IJournal journal,
    SessionHost sessions,
    Func<SessionKey, CancellationToken, Task<Harness?>> findAsync,
    ILogger<SessionRecovery> logger) : BackgroundService
{
    private const int AtATime = 4;

    /// <summary>Settles what is unfinished now; answers how many sessions were taken for it.</summary>
    /// <exception cref="StorageException">The list of them cannot be read.</exception>
    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        var taken = 0;
        await Parallel.ForEachAsync(
            journal.ListUnfinishedAsync(cancellationToken),
            new ParallelOptions { MaxDegreeOfParallelism = AtATime, CancellationToken = cancellationToken },
            async (row, token) =>
            {
                if (await TakeAsync(row.Session, token))
                {
                    Interlocked.Increment(ref taken);
                }
            });
        return taken;
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            if (await RunOnceAsync(stoppingToken) is > 0 and var taken)
            {
                Log.Recovered(logger, taken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
        catch (StorageException failure)
        {
            Log.NotListed(logger, failure);
        }
    }

    private async ValueTask<bool> TakeAsync(SessionKey session, CancellationToken cancellationToken)
    {
        try
        {
            // Without its harness there is nothing to go on with, and nobody can call the session.
            if (await findAsync(session, cancellationToken) is not { } harness)
            {
                return false;
            }

            await sessions.RecoverAsync(session, harness, cancellationToken);
            return true;
        }
        catch (Exception failure) when (failure is ServiceException or JournalException or StorageException or LeaseLostException)
        {
            // Whoever calls the session next is told; the others are not kept waiting.
            Log.NotRecovered(logger, session.SessionId, session.HarnessId, failure.Message);
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Sessions that the last server left in the middle of an invocation: {Count}. Detached invocations go on.")]
        public static partial void Recovered(ILogger logger, int count);

        [LoggerMessage(LogLevel.Warning, "Session {SessionId} of harness {HarnessId} has an unfinished invocation that cannot be settled now. {Reason}")]
        public static partial void NotRecovered(ILogger logger, string sessionId, string harnessId, string reason);

        [LoggerMessage(LogLevel.Error, "Unfinished invocations could not be listed; each is settled when its session is called.")]
        public static partial void NotListed(ILogger logger, Exception failure);
    }
}
