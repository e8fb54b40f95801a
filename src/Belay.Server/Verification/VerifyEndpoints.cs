using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Verification;
using Belay.Server.Wire;
using Belay.Sessions;
using Belay.Storage;
using Belay.Verification;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Verification;

/// <summary>
/// VerifyJournals: reads every journal of the caller's account, of all accounts when it is the operator's, and says what is damaged. One at a
/// time for each account, since it reads the whole store. What it finds is quarantined.
/// </summary>
public static class VerifyEndpoints
{
    private const int MostListed = 1000;

    /// <summary>The operation.</summary>
    /// <param name="verifier">Verifies.</param>
    /// <param name="keeper">Has the signed heads.</param>
    /// <param name="quarantine">Takes in what is damaged.</param>
    /// <param name="operatorAccount">The account whose keys may verify everything.</param>
    /// <param name="subscriptions">Counts the streams of an account.</param>
    /// <param name="time">The clock.</param>
    public static Operation Operation(
        StoreVerifier verifier, HeadKeeper keeper, Quarantine quarantine, string operatorAccount, Subscriptions subscriptions, TimeProvider time)
    {
        var running = new HashSet<string>(StringComparer.Ordinal);
        return new("VerifyJournals", HttpMethods.Get, NativeApi.Root + "/verify", Wire.Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.VerifyJournalsRequest);
            var account = call.Caller.Scope.Account;
            Begin(account);
            try
            {
                using var heads = await keeper.ScanAsync(cancellationToken);
                var scope = new VerificationScope(account == operatorAccount ? null : account, request.SessionId);
                var steps = verifier.RunAsync(heads, scope, cancellationToken).Select(Note);
                if (ServerSentEvents.AreAskedFor(call.Http.Request))
                {
                    using var entered = subscriptions.Enter(account);
                    using var leave = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, subscriptions.Closing);
                    await call.StreamAsync(steps.Select((step, index) => ServerSentEvent.Of(index + 1, "step", step, BelayJson.Default.VerificationStep)), time, leave.Token);
                    return;
                }

                await call.RespondAsync(StatusCodes.Status200OK, await CollectAsync(steps, cancellationToken), BelayJson.Default.VerifyJournalsResponse);
            }
            finally
            {
                lock (running)
                {
                    running.Remove(account);
                }
            }
        })
        {
            About = () => new(
                "Verifies journals: the chain of hashes, each body whose key exists, and the signed heads.",
                BelayJson.Default.VerifyJournalsRequest,
                BelayJson.Default.VerifyJournalsResponse)
            { Event = BelayJson.Default.VerificationStep, Faults = [FaultCode.ConflictException] },
        };

        void Begin(string account)
        {
            lock (running)
            {
                if (!running.Add(account))
                {
                    throw new ServiceException(FaultCode.ConflictException, "The journals of this account are being verified. Try again when that is done.");
                }
            }
        }

        VerificationStep Note(VerificationStep step)
        {
            if (step.Damaged is { } damaged)
            {
                quarantine.Add(new(new(new Scope(damaged.Account, damaged.Region), damaged.HarnessId, damaged.SessionId), damaged.Sequence, damaged.Problem));
            }

            return step;
        }
    }

    private static async Task<VerifyJournalsResponse> CollectAsync(IAsyncEnumerable<VerificationStep> steps, CancellationToken cancellationToken)
    {
        var damaged = new List<DamagedSession>();
        VerificationTally? tally = null;
        await foreach (var step in steps.WithCancellation(cancellationToken))
        {
            tally = step.Tally;
            if (step.Damaged is { } one && damaged.Count < MostListed)
            {
                damaged.Add(one);
            }
        }

        return new() { Damaged = damaged, Tally = tally! }; // There is a last step.
    }
}
