using System.Text;
using Belay.Sandboxes;

namespace Belay.Testing.Sandboxes;

/// <summary>Runs commands in a sandbox and keeps all that they say.</summary>
public static class Command
{
    /// <summary>A command line for sh, with a generous time limit.</summary>
    public static ExecRequest Sh(string script, TimeSpan? timeout = null) =>
        new() { Command = ["/bin/sh", "-c", script], Timeout = timeout ?? TimeSpan.FromSeconds(60) };

    /// <summary>Runs a command line to its end.</summary>
    public static Task<CommandResult> ShAsync(this ISandbox sandbox, string script, TimeSpan? timeout = null) =>
        RunAsync(sandbox, Sh(script, timeout), CancellationToken.None);

    /// <summary>Runs a command to its end.</summary>
    public static async Task<CommandResult> RunAsync(this ISandbox sandbox, ExecRequest request, CancellationToken cancellationToken)
    {
        using var stdout = new MemoryStream();
        using var stderr = new MemoryStream();
        ExecEvent.Exited? exited = null;
        await foreach (var happened in sandbox.ExecuteAsync(request, cancellationToken))
        {
            if (exited is not null)
            {
                throw new InvalidOperationException("Something happened after the end.");
            }

            if (happened is ExecEvent.Output output)
            {
                (output.Kind == OutputKind.Stdout ? stdout : stderr).Write(output.Bytes.Span);
            }

            exited = happened as ExecEvent.Exited;
        }

        return new CommandResult(
            exited ?? throw new InvalidOperationException("The end is missing."),
            Encoding.UTF8.GetString(stdout.ToArray()),
            Encoding.UTF8.GetString(stderr.ToArray()));
    }
}

/// <summary>What a command said and how it ended.</summary>
public sealed record CommandResult(ExecEvent.Exited Exited, string Stdout, string Stderr)
{
    /// <summary>Its exit code.</summary>
    public int ExitCode => Exited.ExitCode;
}
