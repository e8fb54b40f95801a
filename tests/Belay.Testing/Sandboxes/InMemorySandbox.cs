using System.Runtime.CompilerServices;
using System.Text;
using Belay.Sandboxes;

namespace Belay.Testing.Sandboxes;

/// <summary>
/// A sandbox in memory: a tiny file system, and a shell that knows a few words. <c>echo TEXT</c>, <c>err TEXT</c>, <c>exit N</c>,
/// <c>effect ID</c> (counts), <c>sleep</c> (until it is killed), <c>flood BYTES</c>, <c>touch PATH</c>, <c>ls</c>, <c>var NAME</c>,
/// <c>input</c> (counts its bytes); <c>;</c> between them.
/// </summary>
public sealed class InMemorySandbox(string id, InMemoryDisk disk, TimeProvider time, int server = 0) : ISandbox
{
    private readonly TaskCompletionSource<string> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _killed = new();
    private int _running;

    public string Id { get; } = id;

    public Task<string> Ended => _ended.Task;

    /// <summary>Environment of everything that runs inside.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Commands that run now.</summary>
    public int Running => Volatile.Read(ref _running);

    public void End(string reason)
    {
        if (_ended.TrySetResult(reason))
        {
            _killed.Cancel();
        }
    }

    public async IAsyncEnumerable<ExecEvent> ExecuteAsync(ExecRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ThrowIfEnded();
        Interlocked.Increment(ref _running);
        try
        {
            using var timeout = new CancellationTokenSource(request.Timeout, time);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _killed.Token, cancellationToken);
            var directory = request.WorkingDirectory ?? ".";
            cancellationToken.ThrowIfCancellationRequested();
            if (!disk.IsDirectory(directory))
            {
                yield return Complaint($"the working directory {directory} does not exist");
                yield return new ExecEvent.Exited(126, false);
                yield break;
            }

            foreach (var word in request.Command[^1].Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                await Task.Yield();
                cancellationToken.ThrowIfCancellationRequested();
                ThrowIfEnded();
                var (name, argument) = word.Split(' ', 2) is [var first, var rest] ? (first, rest) : (word, string.Empty);
                switch (name)
                {
                    case "echo":
                        yield return Out(argument + "\n");
                        break;
                    case "err":
                        yield return Complaint(argument);
                        break;
                    case "effect":
                        disk.Effect(argument, server);
                        break;
                    case "touch":
                        disk.Write(Path.Join(directory, argument), ReadOnlyMemory<byte>.Empty);
                        break;
                    case "ls":
                        yield return Out(string.Concat(disk.List(directory).Names.Select(entry => entry.TrimEnd('/') + "\n")));
                        break;
                    case "var":
                        yield return Out((request.Environment.GetValueOrDefault(argument) ?? Environment.GetValueOrDefault(argument)) + "\n");
                        break;
                    case "input":
                        yield return Out("0\n");
                        break;
                    case "flood":
                        for (var left = int.Parse(argument, System.Globalization.CultureInfo.InvariantCulture); left > 0; left -= 65536)
                        {
                            yield return Out(new string('x', Math.Min(left, 65536)));
                        }

                        break;
                    case "sleep":
                        disk.Slept.TrySetResult();
                        if (await TimesOutAsync(timeout.Token, both.Token))
                        {
                            yield return new ExecEvent.Exited(124, true);
                            yield break;
                        }

                        cancellationToken.ThrowIfCancellationRequested();
                        ThrowIfEnded();
                        break;
                    case "exit":
                        yield return new ExecEvent.Exited(int.Parse(argument, System.Globalization.CultureInfo.InvariantCulture), false);
                        yield break;
                    default:
                        yield return Complaint($"{name}: command not found");
                        yield return new ExecEvent.Exited(127, false);
                        yield break;
                }
            }

            yield return new ExecEvent.Exited(0, false);
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    public Task<byte[]> ReadFileAsync(string path, long maxBytes, CancellationToken cancellationToken) => Task.FromResult(Up(cancellationToken).Read(path, maxBytes));

    public Task WriteFileAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        Up(cancellationToken).Write(path, content);
        return Task.CompletedTask;
    }

    public Task<SandboxListing> ListAsync(string path, CancellationToken cancellationToken) => Task.FromResult(Up(cancellationToken).List(path));

    public ValueTask DisposeAsync()
    {
        End("disposed");
        return ValueTask.CompletedTask;
    }

    private static async Task<bool> TimesOutAsync(CancellationToken timeout, CancellationToken any)
    {
        try
        {
            await Task.Delay(Timeout.Infinite, any);
        }
        catch (OperationCanceledException)
        {
        }

        return timeout.IsCancellationRequested;
    }

    private static ExecEvent.Output Out(string text) => new(OutputKind.Stdout, Encoding.UTF8.GetBytes(text));

    private static ExecEvent.Output Complaint(string text) => new(OutputKind.Stderr, Encoding.UTF8.GetBytes(text + "\n"));

    private InMemoryDisk Up(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfEnded();
        return disk;
    }

    private void ThrowIfEnded()
    {
        if (Ended.IsCompletedSuccessfully)
        {
            throw new SandboxException("The sandbox ended.");
        }
    }
}
