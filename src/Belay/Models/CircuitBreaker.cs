using Polly;
using Polly.CircuitBreaker;

namespace Belay.Models;

/// <summary>
/// The circuit of one endpoint that has failed. It opens when enough calls in a row have failed, lets exactly one through when its time is
/// over, and what becomes of that one decides. Whoever succeeds drops it, so that it never counts anything but failures.
/// </summary>
internal sealed class CircuitBreaker
{
    // Failures that are further apart say nothing about now.
    private static readonly TimeSpan Memory = TimeSpan.FromHours(1);

    private readonly CircuitBreakerStateProvider _state = new();
    private readonly ResiliencePipeline _circuit;

    /// <summary>A circuit that is closed.</summary>
    /// <param name="settings">When it opens, and for how long.</param>
    /// <param name="time">The clock.</param>
    /// <param name="account">Whose calls it counts.</param>
    /// <param name="provider">Provider of the model.</param>
    /// <param name="modelId">The model.</param>
    public CircuitBreaker(BreakerSettings settings, TimeProvider time, string account, string provider, string modelId)
    {
        (Account, Provider, ModelId) = (account, provider, modelId);
        _circuit = new ResiliencePipelineBuilder { TimeProvider = new SteadyTime(time) }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions
            {
                FailureRatio = 1,
                MinimumThroughput = settings.Failures,
                SamplingDuration = Memory,
                BreakDuration = settings.BreakTime,
                StateProvider = _state,
                ShouldHandle = static args => ValueTask.FromResult(args.Outcome.Exception is FailedException),
            })
            .Build();
    }

    public string Account { get; }

    public string Provider { get; }

    public string ModelId { get; }

    /// <summary>Whether calls pass.</summary>
    public bool IsClosed => _state.CircuitState == CircuitState.Closed;

    /// <summary>Counts a call that failed for good.</summary>
    public void Fail() => TryPass(out _)?.End(worked: false);

    /// <summary>Lets a call through; null when none may pass now.</summary>
    /// <param name="after">How long it is until one may; null where that depends on the call that tries it now.</param>
    public Pass? TryPass(out TimeSpan? after)
    {
        var pass = new Pass(_circuit);
        after = _state.CircuitState == CircuitState.Open ? pass.Refusal?.RetryAfter : null;
        return pass.Refusal is null ? pass : null;
    }

    /// <summary>A call that was let through. The circuit waits for what becomes of it, so it ends exactly once.</summary>
    public sealed class Pass
    {
        // Its end goes on at once, in the circuit: who asks next sees what it came to.
        private readonly TaskCompletionSource<bool> _end = new();
        private readonly Task _run;

        public Pass(ResiliencePipeline circuit) => _run = circuit.ExecuteAsync(WaitAsync, CancellationToken.None).AsTask();

        /// <summary>Why it may not pass; null when it may.</summary>
        public BrokenCircuitException? Refusal => _run.Exception?.InnerException as BrokenCircuitException;

        /// <summary>Says what became of it.</summary>
        public void End(bool worked)
        {
            // Inside a context the runtime would let the circuit go on some time later, on another thread.
            var context = SynchronizationContext.Current;
            SynchronizationContext.SetSynchronizationContext(null);
            try
            {
                _end.SetResult(worked);
                _ = _run.Exception;
            }
            finally
            {
                SynchronizationContext.SetSynchronizationContext(context);
            }
        }

        private async ValueTask WaitAsync(CancellationToken cancellationToken)
        {
            if (!await _end.Task.ConfigureAwait(false))
            {
                throw new FailedException();
            }
        }
    }

    private sealed class FailedException() : Exception("The call failed.");

    // A clock that is set back would leave a circuit open for as long.
    private sealed class SteadyTime(TimeProvider time) : TimeProvider
    {
        private readonly long _began = time.GetTimestamp();

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + time.GetElapsedTime(_began);
    }
}
