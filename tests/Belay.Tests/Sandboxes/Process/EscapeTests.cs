using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Belay.Sandboxes;
using Belay.Testing.Sandboxes;

namespace Belay.Tests.Sandboxes.Process;

/// <summary>Ways out of the process sandbox that people try. None may work, and none is tried in a way that would harm the host if it did.</summary>
public sealed class EscapeTests : IAsyncLifetime
{
    // Python where it is there, for calls that no program of the shell makes.
    private const string Libc = "import ctypes,os,sys,errno;L=ctypes.CDLL(None,use_errno=True);L.syscall.restype=ctypes.c_long\n" +
        "def call(*a):\n r=L.syscall(*a)\n return 'works' if r>=0 else errno.errorcode[ctypes.get_errno()]\n";

    private ISandbox _sandbox = null!;

    public async ValueTask InitializeAsync() => _sandbox = await TestDrivers.StartAsync(TestDrivers.Process, new SandboxLimits { MemoryMiB = 256, Processes = 128, Cpus = 1 });

    public async ValueTask DisposeAsync()
    {
        if (_sandbox is not null)
        {
            await _sandbox.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("mount -t tmpfs x /mnt")]
    [InlineData("mount --bind /usr /tmp")]
    [InlineData("mount -o remount,rw /usr")]
    [InlineData("umount /proc")]
    [InlineData("umount -l /workspace")]
    [InlineData("unshare -U true")]
    [InlineData("unshare -m true")]
    [InlineData("unshare -n true")]
    [InlineData("unshare -Ur true")]
    [InlineData("nsenter -t 1 -m true")]
    [InlineData("chroot /proc/1/root true")]
    [InlineData("test -w /usr")]
    [InlineData("test -w /etc")]
    [InlineData("test -w /")]
    [InlineData("test -w /dev")]
    [InlineData("test -w /etc/passwd")]
    [InlineData("test -w /usr/bin/env")]
    [InlineData("test -w /.belay/guest")]
    [InlineData("test -w /proc/sys/kernel/core_pattern")]
    [InlineData("test -w /proc/sys/vm/drop_caches")]
    [InlineData("test -w /proc/sysrq-trigger")]
    [InlineData("mknod /tmp/sda b 8 0")]
    [InlineData("mknod /tmp/mem c 1 1")]
    [InlineData("ls /sys/kernel")]
    [InlineData("ls /sys/fs/cgroup/memory")]
    [InlineData("cat /dev/mem")]
    [InlineData("cat /dev/kmsg")]
    [InlineData("dmesg")]
    [InlineData("hostname other && test $(hostname) != other")]
    [InlineData("chown 1000 /workspace")]
    [InlineData("setpriv --reuid 1000 true")]
    [InlineData("kill -9 1; ! kill -0 1")]
    [InlineData("ulimit -u unlimited -c unlimited -n 10000000")]
    public async Task Attempt_Fails(string command)
    {
        var result = await _sandbox.ShAsync(command);

        Assert.True(result.ExitCode != 0, $"It worked: {result.Stdout}");
        Assert.Equal("alive\n", (await _sandbox.ShAsync("echo alive")).Stdout);
    }

    [Fact]
    public async Task MachineSettings_CannotBeWritten()
    {
        // Asking only: a way to write here is a way to change, or take over, the host.
        var result = await _sandbox.ShAsync(
            "find /proc -path '/proc/[0-9]*' -prune -o -type f -writable -print 2>/dev/null | grep -v -e '^/proc/self/' -e '^/proc/thread-self/'");

        Assert.Equal("", result.Stdout);
    }

    [Fact]
    public async Task HostFiles_AreNotThere()
    {
        var secret = Path.Join(TestDrivers.Data, "secret");
        await File.WriteAllTextAsync(secret, "secret");

        var result = await _sandbox.ShAsync(
            $"for r in '' /proc/1/root /proc/self/root /proc/1/cwd/.. /workspace/../..; do cat $r{secret}; done 2>/dev/null; ls -A /root /home /var /mnt /opt /srv /media /boot /sys 2>/dev/null | grep -v ':$'");

        Assert.Equal("tmp", result.Stdout.Trim());
        Assert.Equal("", (await _sandbox.ShAsync("cat /etc/shadow /etc/gshadow /etc/sudoers /etc/npmrc /etc/pip.conf /etc/gitconfig /etc/environment /root/.bashrc 2>/dev/null")).Stdout);
    }

    [Fact]
    public async Task LinksOutOfTheWorkspace_LeadNowhere()
    {
        var secret = Path.Join(TestDrivers.Data, "secret");
        await File.WriteAllTextAsync(secret, "secret");
        await _sandbox.ShAsync($"ln -s {secret} link; ln -s {TestDrivers.Data} dir; ln -s /usr/share/doc usr");

        await Assert.ThrowsAsync<SandboxFileException>(() => _sandbox.ReadFileAsync("link", 100, CancellationToken.None));
        await Assert.ThrowsAsync<SandboxFileException>(() => _sandbox.ListAsync("dir", CancellationToken.None));
        await Assert.ThrowsAsync<SandboxFileException>(() => _sandbox.WriteFileAsync("usr/x", "x"u8.ToArray(), CancellationToken.None));
        await Assert.ThrowsAsync<SandboxFileException>(() => _sandbox.ReadFileAsync("../../.." + secret, 100, CancellationToken.None));
    }

    [Fact]
    public async Task HostProcesses_AreNotThere()
    {
        var host = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        var result = await _sandbox.ShAsync($"ls -d /proc/[0-9]* | wc -l; cat /proc/*/cmdline | tr '\\0' ' ' | grep -c '[B]elay.Tests'; kill -0 {host} 2>&1 | grep -c .");

        var lines = result.Stdout.Split('\n');
        Assert.InRange(int.Parse(lines[0], CultureInfo.InvariantCulture), 1, 20);
        Assert.Equal("0", lines[1]);
    }

    [Fact]
    public async Task ServerSecrets_AreNowhere()
    {
        // The server's own environment, its open files, its memory: nothing of it in any file that can be read inside.
        const string canary = "belay-canary-93b1f0";
        Environment.SetEnvironmentVariable("BELAY_TEST_CANARY", canary);
        await using var sandbox = await TestDrivers.StartAsync(TestDrivers.Process);
        Environment.SetEnvironmentVariable("BELAY_TEST_CANARY", null);

        var result = await sandbox.ShAsync(
            "cat /proc/*/environ /proc/*/cmdline /proc/*/task/*/environ 2>/dev/null | tr '\\0' '\\n' | grep -e '[b]elay-canary' -e '[A]WS_' -e '[T]OKEN'; " +
            "ls -l /proc/1/fd /proc/self/fd 2>/dev/null | grep -e '->' | sed 's/.*-> //' | sort -u");

        Assert.All(result.Stdout.TrimEnd('\n').Split('\n'), line => Assert.Matches("^(/dev/|/proc/|pipe:)", line));
        Assert.DoesNotContain(
            Directory.EnumerateDirectories("/proc").Where(process => char.IsAsciiDigit(process[^1])),
            process => TryRead(process + "/environ").Contains(canary, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Status_ShowsNoPrivileges()
    {
        var result = await _sandbox.ShAsync("id -u; id -g; grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t'; cat /proc/self/uid_map | tr -s ' '");

        Assert.Equal(
            ["0", "0", "CapInh:0000000000000000", "CapPrm:0000000000000000", "CapEff:0000000000000000", "CapBnd:0000000000000000", "CapAmb:0000000000000000", "NoNewPrivs:1", "Seccomp:2"],
            result.Stdout.Split('\n').Take(9));
    }

    [Theory]
    [InlineData("ptrace", "print(call(101,16,os.getppid(),0,0))", "EPERM")]
    [InlineData("process_vm_readv", "print(call(310,1,0,0,0,0,0))", "EPERM")]
    [InlineData("unshare user", "print(call(272,0x10000000))", "EPERM")]
    [InlineData("clone user", "print(call(56,0x10000011,0,0,0,0))", "EPERM")]
    [InlineData("clone3", "print(call(435,0,0))", "ENOSYS")]
    [InlineData("setns", "print(call(308,os.open('/proc/self/ns/mnt',0),0))", "EPERM")]
    [InlineData("keyctl", "print(call(250,0,-3,1))", "EPERM")]
    [InlineData("add_key", "print(call(248,0,0,0,0,0))", "EPERM")]
    [InlineData("bpf", "print(call(321,0,0,0))", "EPERM")]
    [InlineData("perf_event_open", "print(call(298,0,0,-1,-1,0))", "EPERM")]
    [InlineData("userfaultfd", "print(call(323,0))", "EPERM")]
    [InlineData("io_uring_setup", "print(call(425,1,0))", "EPERM")]
    [InlineData("open_by_handle_at", "print(call(304,0,0,0))", "EPERM")]
    [InlineData("clock_settime", "print(call(227,0,0))", "EPERM")]
    [InlineData("fsopen", "print(call(430,b'tmpfs',0))", "EPERM")]
    [InlineData("init_module", "print(call(175,0,0,b''))", "EPERM")]
    [InlineData("TIOCSTI", "m,s=os.openpty();print(call(16,s,0x5412,b'x'))", "EPERM")]
    [InlineData("AF_PACKET", "print(call(41,17,3,0))", "EAFNOSUPPORT")]
    [InlineData("AF_VSOCK", "print(call(41,40,1,0))", "EAFNOSUPPORT")]
    [InlineData("AF_ALG", "print(call(41,38,5,0))", "EAFNOSUPPORT")]
    [InlineData("NETLINK_NETFILTER", "print(call(41,16,3,12))", "EAFNOSUPPORT")]
    [InlineData("NETLINK_ROUTE", "print(call(41,16,3,0))", "works")]
    [InlineData("threads", "import threading;t=threading.Thread(target=lambda:print('works'));t.start();t.join()", "works")]
    public async Task SystemCall_IsDecided(string name, string script, string expected)
    {
        Assert.SkipUnless(System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64, "The numbers are those of x64.");
        Assert.SkipUnless((await _sandbox.ShAsync("command -v python3")).ExitCode == 0, "There is no Python here to make the call with.");

        var result = await _sandbox.RunAsync(new ExecRequest { Command = ["python3", "-c", Libc + script], Timeout = TimeSpan.FromSeconds(30) }, CancellationToken.None);

        Assert.True(expected + "\n" == result.Stdout, $"{name}: {result.Stdout}{result.Stderr}");
    }

    [Fact]
    public async Task Network_IsItsOwnLoopbackOnly()
    {
        using var listener = new TcpListener(IPAddress.Any, 0);
        listener.Start();
        using var local = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var name = "belay-test-" + Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        local.Bind(new UnixDomainSocketEndPoint("\0" + name));
        local.Listen();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;

        Assert.Equal("lo", (await _sandbox.ShAsync("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' \\n'")).Stdout);
        var reached = await _sandbox.RunAsync(
            new ExecRequest
            {
                Command =
                [
                    "bash", "-c",
                    $"for h in 127.0.0.1 169.254.169.254 8.8.8.8 $(hostname -I); do (exec 3<>/dev/tcp/$h/{port}) 2>/dev/null && echo reached $h; done; " +
                    $"python3 -c \"import socket;s=socket.socket(socket.AF_UNIX);s.connect('\\0{name}');print('reached host socket')\" 2>/dev/null; true",
                ],
                Timeout = TimeSpan.FromSeconds(30),
            },
            CancellationToken.None);

        Assert.Equal("", reached.Stdout);
    }

    [Fact]
    public async Task Memory_BeyondTheLimit_KillsTheCommandAndNotTheSandbox()
    {
        await SkipUnlessAsync("memory limit");

        Assert.Equal(137, (await _sandbox.ShAsync("dd if=/dev/zero of=/dev/null bs=600M count=1")).ExitCode);
        Assert.NotEqual(0, (await _sandbox.ShAsync("dd if=/dev/zero of=/tmp/big bs=1M count=600; exit $?")).ExitCode);
        Assert.Equal("alive\n", (await _sandbox.ShAsync("rm -f /tmp/big; echo alive")).Stdout);
    }

    [Fact]
    public async Task ForkBomb_StaysInsideAndIsKilled()
    {
        await SkipUnlessAsync("process limit");

        var result = await _sandbox.RunAsync(
            new ExecRequest { Command = ["bash", "-c", "bomb() { bomb | bomb & }; bomb; sleep 60"], Timeout = TimeSpan.FromSeconds(2) }, CancellationToken.None);

        Assert.True(result.Exited.TimedOut);
        Assert.Equal("alive\n", (await _sandbox.ShAsync("echo alive")).Stdout);
    }

    [Fact]
    public async Task DescriptorsThatTheServerInherited_AreNotThere()
    {
        var directory = Directory.CreateDirectory(Path.Join(TestDrivers.Data, "inherited")).FullName;
        File.WriteAllText(Path.Join(directory, "file"), "host's own\n");
        var descriptor = OpenForChildren(directory, 0);
        try
        {
            await using var sandbox = await TestDrivers.StartAsync(TestDrivers.Process);
            var result = await sandbox.ShAsync("for d in /proc/1/fd/*; do cat $d/file 2>/dev/null; done; for d in /proc/self/fd/*; do cat $d/file 2>/dev/null; done; true");

            Assert.Equal("", result.Stdout);
        }
        finally
        {
            Assert.Equal(0, Close(descriptor));
        }
    }

    [Theory]
    [InlineData("cat /proc/1/environ")]
    [InlineData("cat /proc/1/fd/*")]
    [InlineData("readlink /proc/1/fd/1")]
    [InlineData("head -c 1 /proc/1/maps")]
    [InlineData(": < /proc/1/mem")]
    [InlineData(": >> /proc/1/mem")]
    [InlineData("readlink /proc/1/exe")]
    public async Task Guest_KeepsItselfToItself(string command) => Assert.NotEqual(0, (await _sandbox.ShAsync(command)).ExitCode);

    [Fact]
    public async Task Workspaces_AreApart()
    {
        await using var other = await TestDrivers.StartAsync(TestDrivers.Process);
        await other.WriteFileAsync("theirs", "x"u8.ToArray(), CancellationToken.None);

        Assert.Equal("", (await _sandbox.ShAsync("ls -A /workspace; ls -A /tmp")).Stdout);
        Assert.Equal("/workspace\n", (await _sandbox.ShAsync("pwd")).Stdout);
    }

    private static string TryRead(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Gone in the meantime, or another user's.
            return "";
        }
    }

    // As a parent that knows nothing of close-on-exec leaves it; .NET has no way to open one like that.
    [DllImport("libc", EntryPoint = "open", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int OpenForChildren(string path, int flags);

    [DllImport("libc", EntryPoint = "close")]
    private static extern int Close(int descriptor);

    private static async Task SkipUnlessAsync(string guarantee)
    {
        var probe = await TestDrivers.Process.ProbeAsync(CancellationToken.None);
        var found = probe.Guarantees.Single(candidate => candidate.Name == guarantee);
        Assert.SkipUnless(found.Holds, found.Detail);
    }
}
