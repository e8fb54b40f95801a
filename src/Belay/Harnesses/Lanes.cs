using Belay.Storage;

namespace Belay.Harnesses;

/// <summary>
/// Lets the changes of one harness that come through this process queue up, instead of failing each other's etags. Etags alone
/// keep the data right; this only spares retries. Harnesses share a fixed number of lanes.
/// </summary>
internal sealed class Lanes
{
    private readonly SemaphoreSlim[] _lanes = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1, 1))];

    public async Task<T> RunAsync<T>(Scope scope, string key, Func<Task<T>> work, CancellationToken cancellationToken)
    {
        var lane = _lanes[(uint)HashCode.Combine(scope, key) % (uint)_lanes.Length];
        await lane.WaitAsync(cancellationToken);
        try
        {
            return await work();
        }
        finally
        {
            lane.Release();
        }
    }
}
