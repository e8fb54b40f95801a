namespace Belay.Sandboxes;

/// <summary>A technology that isolates: it starts an isolated place with the guest in it and hands over a byte stream to the guest.</summary>
public interface ISandboxDriver
{
    /// <summary>Name on the command line: <c>process</c>, <c>unconfined</c>.</summary>
    string Name { get; }

    /// <summary>Finds out by doing it, within a deadline, whether this driver works here, and what it guarantees.</summary>
    Task<SandboxProbe> ProbeAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Whether this driver works here, for a server that starts: what was proved before counts for as long as nothing has changed that
    /// it depends on, and guarantees that do not decide may be left out of the answer.
    /// </summary>
    Task<SandboxProbe> CheckAsync(CancellationToken cancellationToken) => ProbeAsync(cancellationToken);

    /// <summary>Starts a sandbox. Throws <see cref="SandboxException"/> and leaves nothing behind when it cannot.</summary>
    Task<ISandbox> StartAsync(SandboxSpec spec, CancellationToken cancellationToken);

    /// <summary>Ends and removes what earlier servers on the same data directory left behind; answers how many.</summary>
    Task<int> ReapAsync(CancellationToken cancellationToken);
}

/// <summary>What a driver found out about itself.</summary>
/// <param name="Works">Whether sandboxes can be started.</param>
/// <param name="Label">What it is in a few words, such as "process isolation, shared kernel".</param>
/// <param name="Reason">Why it does not work and what to do, or empty.</param>
/// <param name="Guarantees">One line for each guarantee, saying honestly whether it holds here.</param>
public sealed record SandboxProbe(bool Works, string Label, string Reason, IReadOnlyList<SandboxGuarantee> Guarantees);

/// <summary>One guarantee of a driver.</summary>
/// <param name="Name">Such as <c>network</c>, <c>memory limit</c>, <c>seccomp</c>.</param>
/// <param name="Holds">Whether it holds on this machine.</param>
/// <param name="Detail">What exactly is or is not guaranteed.</param>
public sealed record SandboxGuarantee(string Name, bool Holds, string Detail);

/// <summary>What a sandbox is to be.</summary>
public sealed record SandboxSpec
{
    /// <summary>Unique id.</summary>
    public required string Id { get; init; }

    /// <summary>Host directory that appears as <c>/workspace</c> and outlives the sandbox.</summary>
    public required string Workspace { get; init; }

    /// <summary>Further host directories, by the path at which they appear.</summary>
    public IReadOnlyDictionary<string, string> Mounts { get; init; } = new Dictionary<string, string>();

    /// <summary>Environment of everything that runs inside.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>What it may use.</summary>
    public SandboxLimits Limits { get; init; } = new();
}

/// <summary>What a sandbox may use.</summary>
public sealed record SandboxLimits
{
    /// <summary>Processor cores.</summary>
    public double Cpus { get; init; } = 2;

    /// <summary>Memory in MiB.</summary>
    public int MemoryMiB { get; init; } = 8192;

    /// <summary>Processes and threads.</summary>
    public int Processes { get; init; } = 1024;
}
