using System.Runtime.CompilerServices;
using Belay.Models;
using Belay.Sessions;

namespace Belay.Replays;

/// <summary>A model whose answers, failures and times are those of the recording.</summary>
internal sealed class ReplayModel(ReplayLife life, ReplayClock clock, string provider, string modelId) : IModel
{
    private ModelOutcome? _current;
    private int _attempt;

    public string Provider => provider;

    public string ModelId => modelId;

    public async IAsyncEnumerable<ModelEvent> StreamAsync(ModelRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        var (outcome, iteration) = life.Ask();
        (_current, _attempt) = (outcome, ReferenceEquals(outcome, _current) ? _attempt + 1 : 1);
        if (_attempt < outcome.Attempts)
        {
            throw new ModelException(ModelFailure.Throttled, "An attempt that was made again.");
        }

        var started = clock.Now;
        clock.Now = started + TimeSpan.FromMilliseconds(outcome.TimeToFirstMs ?? 0);
        foreach (var modelEvent in ReplayReply.Events(outcome))
        {
            yield return modelEvent;
        }

        clock.Now = started + TimeSpan.FromMilliseconds(outcome.DurationMs);
        if (ReplayReply.Failure(outcome, iteration) is { } failure)
        {
            throw failure;
        }

        if (ReplayReply.IsCutOff(outcome))
        {
            life.Stop(outcome);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
