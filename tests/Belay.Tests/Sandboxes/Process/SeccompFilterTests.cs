using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Belay.Sandboxes;
using Belay.Sandboxes.Process;

namespace Belay.Tests.Sandboxes.Process;

public sealed class SeccompFilterTests
{
    private const uint X64 = 0xC000003E;
    private const uint Arm64 = 0xC00000B7;
    private const uint I386 = 0x40000003;
    private const string Allow = "allow";
    private const string Kill = "kill";

    [Theory]
    [InlineData(0, 0, 0, 0, Allow)] // read
    [InlineData(59, 0, 0, 0, Allow)] // execve
    [InlineData(101, 0, 0, 0, "1")] // ptrace
    [InlineData(165, 0, 0, 0, "1")] // mount
    [InlineData(166, 0, 0, 0, "1")] // umount2
    [InlineData(155, 0, 0, 0, "1")] // pivot_root
    [InlineData(272, 0, 0, 0, "1")] // unshare
    [InlineData(308, 0, 0, 0, "1")] // setns
    [InlineData(250, 0, 0, 0, "1")] // keyctl
    [InlineData(321, 0, 0, 0, "1")] // bpf
    [InlineData(298, 0, 0, 0, "1")] // perf_event_open
    [InlineData(425, 0, 0, 0, "1")] // io_uring_setup
    [InlineData(304, 0, 0, 0, "1")] // open_by_handle_at
    [InlineData(435, 0, 0, 0, "38")] // clone3: "does not exist", so that the C library uses clone
    [InlineData(56, 0x003D0F00, 0, 0, Allow)] // clone for a thread
    [InlineData(56, 0x11, 0, 0, Allow)] // clone as fork
    [InlineData(56, 0x10000011, 0, 0, "1")] // CLONE_NEWUSER
    [InlineData(56, 0x00020011, 0, 0, "1")] // CLONE_NEWNS
    [InlineData(56, 0x02000011, 0, 0, "1")] // CLONE_NEWCGROUP
    [InlineData(56, 0x40000011, 0, 0, "1")] // CLONE_NEWNET
    [InlineData(16, 1, 0x5412, 0, "1")] // TIOCSTI
    [InlineData(16, 1, 0x541C, 0, "1")] // TIOCLINUX
    [InlineData(16, 1, 0x100005412, 0, "1")] // TIOCSTI with high bits, which the kernel ignores
    [InlineData(16, 1, 0x5401, 0, Allow)] // TCGETS
    [InlineData(41, 1, 0, 0, Allow)] // AF_UNIX
    [InlineData(41, 2, 0, 0, Allow)] // AF_INET
    [InlineData(41, 10, 0, 0, Allow)] // AF_INET6
    [InlineData(41, 16, 3, 0, Allow)] // NETLINK_ROUTE
    [InlineData(41, 16, 3, 9, "97")] // NETLINK_AUDIT
    [InlineData(41, 17, 0, 0, "97")] // AF_PACKET
    [InlineData(41, 38, 0, 0, "97")] // AF_ALG
    [InlineData(41, 40, 0, 0, "97")] // AF_VSOCK
    [InlineData(53, 1, 0, 0, Allow)] // socketpair AF_UNIX
    [InlineData(53, 30, 0, 0, "97")] // socketpair AF_TIPC
    [InlineData(0x40000000 + 165, 0, 0, 0, "38")] // x32 mount
    public void X64_Decides(uint number, ulong first, ulong second, ulong third, string expected) =>
        Assert.Equal(expected, Run(SeccompFilter.Build(Architecture.X64), X64, number, first, second, third));

    [Theory]
    [InlineData(63, 0, 0, Allow)] // read
    [InlineData(117, 0, 0, "1")] // ptrace
    [InlineData(40, 0, 0, "1")] // mount
    [InlineData(97, 0, 0, "1")] // unshare
    [InlineData(268, 0, 0, "1")] // setns
    [InlineData(435, 0, 0, "38")]
    [InlineData(220, 0x10000011, 0, "1")]
    [InlineData(220, 0x11, 0, Allow)]
    [InlineData(29, 1, 0x5412, "1")]
    [InlineData(198, 40, 0, "97")]
    [InlineData(198, 2, 0, Allow)]
    [InlineData(165, 0, 0, Allow)] // getrusage here, mount on x64
    public void Arm64_Decides(uint number, ulong first, ulong second, string expected) =>
        Assert.Equal(expected, Run(SeccompFilter.Build(Architecture.Arm64), Arm64, number, first, second, 0));

    [Theory]
    [InlineData(Architecture.X64, I386)]
    [InlineData(Architecture.X64, Arm64)]
    [InlineData(Architecture.Arm64, X64)]
    public void OtherArchitecture_IsKilled(Architecture filter, uint caller) =>
        Assert.Equal(Kill, Run(SeccompFilter.Build(filter), caller, 0, 0, 0, 0));

    [Fact]
    public void UnknownArchitecture_IsRefusedWithTheReason() =>
        Assert.Contains("X86", Assert.Throws<SandboxException>(() => SeccompFilter.Build(Architecture.X86)).Message, StringComparison.Ordinal);

    /// <summary>What the kernel would do: an interpreter of the instructions that the filter uses.</summary>
    private static string Run(byte[] program, uint architecture, uint number, params ulong[] arguments)
    {
        var data = new byte[64];
        BinaryPrimitives.WriteUInt32LittleEndian(data, number);
        BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(4), architecture);
        for (var i = 0; i < arguments.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(data.AsSpan(16 + (8 * i)), arguments[i]);
        }

        uint accumulator = 0;
        for (var at = 0; ; at++)
        {
            var instruction = program.AsSpan(at * 8, 8);
            var operand = BinaryPrimitives.ReadUInt32LittleEndian(instruction[4..]);
            switch (BinaryPrimitives.ReadUInt16LittleEndian(instruction))
            {
                case 0x20:
                    accumulator = BinaryPrimitives.ReadUInt32LittleEndian(data.AsSpan((int)operand));
                    break;
                case 0x15:
                    at += accumulator == operand ? instruction[2] : instruction[3];
                    break;
                case 0x35:
                    at += accumulator >= operand ? instruction[2] : instruction[3];
                    break;
                case 0x45:
                    at += (accumulator & operand) != 0 ? instruction[2] : instruction[3];
                    break;
                case 0x06:
                    return operand switch { 0x7FFF0000 => Allow, 0x80000000 => Kill, _ => (operand & 0xFFFF).ToString(System.Globalization.CultureInfo.InvariantCulture) };
                default:
                    throw new InvalidOperationException("An instruction that the filter does not use.");
            }
        }
    }
}
