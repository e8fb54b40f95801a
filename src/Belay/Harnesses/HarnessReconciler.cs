using System.Security.Cryptography;
using Belay.Contracts.Faults;
using Belay.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Belay.Harnesses;

/// <summary>
/// Finishes what requests to the catalog began: makes versions ready, moves endpoints, removes what is to be deleted. It works
/// from the store alone, so that a new server goes on where the last one stopped.
/// </summary>
/// <param name="catalog">The harnesses.</param>
/// <param name="stopSessions">Ends the live sessions of a harness; completes when they are gone.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Where transitions are reported.</param>
public sealed partial class HarnessReconciler(
    HarnessCatalog catalog,
    Func<Scope, string, CancellationToken, Task> stopSessions,
    TimeProvider time,
    ILogger<HarnessReconciler> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SweepInterval = TimeSpan.FromHours(1);

    /// <summary>Does everything that is under way now; answers how many harnesses it looked at.</summary>
    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        var count = 0;
        var postponed = false;
        while (!postponed && await catalog.WorkAsync(cancellationToken) is { Count: > 0 } work)
        {
            foreach (var (scope, harnessId) in work)
            {
                try
                {
                    await FinishAsync(scope, harnessId, cancellationToken);
                    count++;
                }
                catch (Exception failure) when (IsPassing(failure))
                {
                    // Nothing is lost: the work is still in the store. One harness must not keep the others waiting.
                    Log.Postponed(logger, failure, harnessId);
                    postponed = true;
                }
            }
        }

        return count;
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var nextSweep = time.GetUtcNow();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await RunOnceAsync(stoppingToken);
                if (time.GetUtcNow() >= nextSweep)
                {
                    nextSweep = time.GetUtcNow() + SweepInterval;
                    Log.Swept(logger, await catalog.Tokens.SweepAsync(stoppingToken));
                }
            }
            catch (Exception failure) when (IsPassing(failure))
            {
                Log.StoreFailed(logger, failure);
            }

            await WaitAsync(stoppingToken);
        }
    }

    /// <summary>The store failed for the moment, other nodes were faster, or one document is damaged; each may be over at the next try.</summary>
    private static bool IsPassing(Exception failure) =>
        failure is StorageException or IOException or TimeoutException or ServiceException or CryptographicException;

    private async Task FinishAsync(Scope scope, string harnessId, CancellationToken cancellationToken)
    {
        if (await catalog.IsDeletingAsync(scope, harnessId, cancellationToken))
        {
            await DeleteAsync(scope, harnessId, cancellationToken);
            return;
        }

        await catalog.SettleAsync(scope, harnessId, cancellationToken);
        Log.Settled(logger, harnessId);
    }

    private async Task DeleteAsync(Scope scope, string harnessId, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(catalog.Settings.StopSessionsTimeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            await stopSessions(scope, harnessId, both.Token);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            Log.DeletionFailed(logger, null, harnessId);
            await catalog.FailDeletionAsync(scope, harnessId, "The live sessions did not stop in time. Delete the harness again.", cancellationToken);
            return;
        }
        catch (Exception failure) when (failure is ServiceException or StorageException or IOException or TimeoutException)
        {
            Log.DeletionFailed(logger, failure, harnessId);
            await catalog.FailDeletionAsync(scope, harnessId, "The live sessions could not be stopped. Delete the harness again.", cancellationToken);
            return;
        }

        await catalog.RemoveAsync(scope, harnessId, cancellationToken);
        Log.Deleted(logger, harnessId);
    }

    /// <summary>Until there is work, or until it is time to look whether another node left some.</summary>
    private async Task WaitAsync(CancellationToken stoppingToken)
    {
        using var tick = new CancellationTokenSource(Interval, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(tick.Token, stoppingToken);
        try
        {
            await catalog.Changed.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (tick.IsCancellationRequested && !stoppingToken.IsCancellationRequested)
        {
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Harness {HarnessId} and its endpoints are settled.")]
        public static partial void Settled(ILogger logger, string harnessId);

        [LoggerMessage(LogLevel.Information, "Harness {HarnessId} is deleted.")]
        public static partial void Deleted(ILogger logger, string harnessId);

        [LoggerMessage(LogLevel.Warning, "The sessions of harness {HarnessId} did not stop; its deletion failed.")]
        public static partial void DeletionFailed(ILogger logger, Exception? failure, string harnessId);

        [LoggerMessage(LogLevel.Warning, "Work on harness {HarnessId} is postponed.")]
        public static partial void Postponed(ILogger logger, Exception failure, string harnessId);

        [LoggerMessage(LogLevel.Warning, "Work on harnesses could not be read; it is tried again.")]
        public static partial void StoreFailed(ILogger logger, Exception failure);

        [LoggerMessage(LogLevel.Debug, "Removed {Count} expired client tokens.")]
        public static partial void Swept(ILogger logger, int count);
    }
}
