using System.Runtime.CompilerServices;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Replays;
using Belay.Harnesses;
using Belay.Replays;
using Belay.Server.Wire;
using Belay.Sessions;
using Belay.Tools.BuiltIn;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Replays;

/// <summary>ReplaySession: runs a session's journal through the engine again. It executes nothing and writes nothing.</summary>
public static class ReplayEndpoints
{
    /// <summary>Replays at a time; each is one processor's work.</summary>
    private const int AtOnce = 2;

    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(SessionReader reader, HarnessCatalog catalog, TimeProvider time)
    {
        var room = new SemaphoreSlim(AtOnce, AtOnce);
        return
        [
            new("ReplaySession", HttpMethods.Post, "/belay/v1/harnesses/{harnessId}/sessions/{sessionId}/replay", Operation.ControlBodyBytes, async (call, cancellationToken) =>
            {
                var request = call.Bind(BelayJson.Default.ReplaySessionRequest);
                var key = new SessionKey(call.Caller.Scope, request.HarnessId, request.SessionId);
                await reader.RowAsync(key, cancellationToken);
                if (!room.Wait(0, CancellationToken.None))
                {
                    throw new ServiceException(FaultCode.ConflictException, $"{AtOnce} replays run already, which is the most at a time. Try again when one has ended.");
                }

                try
                {
                    var progress = RunAsync(reader, catalog, key, request.Events ?? false, time, cancellationToken);
                    if (ServerSentEvents.AreAskedFor(call.Http.Request))
                    {
                        await call.StreamAsync(
                            progress.Select((item, index) => ServerSentEvent.Of(index, "replay", item, BelayJson.Default.ReplayProgress)), time, cancellationToken);
                        return;
                    }

                    var last = await progress.LastAsync(cancellationToken);
                    await call.RespondAsync(StatusCodes.Status200OK, last.Verdict!, BelayJson.Default.ReplaySessionResponse);
                }
                finally
                {
                    room.Release();
                }
            })
            {
                About = () => new("Runs a session's journal through the engine again, without any effect, and compares every entry.", BelayJson.Default.ReplaySessionRequest, BelayJson.Default.ReplaySessionResponse)
                {
                    Event = BelayJson.Default.ReplayProgress,
                    Faults = [FaultCode.ResourceNotFoundException, FaultCode.ConflictException],
                },
            },
        ];
    }

    private static async IAsyncEnumerable<ReplayProgress> RunAsync(
        SessionReader reader, HarnessCatalog catalog, SessionKey key, bool events, TimeProvider time, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        var replayer = new Replayer((version, token) => catalog.FindVersionAsync(key, version, token), BuiltInTools.All);
        var invocations = new List<ReplayedInvocationSummary>();
        var past = await TryAsync(() => RecordedSession.PastAsync(reader.Journal, reader.Sealer, key, cancellationToken));
        await using var replayed = replayer.RunAsync(RecordedSession.ReadAsync(reader.Journal, reader.Sealer, key, cancellationToken), past, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await TryAsync(() => replayed.MoveNextAsync().AsTask()))
        {
            if (events)
            {
                foreach (var shown in replayed.Current.Events)
                {
                    yield return new() { Shown = ReplayWire.Event(shown) };
                }
            }

            invocations.Add(ReplayWire.Summary(replayed.Current));
            yield return new() { Invocation = invocations[^1] };
        }

        yield return new() { Verdict = ReplayWire.Verdict(invocations, time.GetElapsedTime(began)) };
    }

    // What cannot be replayed is for the caller to know; a damaged journal is ours to mend.
    private static async Task<T> TryAsync<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (Exception problem) when (problem is ReplayException or (JournalException and not JournalDamagedException))
        {
            throw ServiceException.Invalid(ValidationReason.ResourceConflict, problem.Message, problem);
        }
    }
}
