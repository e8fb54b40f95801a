namespace Belay.Sandboxes;

/// <summary>A started, isolated environment in which tools and commands run. Everything that comes out of it is untrusted.</summary>
public interface ISandbox : IAsyncDisposable
{
    /// <summary>Id of the sandbox, unique on this server.</summary>
    string Id { get; }

    /// <summary>Completes when the sandbox has ended, whatever the cause; the text says why.</summary>
    Task<string> Ended { get; }

    /// <summary>
    /// Runs a command. Yields output as it appears and ends with exactly one <see cref="ExecEvent.Exited"/>. Leaving the
    /// enumeration or cancelling kills the whole process tree before the enumerator is disposed. Throws
    /// <see cref="SandboxException"/> when the sandbox ends first.
    /// </summary>
    IAsyncEnumerable<ExecEvent> ExecuteAsync(ExecRequest request, CancellationToken cancellationToken);

    /// <summary>Reads a file of at most <paramref name="maxBytes"/>; throws <see cref="SandboxFileException"/> naming what is wrong.</summary>
    Task<byte[]> ReadFileAsync(string path, long maxBytes, CancellationToken cancellationToken);

    /// <summary>Writes a whole file, making parent directories; the file is complete or unchanged.</summary>
    Task WriteFileAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>Lists a directory, at most 10,000 names, sorted; or describes the single file that <paramref name="path"/> names.</summary>
    Task<SandboxListing> ListAsync(string path, CancellationToken cancellationToken);
}

/// <summary>A command to run.</summary>
public sealed record ExecRequest
{
    /// <summary>Program and arguments; the program is looked up in the sandbox's PATH.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>Working directory; the session's when null.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>Variables added to the sandbox's environment.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>After this time the whole process tree is killed.</summary>
    public required TimeSpan Timeout { get; init; }
}

/// <summary>What happens while a command runs. The set is closed.</summary>
public abstract record ExecEvent
{
    private ExecEvent()
    {
    }

    /// <summary>Bytes that the command wrote; at most 64 KiB, never empty.</summary>
    public sealed record Output(OutputKind Kind, ReadOnlyMemory<byte> Bytes) : ExecEvent;

    /// <summary>The command ended. A signal n gives 128 + n; a timeout 124 with <paramref name="TimedOut"/>.</summary>
    public sealed record Exited(int ExitCode, bool TimedOut) : ExecEvent;
}

/// <summary>Where output was written to.</summary>
public enum OutputKind
{
    /// <summary>Standard output.</summary>
    Stdout,

    /// <summary>Standard error.</summary>
    Stderr,
}

/// <summary>What a path names.</summary>
/// <param name="IsDirectory">Whether it is a directory.</param>
/// <param name="Length">Bytes of a file.</param>
/// <param name="Names">Names in a directory; directories end in <c>/</c>.</param>
/// <param name="Truncated">Whether there are more names.</param>
public sealed record SandboxListing(bool IsDirectory, long Length, IReadOnlyList<string> Names, bool Truncated);

/// <summary>The session's sandbox, started on first use.</summary>
public interface ISandboxSource
{
    /// <summary>The running sandbox; starts one when there is none. Throws <see cref="SandboxException"/> when it cannot.</summary>
    ValueTask<ISandbox> GetAsync(CancellationToken cancellationToken);
}

/// <summary>A sandbox could not be started, or ended while it was in use. The message is safe to show to a caller.</summary>
public sealed class SandboxException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>A file operation failed in a way that the model or caller can correct: no such file, a directory, too large, no permission.</summary>
public sealed class SandboxFileException(string message) : Exception(message);
