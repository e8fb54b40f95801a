using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Sessions;
using Belay.Testing.Sessions;

namespace Belay.Testing.Simulation;

/// <content>What others than the reader do meanwhile, and detached runs, which have none.</content>
public sealed partial class SimulatedSession
{
    private const int LongestWait = 20_000;

    // What hops through the thread pool comes back when that has a thread, however many turns pass here meanwhile.
    private static readonly TimeSpan LongestHop = TimeSpan.FromSeconds(30);

    private readonly HashSet<string> _steered = new(StringComparer.Ordinal);
    private readonly HashSet<string> _detached = new(StringComparer.Ordinal);
    private int _steers;

    /// <summary>Detached invocations that were accepted.</summary>
    public int Detached => _detached.Count;

    /// <summary>Messages that running invocations were handed.</summary>
    public int Steered => _steered.Count;

    /// <summary>Appends and syncs that failed.</summary>
    public int DiskFailures { get; private set; }

    private Task SteerAsync() => TryAsync(async () =>
    {
        var id = $"steer-{++_steers}";
        await _world.Host.SteerAsync(_world.Key, id, "Turn left.", CancellationToken.None);
        _steered.Add(id);
    });

    private Task CancelAsync() => TryAsync(() => _world.Host.CancelAsync(_world.Key, CancellationToken.None));

    private Task StopAsync() => TryAsync(() => _world.Host.StopAsync(_world.Key, null, CancellationToken.None));

    private Task CommandAsync() => TryAsync(async () =>
    {
        await using var command = await _world.Host.RunCommandAsync(_world.Key, _world.Harness, $"effect c{++_commands}", 60, CancellationToken.None);
        await foreach (var chunk in command.ReadAsync(CancellationToken.None))
        {
        }
    });

    private Task AgainAsync() => TryAsync(async () =>
    {
        await using var accepted = await _world.StartAsync(_world.Request(EngineWorld.User("Me too.")));
        await ReadAsync(accepted, 3);
    });

    // A refusal is an answer: busy, over, or nothing there. What a bad disk does to a call is told as one, or as its own failure.
    private async Task TryAsync(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (ServiceException)
        {
        }
        catch (Exception) when (_journal.Crashed || _journal.Failed)
        {
        }
    }

    private async Task StartDetachedAsync() => await TryAsync(async () =>
    {
        var invocation = _world.Resolver.Resolve(new(_world.Harness, "DEFAULT", _world.Belay), await RequestAsync()) with { Detached = true };
        await using var accepted = await _world.Host.InvokeAsync(_world.Key, invocation, CancellationToken.None);
        _begun[accepted.InvocationId] = _journal.Durable;
        _detached.Add(accepted.InvocationId);
    });

    // What a server does as it starts, for the one session that there is.
    private Task RecoverAsync() => TryAsync(() => _world.Host.RecoverAsync(_world.Key, _world.Harness, CancellationToken.None));

    // Not as a sequence: the runtime's own goes on on any thread.
    private static async Task<InvocationEvent?> NextAsync(AcceptedInvocation accepted)
    {
        while (await accepted.WaitAsync(CancellationToken.None))
        {
            if (accepted.TryRead(out var item))
            {
                return item;
            }
        }

        return null;
    }

    private async Task WaitAsync(Task all)
    {
        // Nothing moves by itself in a world whose clock stands still: after a while of nothing, time passes.
        for (var turns = 0; !all.IsCompleted; turns++)
        {
            await TurnAsync(turns);
        }

        await all;
    }

    private static bool IsTooLong(int turns, long began) => turns >= LongestWait && TimeProvider.System.GetElapsedTime(began) >= LongestHop;

    private async Task<bool> IdleAsync()
    {
        var began = TimeProvider.System.GetTimestamp();
        for (var turns = 0; !IsTooLong(turns, began); turns++)
        {
            if (_journal.Crashed || _world.Host.Look(_world.Key) != SessionActivity.Busy)
            {
                return true;
            }

            if (!_orderly && turns % 64 == 63)
            {
                // What went through the thread pool waits for a processor there: its turn comes before time passes.
                await Task.Run(static () => { });
            }

            await TurnAsync(turns);
        }

        return false;
    }

    private async Task TurnAsync(int turns)
    {
        await Task.Yield();
        if (turns % 64 == 63)
        {
            _world.Time.Advance(TimeSpan.FromSeconds(2));
        }
    }
}
