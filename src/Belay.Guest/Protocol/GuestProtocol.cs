namespace Belay.Guest.Protocol;

/// <summary>Figures that both ends agree on. The guest and the host compile the same source.</summary>
internal static class GuestProtocol
{
    /// <summary>First bytes of <see cref="Opcode.Hello"/>.</summary>
    public const uint Magic = 0x59414C42; // "BLAY"

    /// <summary>Version of the protocol that this source speaks.</summary>
    public const ushort Version = 1;

    /// <summary>Largest payload of a frame.</summary>
    public const int MaxPayload = 64 * 1024;

    /// <summary>Largest request, put together from frames that carry <see cref="FrameHeader.More"/>.</summary>
    public const int MaxRequest = 4 * 1024 * 1024;

    /// <summary>Credit of each direction of a stream when it opens.</summary>
    public const int Window = 256 * 1024;

    /// <summary>Added to the payload's length when a frame is paid for, so that tiny frames cannot fill the reader's memory.</summary>
    public const int FrameCost = 64;

    /// <summary>Streams that may be open at once.</summary>
    public const int MaxStreams = 256;

    /// <summary>Names in a listing.</summary>
    public const int MaxNames = 10_000;

    /// <summary>Longest path.</summary>
    public const int MaxPath = 4096;

    /// <summary>Variable that marks every process of a command, so that its whole tree can be found.</summary>
    public const string Marker = "BELAY_EXEC";

    /// <summary>Where the session's files are, as everyone inside and outside calls it.</summary>
    public const string Workspace = "/workspace";
}

/// <summary>What a guest can do.</summary>
[Flags]
internal enum GuestCapabilities : ulong
{
    None = 0,

    /// <summary>Commands.</summary>
    Exec = 1,

    /// <summary>Files.</summary>
    Files = 2,

    /// <summary>The guest is process 1, so that its end is the end of everything inside.</summary>
    Init = 4,
}

/// <summary>Why a request failed.</summary>
internal enum GuestError : ushort
{
    Unsupported = 1,
    BadRequest = 2,
    NotFound = 3,
    PermissionDenied = 4,
    IsDirectory = 5,
    NotDirectory = 6,
    NotRegular = 7,
    TooLarge = 8,
    NoSpace = 9,
    Busy = 10,
    Cancelled = 11,
    Failed = 12,
}
