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
    private readonly IAsyncEnumerable<ExecEvent> _output;
    private readonly Func<CommandOutcome, Task> _journal;
    private readonly IDisposable _hold;
    private CommandOutcome? _outcome;
    private long _stdoutBytes;
    private long _stderrBytes;
    private bool _disposed;

    internal StartedCommand(string id, IAsyncEnumerable<ExecEvent> output, Func<CommandOutcome, Task> journal, IDisposable hold)
    {
        _id = id;
        _output = output;
        _journal = journal;
        _hold = hold;
    }

    /// <summary>The chunks: the start, output in the order of arrival, the stop.</summary>
    public async IAsyncEnumerable<ResponseChunk> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        yield return new() { ContentStart = new() };
        var stdout = new Utf8Reader();
        var stderr = new Utf8Reader();
        await using var events = _output.GetAsyncEnumerator(cancellationToken);
        ExecEvent.Exited? exit = null;
        while (exit is null && await NextAsync(events))
        {
            switch (events.Current)
            {
                case ExecEvent.Output { Kind: OutputKind.Stdout } output:
                    _stdoutBytes += output.Bytes.Length;
                    foreach (var text in stdout.Read(output.Bytes.Span))
                    {
                        yield return Out(text);
                    }

                    break;
                case ExecEvent.Output output:
                    _stderrBytes += output.Bytes.Length;
                    foreach (var text in stderr.Read(output.Bytes.Span))
                    {
                        yield return Err(text);
                    }

                    break;
                case ExecEvent.Exited exited:
                    exit = exited;
                    break;
                default:
                    throw new System.Diagnostics.UnreachableException();
            }
        }

        foreach (var text in stdout.End())
        {
            yield return Out(text);
        }

        foreach (var text in stderr.End())
        {
            yield return Err(text);
        }

        if (exit is null)
        {
            throw new ServiceException(FaultCode.RuntimeClientError, "The sandbox ended before the command did.");
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

    private static async Task<bool> NextAsync(IAsyncEnumerator<ExecEvent> events)
    {
        try
        {
            return await events.MoveNextAsync();
        }
        catch (SandboxException exception)
        {
            throw new ServiceException(FaultCode.RuntimeClientError, exception.Message, exception);
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

    private static ResponseChunk Out(string text) => new() { ContentDelta = new() { Stdout = text } };

    private static ResponseChunk Err(string text) => new() { ContentDelta = new() { Stderr = text } };

    /// <summary>Bytes to text across chunk borders; what is not UTF-8 becomes U+FFFD.</summary>
    private sealed class Utf8Reader
    {
        private readonly Decoder _decoder = new UTF8Encoding(false, throwOnInvalidBytes: false).GetDecoder();

        public IEnumerable<string> Read(ReadOnlySpan<byte> bytes) => Utf8Pieces.Split(Decode(bytes, flush: false));

        public IEnumerable<string> End() => Utf8Pieces.Split(Decode([], flush: true));

        private string Decode(ReadOnlySpan<byte> bytes, bool flush)
        {
            var characters = new char[_decoder.GetCharCount(bytes, flush)];
            var count = _decoder.GetChars(bytes, characters, flush);
            return new string(characters, 0, count);
        }
    }
}
