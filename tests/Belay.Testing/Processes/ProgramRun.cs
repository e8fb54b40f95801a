using System.ComponentModel;
using System.Diagnostics;

namespace Belay.Testing.Processes;

/// <summary>A program that ran to its end.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">What it printed to standard output.</param>
/// <param name="Error">What it printed to standard error.</param>
public sealed record ProgramRun(int ExitCode, string Output, string Error)
{
    /// <summary>
    /// Runs a program to its end; null when it is not installed. Its whole process tree is killed when it takes longer than the limit.
    /// </summary>
    public static async Task<ProgramRun?> TryAsync(ProcessStartInfo start, TimeSpan limit, CancellationToken cancellationToken)
    {
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            return null;
        }

        using (process)
        {
            process.StandardInput.Close();
            using var deadline = new CancellationTokenSource(limit);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
            var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
            var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
            try
            {
                await process.WaitForExitAsync(either.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                var said = $"{await output}\n{await error}";
                cancellationToken.ThrowIfCancellationRequested();
                throw new TimeoutException($"{start.FileName} was not over after {limit.TotalSeconds} s. It said:\n{said}");
            }

            return new ProgramRun(process.ExitCode, await output, await error);
        }
    }

    /// <summary>Runs a program that must be there and must succeed.</summary>
    public static async Task<ProgramRun> SucceedAsync(ProcessStartInfo start, TimeSpan limit, CancellationToken cancellationToken)
    {
        var run = await TryAsync(start, limit, cancellationToken)
            ?? throw new InvalidOperationException($"{start.FileName} is not installed.");
        return run.ExitCode == 0
            ? run
            : throw new InvalidOperationException(
                $"{start.FileName} {string.Join(' ', start.ArgumentList)} ended with {run.ExitCode}:\n{run.Output}\n{run.Error}");
    }
}
