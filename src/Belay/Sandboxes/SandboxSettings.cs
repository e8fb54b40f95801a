namespace Belay.Sandboxes;

/// <summary>Settings of sandboxes.</summary>
public sealed record SandboxSettings
{
    /// <summary>
    /// Driver: <c>process</c>, <c>unconfined</c>, or <c>auto</c> for the strongest that works here and isolates. <c>auto</c> never
    /// means <c>unconfined</c>.
    /// </summary>
    public string Driver { get; init; } = "auto";

    /// <summary>Processor cores of a sandbox.</summary>
    public double Cpus { get; init; } = 2;

    /// <summary>Memory of a sandbox, in MiB, files in its /tmp included.</summary>
    public int MemoryMiB { get; init; } = 8192;

    /// <summary>Processes and threads of a sandbox.</summary>
    public int Pids { get; init; } = 1024;

    /// <summary>How long a sandbox may take to start.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>Idle time, where a harness sets none.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(900);

    /// <summary>Longest life, where a harness sets none.</summary>
    public TimeSpan MaxLifetime { get; init; } = TimeSpan.FromSeconds(28_800);

    /// <summary>Host directories by the ARN of the S3 or EFS access point for which they stand.</summary>
    public IReadOnlyDictionary<string, string> Mounts { get; init; } = new Dictionary<string, string>();

    /// <summary>Directory of the guest program.</summary>
    public string GuestDirectory { get; init; } = Path.Join(AppContext.BaseDirectory, "guest");

    /// <summary>Everything wrong with these settings. Empty when they are valid.</summary>
    public IEnumerable<string> Problems()
    {
        if (Cpus is < 0.01 or > 1024)
        {
            yield return $"Sandbox:Cpus must be from 0.01 to 1024, but was {Cpus}.";
        }

        if (MemoryMiB is < 128 or > 16 * 1024 * 1024)
        {
            yield return $"Sandbox:MemoryMiB must be from 128 to 16777216, but was {MemoryMiB}.";
        }

        if (Pids is < 32 or > 4_000_000)
        {
            yield return $"Sandbox:Pids must be from 32 to 4000000, but was {Pids}.";
        }

        if (StartTimeout <= TimeSpan.Zero || IdleTimeout <= TimeSpan.Zero || MaxLifetime <= TimeSpan.Zero)
        {
            yield return "Sandbox:StartTimeout, Sandbox:IdleTimeout and Sandbox:MaxLifetime must be longer than zero.";
        }

        foreach (var (arn, directory) in Mounts)
        {
            if (!Path.IsPathFullyQualified(directory))
            {
                yield return $"Sandbox:Mounts:{arn} must be an absolute path, but was '{directory}'.";
            }
        }
    }

    /// <summary>The limits of one sandbox.</summary>
    internal SandboxLimits Limits => new() { Cpus = Cpus, MemoryMiB = MemoryMiB, Processes = Pids };
}
