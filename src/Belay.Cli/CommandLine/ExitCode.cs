namespace Belay.Cli.CommandLine;

/// <summary>What the program's exit code says. Scripts rely on the numbers; <c>exec</c> adds the command's own code.</summary>
internal enum ExitCode
{
    /// <summary>What was asked for is done.</summary>
    Done = 0,

    /// <summary>The service refused, or the agent did not finish: a fault, a failed resource, a limit.</summary>
    Failed = 1,

    /// <summary>The command line is wrong; nothing was sent.</summary>
    Usage = 2,

    /// <summary>No server answered.</summary>
    CannotConnect = 3,

    /// <summary>No access key was found, or the server does not accept it.</summary>
    Refused = 4,

    /// <summary><c>verify</c> found something damaged.</summary>
    Damaged = 5,

    /// <summary>Ctrl-C, or a termination signal.</summary>
    Interrupted = 130,
}
