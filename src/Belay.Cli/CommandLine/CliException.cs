using Belay.Cli.Projects;
using Belay.Contracts.Faults;

namespace Belay.Cli.CommandLine;

/// <summary>A verb cannot do what was asked. The message says what was attempted and why it failed; the hint says what to do.</summary>
internal sealed class CliException(ExitCode exitCode, string message, string? hint = null, Exception? cause = null)
    : Exception(message, cause)
{
    /// <summary>How the program ends.</summary>
    public ExitCode ExitCode { get; } = exitCode;

    /// <summary>What the reader can do about it.</summary>
    public string? Hint { get; } = hint;

    /// <summary>Whether the hint stands on the message's line: what a log or a service manager keeps is lines.</summary>
    public bool OnOneLine { get; init; }

    /// <summary>Name of the service's fault, such as <c>ConflictException</c>.</summary>
    public string? Fault { get; init; }

    /// <summary>Fields that the service found wrong.</summary>
    public IReadOnlyList<FieldProblem> Fields { get; init; } = [];

    /// <summary>Places of files that are wrong.</summary>
    public IReadOnlyList<FileProblem> FileProblems { get; init; } = [];

    /// <summary>A command line that cannot be carried out as it stands.</summary>
    public static CliException Usage(string message, string? hint = null) => new(ExitCode.Usage, message, hint);
}
