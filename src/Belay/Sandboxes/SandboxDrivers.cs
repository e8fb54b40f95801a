using Belay.Sandboxes.Process;
using Belay.Sandboxes.Unconfined;
using Belay.Storage;

namespace Belay.Sandboxes;

/// <summary>The drivers that this server knows, and the choice among them.</summary>
public static class SandboxDrivers
{
    /// <summary>Chooses by itself.</summary>
    public const string Auto = "auto";

    /// <summary>All drivers, strongest isolation first.</summary>
    public static IReadOnlyList<ISandboxDriver> Create(string dataDirectory, SandboxSettings settings, TimeProvider time, IdSource ids) =>
        [new ProcessDriver(dataDirectory, settings, time, ids), new UnconfinedDriver(dataDirectory, settings, time, ids)];

    /// <summary>
    /// The driver of a name, or with <see cref="Auto"/> the first one that works here and isolates. Throws
    /// <see cref="SandboxException"/> with what to do when there is none: nothing weaker is ever taken in its place.
    /// </summary>
    public static async Task<ISandboxDriver> ChooseAsync(string name, IReadOnlyList<ISandboxDriver> drivers, CancellationToken cancellationToken)
    {
        var candidates = name == Auto
            ? drivers.Where(driver => driver is not UnconfinedDriver).ToList()
            : drivers.Where(driver => driver.Name == name).ToList();
        if (candidates.Count == 0)
        {
            throw new SandboxException($"There is no sandbox driver '{name}'. There are: {Auto}, {string.Join(", ", drivers.Select(driver => driver.Name))}.");
        }

        var reasons = new List<string>();
        foreach (var driver in candidates)
        {
            var probe = await driver.CheckAsync(cancellationToken);
            if (probe.Works)
            {
                return driver;
            }

            reasons.Add(probe.Reason);
        }

        throw new SandboxException(string.Join(" ", reasons));
    }
}
