using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Runtimes;
using Belay.Sandboxes;

namespace Belay.Sessions;

/// <summary>
/// A command that runs beside the conversation. Its intent is in the journal before it begins; reading it runs it; leaving early kills it.
/// </summary>
public sealed class StartedCommand : IAsyncDisposable
{
    private readonly string _id;
    private readonly IAsyncEnumerable<CommandEvent> _output;
    private readonly Func<CommandOutcome, Task> _journal;
    private readonly Func<string?> _why;
    private readonly Action<OutputKind, long, string> _printed;
    private readonly IDisposable _hold;
    private CommandOutcome? _outcome;
    private long _stdoutBytes;
    private long _stderrBytes;
    private bool _disposed;

    internal StartedCommand(string id, IAsyncEnumerable<CommandEvent> output, Func<CommandOutcome, Task> journal, Func<string?> why, Action<OutputKind, long, string> printed, IDisposable hold)
    {
        _id = id;
        _output = output;
        _journal = journal;
        _why = why;
        _printed = printed;
        _hold = hold;
    }

    /// <summary>The chunks: the start, output in the order of arrival, the stop.</summary>
    public async IAsyncEnumerable<ResponseChunk> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        yield return new() { ContentStart = new() };
        await using var events = _output.GetAsyncEnumerator(cancellationToken);
        CommandEvent.Exited? exit = null;
        while (exit is null && await NextAsync(events))
        {
            switch (events.Current)
            {
                case CommandEvent.Output output:
                    _printed(output.Kind, output.Kind == OutputKind.Stdout ? _stdoutBytes : _stderrBytes, output.Text);
                    var bytes = Encoding.UTF8.GetByteCount(output.Text);
                    _stdoutBytes += output.Kind == OutputKind.Stdout ? bytes : 0;
                    _stderrBytes += output.Kind == OutputKind.Stderr ? bytes : 0;
                    // Text that JSON escapes takes more room in a frame than in the sandbox.
                    foreach (var text in Utf8Pieces.Split(output.Text))
                    {
                        yield return new()
                        {
                            ContentDelta = output.Kind == OutputKind.Stdout ? new() { Stdout = text } : new() { Stderr = text },
                        };
                    }

                    break;
                case CommandEvent.Exited exited:
                    exit = exited;
                    break;
                default:
                    throw new UnreachableException();
            }
        }

        if (exit is null)
        {
            throw new ServiceException(FaultCode.RuntimeClientError, _why() ?? "The sandbox ended before the command did.");
        }

        _outcome = Outcome(exit.ExitCode, exit.TimedOut ? "TIMED_OUT" : "COMPLETED");
        await EndAsync();
        yield return new()
        {
            ContentStop = new() { ExitCode = exit.ExitCode, Status = exit.TimedOut ? CommandExecutionStatus.TimedOut : CommandExecutionStatus.Completed },
        };
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await EndAsync();

    private async Task<bool> NextAsync(IAsyncEnumerator<CommandEvent> events)
    {
        try
        {
            return await events.MoveNextAsync();
        }
        catch (SandboxException exception)
        {
            // A sandbox that was taken away says that it broke; who took it away says more.
            throw new ServiceException(FaultCode.RuntimeClientError, _why() ?? exception.Message, exception);
        }
    }

    private async Task EndAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        try
        {
            await _journal(_outcome ?? Outcome(-1, "FAILED"));
        }
        finally
        {
            _hold.Dispose();
        }
    }

    private CommandOutcome Outcome(int exitCode, string status) => new(_id, exitCode, status, _stdoutBytes, _stderrBytes);
}
