using System.Diagnostics;
using System.Text;
using Belay.Sandboxes.Guest;
using Belay.Storage;

namespace Belay.Sandboxes.Process;

/// <summary>Finds out what the process driver guarantees here by starting a sandbox and trying to break each guarantee in it.</summary>
/// <param name="driver">Starts it.</param>
/// <param name="directory">Where its workspace is made.</param>
/// <param name="time">Clock.</param>
/// <param name="ids">Its id.</param>
internal sealed class ProcessProbe(ProcessDriver driver, string directory, TimeProvider time, IdSource ids)
{
    /// <summary>What the driver is.</summary>
    public const string Label = "process isolation, shared kernel";

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly SandboxLimits Limits = new() { Cpus = 1, MemoryMiB = 256, Processes = 64 };

    // Prints one line of name=value for each thing that can be seen from inside.
    private const string Questions =
        """
        echo uid=$(id -u)
        while read -r k v; do case $k in Seccomp:) echo seccomp=$v;; NoNewPrivs:) echo nnp=$v;; CapEff:) echo caps=$v;; esac; done < /proc/self/status
        echo net=$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' \n')
        echo home=$(ls -A /home /root 2>/dev/null | grep -v : | tr -d '\n')
        test -w /usr && echo usr=writable || echo usr=read-only
        echo settings=$(find /proc -path '/proc/[0-9]*' -prune -o -type f -writable -print -quit 2>/dev/null | grep -v -e ^/proc/self/ -e ^/proc/thread-self/)
        unshare -U true 2>/dev/null && echo userns=allowed || echo userns=refused
        """;

    /// <summary>Tries.</summary>
    /// <param name="limits">Whether limits are tried too, which takes longest and decides nothing.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<SandboxProbe> RunAsync(bool limits, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(Deadline, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        var workspace = Path.Join(directory, ids.NewUuid());
        try
        {
            Directory.CreateDirectory(workspace);
            return await TryAsync(workspace, limits, either.Token);
        }
        catch (SandboxException exception)
        {
            var reason = exception.Message == Bubblewrap.HowToInstall ? exception.Message : Bubblewrap.Explain(exception.InnerException?.Message ?? exception.Message);
            return new SandboxProbe(false, Label, reason, []);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new SandboxProbe(false, Label, Bubblewrap.Explain($"a trial did not end within {Deadline.TotalSeconds:0} seconds"), []);
        }
        finally
        {
            if (Directory.Exists(workspace))
            {
                Directory.Delete(workspace, recursive: true);
            }
        }
    }

    private async Task<SandboxProbe> TryAsync(string workspace, bool limits, CancellationToken cancellationToken)
    {
        var spec = new SandboxSpec
        {
            Id = "probe-" + ids.NewUuid(),
            Workspace = workspace,
            Limits = Limits,
            Environment = new Dictionary<string, string> { ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
        };
        var place = await driver.StartPlaceAsync(spec);
        var guest = new GuestSettings { Workspace = Belay.Guest.Protocol.GuestProtocol.Workspace, Environment = spec.Environment, Processes = Limits.Processes };
        await using var sandbox = await GuestSandbox.ConnectAsync(spec.Id, place, guest, time, cancellationToken);
        var (_, answers) = await RunAsync(sandbox, Questions, cancellationToken);
        var seen = answers.Split('\n').Select(line => line.Split('=', 2)).Where(parts => parts.Length == 2).ToDictionary(parts => parts[0], parts => parts[1].Trim());
        bool Is(string name, string value) => seen.GetValueOrDefault(name) == value;

        // Without one of these the driver does not offer itself.
        List<SandboxGuarantee> guarantees =
        [
            new("file system", Is("home", "") && Is("usr", "read-only"), "own root: /usr and some of /etc read-only, nothing of /home, /root and /var; only /workspace and mounts are shared"),
            new("machine settings", Is("settings", ""), "none in /proc can be changed"),
            new("privileges", Is("caps", "0000000000000000") && Is("nnp", "1"), "no capabilities, and none to be had; user 0 inside is the server's user outside"),
            new("system calls", Is("seccomp", "2"), "filtered: no mounts, no namespaces, no tracing, no key rings, no rare socket families"),
            new("user namespaces", Is("userns", "refused"), "none can be made inside"),
            new("network", Is("net", "lo"), "none: its own empty one, loopback only; outbound access is not there yet"),
            new("processes", true, "its own; none of the host's can be seen or signalled, and all end with the sandbox or the server"),
        ];
        var broken = guarantees.Where(guarantee => !guarantee.Holds).Select(guarantee => guarantee.Name).ToList();
        if (limits)
        {
            guarantees.AddRange(await LimitsAsync(sandbox, place.Group, cancellationToken));
        }

        return broken.Count == 0
            ? new SandboxProbe(true, Label, "", guarantees)
            : new SandboxProbe(false, Label, $"The process driver starts sandboxes here, but they do not hold: {string.Join(", ", broken)}. It is not used.", guarantees);
    }

    private static async Task<IReadOnlyList<SandboxGuarantee>> LimitsAsync(GuestSandbox sandbox, ControlGroup group, CancellationToken cancellationToken)
    {
        var (memory, processes, cpu) = (group.LimitsMemory, group.LimitsProcesses, group.LimitsCpu);

        // More than the limit, in one buffer that is written to; then more processes than allowed.
        var memoryHolds = memory && (await RunAsync(sandbox, "dd if=/dev/zero of=/dev/null bs=400M count=1 2>/dev/null", cancellationToken)).ExitCode == 137;
        var (_, started) = await RunAsync(sandbox, "i=0; while [ $i -lt 150 ]; do sleep 20 & i=$((i+1)); echo $i; done 2>/dev/null", cancellationToken);
        var processesHold = !started.Contains("150", StringComparison.Ordinal);
        return
        [
            new("memory limit", memoryHolds, memoryHolds ? "by control group" : "NOT limited: control groups cannot be written here"),
            new("process limit", processesHold, (processesHold, processes) switch
            {
                (true, true) => "by control group",
                (true, false) => "by resource limit, which counts all sandboxes of the server's user where the kernel is older than 5.14",
                _ => "NOT limited: control groups cannot be written here, and resource limits do not bind root",
            }),
            new("processor limit", cpu, cpu ? "by control group" : "NOT limited: control groups cannot be written here"),
            new("disk limit", false, "NOT limited: /workspace is a directory of the host; /tmp counts as memory"),
            new("own kernel", false, "NO: the host's kernel is shared; a hole in it is a way out"),
        ];
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(GuestSandbox sandbox, string script, CancellationToken cancellationToken)
    {
        var output = new StringBuilder();
        await foreach (var happened in sandbox.ExecuteAsync(new ExecRequest { Command = ["/bin/sh", "-c", script], Timeout = TimeSpan.FromSeconds(20) }, cancellationToken))
        {
            switch (happened)
            {
                case ExecEvent.Output { Kind: OutputKind.Stdout } text when output.Length < 65_536:
                    output.Append(Encoding.UTF8.GetString(text.Bytes.Span));
                    break;
                case ExecEvent.Exited exited:
                    return (exited.ExitCode, output.ToString());
                default:
                    break;
            }
        }

        throw new UnreachableException();
    }
}
