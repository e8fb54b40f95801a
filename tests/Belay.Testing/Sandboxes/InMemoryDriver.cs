using Belay.Sandboxes;

namespace Belay.Testing.Sandboxes;

/// <summary>Starts sandboxes in memory, each on a disk of its own; a test makes it wait or refuse.</summary>
public sealed class InMemoryDriver(TimeProvider time) : ISandboxDriver
{
    public string Name => "memory";

    /// <summary>What was started, in order.</summary>
    public List<InMemorySandbox> Started { get; } = [];

    /// <summary>What they were asked to be.</summary>
    public List<SandboxSpec> Specs { get; } = [];

    /// <summary>What starting throws; null when it works.</summary>
    public SandboxException? Failure { get; set; }

    /// <summary>What a start waits for; null for nothing.</summary>
    public TaskCompletionSource? Hold { get; set; }

    public Task<SandboxProbe> ProbeAsync(CancellationToken cancellationToken) => Task.FromResult(new SandboxProbe(true, "", "", []));

    public async Task<ISandbox> StartAsync(SandboxSpec spec, CancellationToken cancellationToken)
    {
        await (Hold?.Task.WaitAsync(cancellationToken) ?? Task.CompletedTask);
        if (Failure is not null)
        {
            throw Failure;
        }

        var sandbox = new InMemorySandbox(spec.Id, new InMemoryDisk(), time) { Environment = spec.Environment };
        Started.Add(sandbox);
        Specs.Add(spec);
        return sandbox;
    }

    /// <summary>What reaping does; nothing unless a test says so.</summary>
    public Task<int> Reaping { get; set; } = Task.FromResult(0);

    public Task<int> ReapAsync(CancellationToken cancellationToken) => Reaping;
}
