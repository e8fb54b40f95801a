namespace Belay.Guest.Protocol;

/// <summary>
/// What a frame says. H = host to guest, G = guest to host. Every stream is opened by the host with a request and closed by the
/// guest with exactly one final frame: <see cref="Exited"/>, <see cref="Done"/> or <see cref="Error"/>.
/// </summary>
internal enum Opcode : byte
{
    /// <summary>G, stream 0, first frame: magic, lowest and highest version, capabilities.</summary>
    Hello = 1,

    /// <summary>H, stream 0, answer to <see cref="Hello"/>: version, workspace, resource limits, environment.</summary>
    Welcome = 2,

    /// <summary>H, stream 0: answer with <see cref="Pong"/> and the same payload of at most 64 bytes.</summary>
    Ping = 3,

    /// <summary>G, stream 0.</summary>
    Pong = 4,

    /// <summary>H, stream 0: kill everything and end.</summary>
    Shutdown = 5,

    /// <summary>G, final: code and text.</summary>
    Error = 6,

    /// <summary>G, final: a file operation is complete.</summary>
    Done = 7,

    /// <summary>Both: a stream's data; costs credit. Content of a file, or a listing.</summary>
    Data = 8,

    /// <summary>H: the data of a <see cref="WriteFile"/> is complete.</summary>
    DataEnd = 9,

    /// <summary>Both: the peer may send this many more bytes on the stream.</summary>
    Credit = 10,

    /// <summary>H: give up. A command is killed with its whole tree; a file operation leaves nothing behind. The final frame still comes.</summary>
    Cancel = 11,

    /// <summary>H: run a command.</summary>
    Exec = 16,

    /// <summary>G: standard output; costs credit.</summary>
    Stdout = 17,

    /// <summary>G: standard error; costs credit.</summary>
    Stderr = 18,

    /// <summary>G, final: exit code.</summary>
    Exited = 19,

    /// <summary>H: send a signal to the command's session leader.</summary>
    Signal = 20,

    /// <summary>H: send a file as <see cref="Data"/>.</summary>
    ReadFile = 32,

    /// <summary>H: replace a file with the <see cref="Data"/> that follows.</summary>
    WriteFile = 33,

    /// <summary>H: describe a path and list it when it is a directory, as <see cref="Data"/>.</summary>
    List = 34,

    /// <summary>H: remove a file or a directory with all that it holds.</summary>
    Remove = 35,

    /// <summary>Reserved: a command with a terminal.</summary>
    ExecTerminal = 64,

    /// <summary>Reserved: the terminal's size.</summary>
    ResizeTerminal = 65,

    /// <summary>Reserved: a command's standard input.</summary>
    Stdin = 66,

    /// <summary>Reserved: a connection to a port inside.</summary>
    ForwardPort = 67,

    /// <summary>Reserved: changes below a directory.</summary>
    Watch = 68,

    /// <summary>Reserved: set the clock after a restore.</summary>
    SetClock = 69,

    /// <summary>Reserved: mix fresh entropy in after a restore.</summary>
    Reseed = 70,
}
