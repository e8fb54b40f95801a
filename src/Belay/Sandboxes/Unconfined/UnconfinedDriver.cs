using Belay.Sandboxes.Guest;
using Belay.Storage;

namespace Belay.Sandboxes.Unconfined;

/// <summary>
/// Runs commands on this machine, as the server's user, in the session's workspace. It isolates nothing and says so; it is only
/// used when someone asks for it by name.
/// </summary>
/// <param name="dataDirectory">The server's data directory.</param>
/// <param name="settings">Settings.</param>
/// <param name="time">Clock.</param>
/// <param name="ids">Ids of probes.</param>
public sealed class UnconfinedDriver(string dataDirectory, SandboxSettings settings, TimeProvider time, IdSource ids) : ISandboxDriver
{
    private const string Label = "no isolation";

    private readonly string _records = Path.Join(Path.GetFullPath(dataDirectory), "sandboxes", "unconfined");

    private SandboxProbe? _works;

    /// <inheritdoc/>
    public string Name => "unconfined";

    /// <inheritdoc/>
    public async Task<SandboxProbe> ProbeAsync(CancellationToken cancellationToken)
    {
        // Once: strangers may ask whether the server is ready, and each probe is a process.
        if (_works is { } known)
        {
            return known;
        }

        try
        {
            var spec = new SandboxSpec { Id = "probe-" + ids.NewUuid(), Workspace = Path.GetTempPath() };
            await (await StartAsync(spec, cancellationToken)).DisposeAsync();
            return _works = new SandboxProbe(true, Label, "",
            [
                new("isolation", false, "NONE: commands run on this machine with the rights of the server, its files and network included"),
                new("environment", true, "commands do not inherit the server's environment or open files"),
            ]);
        }
        catch (SandboxException exception)
        {
            return new SandboxProbe(false, Label, exception.Message, []);
        }
    }

    /// <inheritdoc/>
    /// <remarks>There is no wall to try: what can fail is that the guest is missing.</remarks>
    public Task<SandboxProbe> CheckAsync(CancellationToken cancellationToken)
    {
        try
        {
            GuestProgram.Find(settings.GuestDirectory);
            return Task.FromResult(new SandboxProbe(true, Label, "", []));
        }
        catch (SandboxException exception)
        {
            return Task.FromResult(new SandboxProbe(false, Label, exception.Message, []));
        }
    }

    /// <inheritdoc/>
    public async Task<ISandbox> StartAsync(SandboxSpec spec, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (spec.Mounts.Count > 0)
        {
            throw new SandboxException($"The driver 'unconfined' cannot mount anything, so {string.Join(", ", spec.Mounts.Keys)} would not be there. Use the driver 'process'.");
        }

        var program = GuestProgram.Find(settings.GuestDirectory);
        var command = program.Command(program.Directory, program.RuntimeDirectory ?? "");
        var place = await ChildPlace.StartAsync(spec.Id, command, "/dev/null", spec.Limits, _records, time);
        var guest = new GuestSettings
        {
            Workspace = spec.Workspace,
            // The home of another sandbox does not exist here; the workspace does.
            Environment = new Dictionary<string, string>(spec.Environment) { ["HOME"] = spec.Workspace },
        };
        return await GuestSandbox.ConnectAsync(spec.Id, place, guest, time, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<int> ReapAsync(CancellationToken cancellationToken) => SandboxRecord.ReapAsync(_records, time, cancellationToken);
}
