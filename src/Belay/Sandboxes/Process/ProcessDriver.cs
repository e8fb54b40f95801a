using Belay.Sandboxes.Guest;
using Belay.Storage;

namespace Belay.Sandboxes.Process;

/// <summary>
/// Runs each sandbox as a tree of processes in its own namespaces, set up by bubblewrap: no capabilities, no new privileges,
/// filtered system calls, no network, its own view of the file system. The kernel is shared with the host.
/// </summary>
/// <param name="dataDirectory">The server's data directory; the driver keeps to its folder <c>sandboxes</c>.</param>
/// <param name="settings">Settings.</param>
/// <param name="time">Clock.</param>
/// <param name="ids">Ids of probes.</param>
public sealed class ProcessDriver(string dataDirectory, SandboxSettings settings, TimeProvider time, IdSource ids) : ISandboxDriver, IDisposable
{
    private const string GuestPath = "/.belay/guest";
    private const string EtcName = "etc";
    private const string RuntimePath = "/.belay/dotnet";

    private readonly string _directory = Path.Join(Path.GetFullPath(dataDirectory), "sandboxes");
    private readonly SemaphoreSlim _probing = new(1, 1);
    private readonly SemaphoreSlim _preparing = new(1, 1);
    private Prepared? _prepared;
    private SandboxProbe? _probe;
    private SandboxProbe? _check;

    /// <inheritdoc/>
    public string Name => "process";

    private string Records => Path.Join(_directory, "process");

    private ProcessProof Proof => new(Path.Join(_directory, "process.proof"));

    private ProcessProbe Trial => new(this, Path.Join(_directory, "probe"), time, ids);

    /// <inheritdoc/>
    public async Task<SandboxProbe> ProbeAsync(CancellationToken cancellationToken)
    {
        await _probing.WaitAsync(cancellationToken);
        try
        {
            if (_probe is null)
            {
                _probe = await Trial.RunAsync(limits: true, cancellationToken);
                if (!_probe.Works)
                {
                    _check = null;
                    Proof.Void();
                }
            }

            return _probe;
        }
        finally
        {
            _probing.Release();
        }
    }

    /// <inheritdoc/>
    public async Task<SandboxProbe> CheckAsync(CancellationToken cancellationToken)
    {
        await _probing.WaitAsync(cancellationToken);
        try
        {
            return _check ??= await ProveAsync(cancellationToken);
        }
        finally
        {
            _probing.Release();
        }
    }

    /// <inheritdoc/>
    public async Task<ISandbox> StartAsync(SandboxSpec spec, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            var place = await StartPlaceAsync(spec);
            var guest = new GuestSettings
            {
                Workspace = Belay.Guest.Protocol.GuestProtocol.Workspace,
                Environment = spec.Environment,
                Processes = spec.Limits.Processes,
            };
            return await GuestSandbox.ConnectAsync(spec.Id, place, guest, time, cancellationToken);
        }
        catch (SandboxException)
        {
            // Whatever the cause, what was proved once is in doubt: whoever asks next gets a new trial.
            _check = null;
            Proof.Void();
            throw;
        }
    }

    /// <inheritdoc/>
    public Task<int> ReapAsync(CancellationToken cancellationToken) => SandboxRecord.ReapAsync(Records, time, cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        _probing.Dispose();
        _preparing.Dispose();
    }

    internal async Task<ChildPlace> StartPlaceAsync(SandboxSpec spec)
    {
        var (command, filter) = await CommandAsync(spec);
        return await ChildPlace.StartAsync(spec.Id, command, filter, spec.Limits, Records, time);
    }

    /// <summary>The command that becomes a sandbox, and the file that it must find open as descriptor 9.</summary>
    internal async Task<(IReadOnlyList<string> Command, string Filter)> CommandAsync(SandboxSpec spec)
    {
        var prepared = await PreparedAsync();
        if (!Directory.Exists(spec.Workspace))
        {
            throw new SandboxException("The workspace of the sandbox does not exist.");
        }

        List<string> command =
        [
            prepared.Bubblewrap,
            "--unshare-user", "--uid", "0", "--gid", "0",
            "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
            "--hostname", "sandbox",
            "--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL",
            .. prepared.CanDisableNamespaces ? (ReadOnlySpan<string>)["--disable-userns"] : [],
            "--seccomp", "9",
            .. RootView.Arguments(prepared.Etc, spec.Limits),
            "--ro-bind", prepared.Guest.Directory, GuestPath,
        ];
        if (prepared.Guest.RuntimeDirectory is { } runtime)
        {
            command.AddRange(["--ro-bind", runtime, RuntimePath]);
        }

        command.AddRange(["--bind", spec.Workspace, Belay.Guest.Protocol.GuestProtocol.Workspace]);
        foreach (var (path, source) in spec.Mounts)
        {
            command.AddRange(["--bind", source, path]);
        }

        // Last: what is mounted is there, and nothing can be added beside it.
        command.AddRange(["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", Belay.Guest.Protocol.GuestProtocol.Workspace, "--"]);
        command.AddRange(prepared.Guest.Command(GuestPath, RuntimePath));
        return (command, prepared.Filter);
    }

    private async Task<SandboxProbe> ProveAsync(CancellationToken cancellationToken)
    {
        var digest = TryDigest();
        if (digest is not null && Proof.Holds(digest))
        {
            return new SandboxProbe(true, ProcessProbe.Label, "", []);
        }

        Proof.Void();
        var probe = await Trial.RunAsync(limits: false, cancellationToken);
        if (probe.Works && TryDigest() is { } proved)
        {
            Proof.Write(proved);
        }

        return probe;
    }

    /// <summary>Digest of everything that a proof depends on; null when something is missing, which the trial puts into words.</summary>
    private string? TryDigest()
    {
        try
        {
            if (Bubblewrap.Find() is not { } bubblewrap || !Directory.Exists(_directory))
            {
                return null;
            }

            var guest = GuestProgram.Find(settings.GuestDirectory);
            return ProcessProof.Digest(
                RootView.Arguments(Path.Join(_directory, EtcName), settings.Limits).Concat(guest.Command(GuestPath, guest.RuntimeDirectory ?? "")),
                SeccompFilter.ForThisMachine(),
                [bubblewrap, "/bin/sh", .. guest.RuntimeDirectory is { } runtime ? (ReadOnlySpan<string>)[Path.Join(runtime, "dotnet")] : []],
                guest.Directory);
        }
        catch (Exception exception) when (exception is SandboxException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private async Task<Prepared> PreparedAsync()
    {
        await _preparing.WaitAsync();
        try
        {
            return _prepared ??= await PrepareAsync();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SandboxException("The driver could not write to the data directory. The server's log says why.", exception);
        }
        finally
        {
            _preparing.Release();
        }
    }

    private async Task<Prepared> PrepareAsync()
    {
        var bubblewrap = Bubblewrap.Find() ?? throw new SandboxException(Bubblewrap.HowToInstall);
        Directory.CreateDirectory(_directory);
        var etc = Path.Join(_directory, EtcName);

        // Another process, such as a doctor, may do the same at the same time.
        var passing = $".{ids.NewUuid()}.new";
        RootView.Prepare(etc, passing);
        var filter = Path.Join(_directory, "seccomp.bpf");
        await File.WriteAllBytesAsync(filter + passing, SeccompFilter.ForThisMachine());
        File.Move(filter + passing, filter, overwrite: true);
        var help = await Bubblewrap.HelpAsync(bubblewrap);
        return new Prepared(bubblewrap, help.Contains("--disable-userns", StringComparison.Ordinal), etc, filter, GuestProgram.Find(settings.GuestDirectory));
    }

    private sealed record Prepared(string Bubblewrap, bool CanDisableNamespaces, string Etc, string Filter, GuestProgram Guest);
}
