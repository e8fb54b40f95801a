using System.Diagnostics;
using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Storage;
using Microsoft.Extensions.Logging;

namespace Belay.Sessions;

/// <summary>Carries a running invocation from its acceptance to its last event (steps 5 to 10).</summary>
internal sealed partial class InvocationWork(SessionServices services, SessionKey key, ISessionSandbox sandbox, RunningInvocation running)
{
    /// <summary>Why an invocation ended that met a fault of ours.</summary>
    internal const string Broke = "Something of ours broke.";

    /// <summary>Runs it to its end. It never throws: what goes wrong goes to the reader of the stream.</summary>
    /// <param name="free">Sets the session free for the next invocation.</param>
    /// <param name="hold">Disposed when the end is in the journal.</param>
    public async Task RunAsync(Action free, IDisposable hold)
    {
        var run = running.Run;
        using var scope = services.Logger.BeginScope(new[]
        {
            KeyValuePair.Create("harnessId", (object?)key.HarnessId),
            KeyValuePair.Create("sessionId", (object?)key.SessionId),
            KeyValuePair.Create("traceId", (object?)run.Invocation.Trace.TraceId),
        });
        Log.InvocationBegan(services.Logger, run.Invocation.Id);
        using var signal = run.Signal;
        using var work = sandbox.Work();
        HarnessStopReason? reason = null;
        Exception? fault = null;
        var complete = false;
        var why = "The turn is complete.";
        try
        {
            reason = await services.Loop.RunAsync(run, signal.Token);
            complete = true;
        }
        catch (OperationCanceledException) when (signal.Cause is { } cause)
        {
            reason = StopSignal.ReasonOf(cause);
            why = StopSignal.Describe(cause);
        }
        catch (ServiceException exception)
        {
            fault = exception;
            why = exception.Message;
        }
#pragma warning disable CA1031 // Handed to the reader of the stream, whose edge maps faults.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            fault = exception;
            why = Broke;
            Log.InvocationBroke(services.Logger, run.Invocation.Id, exception is StorageException ? null : exception);
        }

        // What is still being stored for it comes before its end.
        await run.Steering.CloseAsync();
        if (run.GoesOnLater && !complete)
        {
            Log.InvocationWaits(services.Logger, run.Invocation.Id);
            run.Telemetry.End(reason, fault, run.Usage);
            free();
            running.End();
            hold.Dispose();
            await CloseAsync(HarnessStopReason.PartialTurn, MetadataOf(run), fault: null);
            return;
        }

        // Read before the session is free, because the next invocation begins its own count.
        var usage = run.Usage;
        var metadata = MetadataOf(run);
        fault = await JournalEndAsync(run, reason, why, metadata.Metrics.LatencyMs, fault);
        run.Telemetry.End(reason, fault, usage);
        free();
        running.End();
        hold.Dispose();
        await CloseAsync(reason, metadata, fault);
    }

    private static HarnessMetadataEvent MetadataOf(InvocationRun run) =>
        new() { Usage = Usage.ToWire(run.Usage), Metrics = new() { LatencyMs = (long)run.Signal.Elapsed.TotalMilliseconds } };

    // 10. The end, synced before the client hears of it. Calls that never ran get an answer, so that the conversation is whole.
    private async Task<Exception?> JournalEndAsync(InvocationRun run, HarnessStopReason? reason, string why, long latency, Exception? fault)
    {
        IReadOnlyList<EntryBody> cancelled = run.Conversation.Open is { Paused: false } open ? [History.Repair(open, History.Cancelled, why)] : [];
        var code = fault is null ? null : fault is ServiceException { Code: var known } ? known.ToString() : nameof(FaultCode.InternalServerException);
        Log.InvocationEnded(services.Logger, run.Invocation.Id, reason?.ToString() ?? code, latency);
        if (fault is ServiceException)
        {
            // What the model's server said may repeat what it was told; whoever may read the trace finds it there.
            Log.InvocationFailed(services.Logger, run.Invocation.Id, code!, run.Invocation.Trace.TraceId);
        }

        try
        {
            await run.AppendAsync(
                Durability.Synced,
                [.. cancelled, new InvocationEnded(run.Invocation.Id, reason, why, run.Usage, run.Conversation.Iterations, latency, code)]);
            return fault;
        }
#pragma warning disable CA1031 // The stream ends with it; the session is opened again, and repaired, by the next call.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Log.JournalBroke(services.Logger, key.SessionId, exception.Message, exception is StorageException ? null : exception);
            return fault ?? exception;
        }
    }

    private async Task CloseAsync(HarnessStopReason? reason, HarnessMetadataEvent metadata, Exception? fault)
    {
        var run = running.Run;
        using var closing = new CancellationTokenSource(services.Invocations.ClosingTime, services.Time);
        try
        {
            if (fault is null)
            {
                await run.Events.EndAsync(reason ?? throw new UnreachableException(), metadata, closing.Token);
            }
            else
            {
                await run.Events.FlushAsync(closing.Token);
            }
        }
        catch (OperationCanceledException exception)
        {
            fault ??= exception;
        }

        running.Events.Writer.TryComplete(fault);
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Debug, "Invocation {InvocationId} begins.")]
        public static partial void InvocationBegan(ILogger logger, string invocationId);

        [LoggerMessage(LogLevel.Information, "Invocation {InvocationId} goes on with the next start of a server.")]
        public static partial void InvocationWaits(ILogger logger, string invocationId);

        [LoggerMessage(LogLevel.Warning, "Invocation {InvocationId} failed with {Code}; trace {TraceId} says why.")]
        public static partial void InvocationFailed(ILogger logger, string invocationId, string code, string traceId);

        [LoggerMessage(LogLevel.Debug, "Invocation {InvocationId} ended with {Reason} after {Milliseconds} ms.")]
        public static partial void InvocationEnded(ILogger logger, string invocationId, string? reason, long milliseconds);

        [LoggerMessage(LogLevel.Error, "Invocation {InvocationId} ended with a fault of ours.")]
        public static partial void InvocationBroke(ILogger logger, string invocationId, Exception? exception);

        [LoggerMessage(LogLevel.Error, "The journal of session {SessionId} cannot be written; the session is opened again with its next call. {Reason}")]
        public static partial void JournalBroke(ILogger logger, string sessionId, string reason, Exception? exception);
    }
}
