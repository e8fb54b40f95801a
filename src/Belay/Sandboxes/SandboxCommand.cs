using System.Runtime.CompilerServices;
using System.Text;

namespace Belay.Sandboxes;

/// <summary>A command line as people and models write it, run in a sandbox by bash, or by sh where there is no bash.</summary>
public static class SandboxCommand
{
    // A single argument of a program may have 128 KiB; longer command lines travel as a file.
    private const int LongestArgument = 120_000;

    /// <summary>What to execute for a command line.</summary>
    /// <param name="command">The command line.</param>
    /// <param name="login">Whether the shell reads the profile.</param>
    /// <param name="timeout">After this time its whole tree is killed.</param>
    public static ExecRequest Request(string command, bool login, TimeSpan timeout)
    {
        var flags = login ? "-lc" : "-c";
        return new ExecRequest
        {
            Command = ["/bin/sh", "-c", $"if command -v bash >/dev/null 2>&1; then exec bash {flags} \"$1\"; fi; exec sh {flags} \"$1\"", "sh", command],
            Timeout = timeout,
        };
    }

    /// <summary>
    /// Runs a command line. Yields what happens with texts that are valid by themselves: no character is split, invalid bytes are
    /// replaced, none is longer than 64 KiB in UTF-8. Ends with exactly one <see cref="CommandEvent.Exited"/>. Leaving it kills the
    /// command's whole tree.
    /// </summary>
    public static async IAsyncEnumerable<CommandEvent> RunAsync(
        ISandbox sandbox, ExecRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        request = await ShortenAsync(sandbox, request, cancellationToken);
        Utf8Chunker[] chunkers = [new(), new()];
        await foreach (var happened in sandbox.ExecuteAsync(request, cancellationToken))
        {
            switch (happened)
            {
                case ExecEvent.Output output:
                    foreach (var text in chunkers[(int)output.Kind].Take(output.Bytes))
                    {
                        yield return new CommandEvent.Output(output.Kind, text);
                    }

                    break;
                case ExecEvent.Exited exited:
                    foreach (var kind in (OutputKind[])[OutputKind.Stdout, OutputKind.Stderr])
                    {
                        if (chunkers[(int)kind].End() is { Length: > 0 } rest)
                        {
                            yield return new CommandEvent.Output(kind, rest);
                        }
                    }

                    yield return new CommandEvent.Exited(exited.ExitCode, exited.TimedOut);
                    break;
                default:
                    throw new System.Diagnostics.UnreachableException();
            }
        }
    }

    /// <summary>The same request, with a command line that is too long for an argument put into a file.</summary>
    internal static async Task<ExecRequest> ShortenAsync(ISandbox sandbox, ExecRequest request, CancellationToken cancellationToken)
    {
        var command = request.Command[^1];
        var length = Encoding.UTF8.GetByteCount(command);
        if (length <= LongestArgument)
        {
            return request;
        }

        var path = $"/tmp/.belay-command-{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(command)).AsSpan(0, 8))}";
        await sandbox.WriteFileAsync(path, Encoding.UTF8.GetBytes(command), cancellationToken);
        return request with { Command = [.. request.Command.SkipLast(1), $". {path}"] };
    }
}

/// <summary>What happens while a command line runs. The set is closed.</summary>
public abstract record CommandEvent
{
    private CommandEvent()
    {
    }

    /// <summary>Text that the command wrote; at most 64 KiB in UTF-8, never empty.</summary>
    public sealed record Output(OutputKind Kind, string Text) : CommandEvent;

    /// <summary>The command ended. A signal n gives 128 + n; a timeout 124 with <paramref name="TimedOut"/>.</summary>
    public sealed record Exited(int ExitCode, bool TimedOut) : CommandEvent;
}
