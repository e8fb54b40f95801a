using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Belay.Sandboxes.Process;

/// <summary>
/// The system calls that a sandbox may not make, as a classic BPF program for the kernel. A deny list, since people run any
/// program in a sandbox; it takes away what reaches past namespaces and capabilities: mounting, entering namespaces, other
/// processes' memory, and the parts of the kernel in which most holes were found.
/// </summary>
internal static class SeccompFilter
{
    private const uint Allow = 0x7FFF0000;
    private const uint Kill = 0x80000000;
    private const uint Refuse = 0x00050000;
    private const uint NotPermitted = 1;
    private const uint NoSuchCall = 38;
    private const uint NoSuchFamily = 97;

    private const ushort LoadWord = 0x20;
    private const ushort Return = 0x06;
    private const ushort JumpEqual = 0x15;
    private const ushort JumpAtLeast = 0x35;
    private const ushort JumpAnyBit = 0x45;

    // Offsets in struct seccomp_data; arguments are 8 bytes, the low half first.
    private const uint NumberAt = 0;
    private const uint ArchitectureAt = 4;
    private const uint Argument0At = 16;
    private const uint Argument1At = 24;
    private const uint Argument2At = 32;

    // mnt, cgroup, uts, ipc, user, pid, net.
    private const uint NamespaceFlags = 0x7E020000;
    private const uint FakeTerminalInput = 0x5412;
    private const uint ConsoleInput = 0x541C;
    private const uint FamilyUnix = 1;
    private const uint FamilyInet = 2;
    private const uint FamilyInet6 = 10;
    private const uint FamilyNetlink = 16;

    // Numbers that all architectures share: io_uring, the file system context calls, pidfd_getfd, process_madvise, mount_setattr,
    // quotactl_fd, open_tree_attr.
    private static readonly uint[] Common = [425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 440, 442, 443, 467];

    /// <summary>The filter for this machine; throws <see cref="SandboxException"/> where none has been written.</summary>
    public static byte[] ForThisMachine() => Build(RuntimeInformation.ProcessArchitecture);

    /// <summary>The filter for an architecture.</summary>
    public static byte[] Build(Architecture architecture) => architecture switch
    {
        Architecture.X64 => Build(new Table(
            Architecture: 0xC000003E,
            CloneCall: 56,
            Ioctl: 16,
            Socket: 41,
            SocketPair: 53,
            HasX32: true,
            Denied:
            [
                101, // ptrace
                103, // syslog
                134, // uselib
                136, // ustat
                139, // sysfs
                153, // vhangup
                155, // pivot_root
                156, // _sysctl
                163, // acct
                164, 227, 305, // settimeofday, clock_settime, clock_adjtime
                165, 166, // mount, umount2
                167, 168, // swapon, swapoff
                169, // reboot
                172, 173, // iopl, ioperm
                174, 175, 176, 177, 178, 313, // kernel modules
                179, // quotactl
                180, // nfsservctl
                212, // lookup_dcookie
                246, 320, // kexec
                248, 249, 250, // keys
                272, // unshare
                298, // perf_event_open
                300, // fanotify_init
                303, 304, // file handles
                308, // setns
                310, 311, // process_vm_readv, process_vm_writev
                312, // kcmp
                321, // bpf
                323, // userfaultfd
            ])),
        Architecture.Arm64 => Build(new Table(
            Architecture: 0xC00000B7,
            CloneCall: 220,
            Ioctl: 29,
            Socket: 198,
            SocketPair: 199,
            HasX32: false,
            Denied:
            [
                18, // lookup_dcookie
                39, 40, 41, // umount2, mount, pivot_root
                42, // nfsservctl
                58, // vhangup
                60, // quotactl
                89, // acct
                97, // unshare
                104, 294, // kexec
                105, 106, 273, // kernel modules
                112, 170, 266, // clock_settime, settimeofday, clock_adjtime
                116, // syslog
                117, // ptrace
                142, // reboot
                217, 218, 219, // keys
                224, 225, // swapon, swapoff
                241, // perf_event_open
                262, // fanotify_init
                264, 265, // file handles
                268, // setns
                270, 271, // process_vm_readv, process_vm_writev
                272, // kcmp
                280, // bpf
                282, // userfaultfd
            ])),
        _ => throw new SandboxException($"There is no system call filter for {architecture} processors; the process driver runs on x64 and arm64."),
    };

    private static byte[] Build(Table table)
    {
        const uint clone3 = 435;
        var program = new List<Instruction>();

        // 1. A call by another architecture's numbers would mean something else than it seems.
        program.Add(new(LoadWord, 0, 0, ArchitectureAt));
        program.Add(new(JumpEqual, 1, 0, table.Architecture));
        program.Add(new(Return, 0, 0, Kill));
        program.Add(new(LoadWord, 0, 0, NumberAt));
        if (table.HasX32)
        {
            program.Add(new(JumpAtLeast, 0, 1, 0x40000000));
            program.Add(new(Return, 0, 0, Refuse | NoSuchCall));
        }

        // 2. Calls that are refused whatever they ask.
        foreach (var number in table.Denied.Concat(Common))
        {
            program.Add(new(JumpEqual, 0, 1, number));
            program.Add(new(Return, 0, 0, Refuse | NotPermitted));
        }

        // 3. The filter cannot look into clone3's structure. Told that it does not exist, the C library uses clone.
        program.Add(new(JumpEqual, 0, 1, clone3));
        program.Add(new(Return, 0, 0, Refuse | NoSuchCall));

        // 4. Processes and threads, but no new namespaces.
        program.Add(new(JumpEqual, 0, 4, table.CloneCall));
        program.Add(new(LoadWord, 0, 0, Argument0At));
        program.Add(new(JumpAnyBit, 0, 1, NamespaceFlags));
        program.Add(new(Return, 0, 0, Refuse | NotPermitted));
        program.Add(new(Return, 0, 0, Allow));

        // 5. No typing into someone else's terminal.
        program.Add(new(JumpEqual, 0, 5, table.Ioctl));
        program.Add(new(LoadWord, 0, 0, Argument1At));
        program.Add(new(JumpEqual, 1, 0, FakeTerminalInput));
        program.Add(new(JumpEqual, 0, 1, ConsoleInput));
        program.Add(new(Return, 0, 0, Refuse | NotPermitted));
        program.Add(new(Return, 0, 0, Allow));

        // 6. Sockets of the ordinary families, and routing's netlink, which asking for one's own addresses needs.
        program.Add(new(JumpEqual, 1, 0, table.Socket));
        program.Add(new(JumpEqual, 0, 8, table.SocketPair));
        program.Add(new(LoadWord, 0, 0, Argument0At));
        program.Add(new(JumpEqual, 6, 0, FamilyUnix));
        program.Add(new(JumpEqual, 5, 0, FamilyInet));
        program.Add(new(JumpEqual, 4, 0, FamilyInet6));
        program.Add(new(JumpEqual, 0, 2, FamilyNetlink));
        program.Add(new(LoadWord, 0, 0, Argument2At));
        program.Add(new(JumpEqual, 1, 0, 0));
        program.Add(new(Return, 0, 0, Refuse | NoSuchFamily));
        program.Add(new(Return, 0, 0, Allow));
        return Encode(program);
    }

    private static byte[] Encode(List<Instruction> program)
    {
        var bytes = new byte[program.Count * 8];
        for (var i = 0; i < program.Count; i++)
        {
            var target = bytes.AsSpan(i * 8);
            BinaryPrimitives.WriteUInt16LittleEndian(target, program[i].Code);
            target[2] = program[i].WhenTrue;
            target[3] = program[i].WhenFalse;
            BinaryPrimitives.WriteUInt32LittleEndian(target[4..], program[i].Operand);
        }

        return bytes;
    }

    private sealed record Table(uint Architecture, uint CloneCall, uint Ioctl, uint Socket, uint SocketPair, bool HasX32, uint[] Denied);

    private readonly record struct Instruction(ushort Code, byte WhenTrue, byte WhenFalse, uint Operand);
}
