using System.Runtime.CompilerServices;
using System.Text;
using Belay.Sandboxes;

namespace Belay.Testing.Sandboxes;

/// <summary>
/// A sandbox in memory: a tiny file system, and a shell that knows a few words. <c>echo TEXT</c>, <c>err TEXT</c>, <c>exit N</c>,
/// <c>effect ID</c> (counts), <c>cat PATH</c>, <c>sleep</c> (until it is killed), <c>flood BYTES</c>; <c>;</c> between them.
/// </summary>
public sealed class InMemorySandbox(string id, InMemoryDisk disk, TimeProvider time, int server = 0) : ISandbox
{
    private readonly TaskCompletionSource<string> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _killed = new();
    private int _running;

    public string Id { get; } = id;

    public Task<string> Ended => _ended.Task;

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
                        yield return new ExecEvent.Output(OutputKind.Stderr, Encoding.UTF8.GetBytes(argument + "\n"));
                        break;
                    case "effect":
                        disk.Effect(argument, server);
                        break;
                    case "cat":
                        yield return Out(disk.Files.TryGetValue(argument, out var content) ? Encoding.UTF8.GetString(content) : $"no {argument}\n");
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
                        yield return new ExecEvent.Output(OutputKind.Stderr, Encoding.UTF8.GetBytes($"{name}: command not found\n"));
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

    public Task<byte[]> ReadFileAsync(string path, long maxBytes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfEnded();
        return disk.Files.TryGetValue(path, out var content)
            ? Task.FromResult(content.Length <= maxBytes ? content : throw new SandboxFileException($"{path} is larger than {maxBytes} bytes."))
            : throw new SandboxFileException($"{path} does not exist.");
    }

    public Task WriteFileAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfEnded();
        disk.Files[path] = content.ToArray();
        return Task.CompletedTask;
    }

    public Task<SandboxListing> ListAsync(string path, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfEnded();
        if (disk.Files.TryGetValue(path, out var content))
        {
            return Task.FromResult(new SandboxListing(false, content.Length, [], false));
        }

        var prefix = path.TrimEnd('/') + "/";
        var names = disk.Files.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal))
            .Select(key => key[prefix.Length..] is var rest && rest.Contains('/', StringComparison.Ordinal) ? rest[..(rest.IndexOf('/', StringComparison.Ordinal) + 1)] : rest)
            .Distinct().Order(StringComparer.Ordinal).ToList();
        return names.Count > 0 || path == "/workspace"
            ? Task.FromResult(new SandboxListing(true, 0, names, false))
            : throw new SandboxFileException($"{path} does not exist.");
    }

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

    private void ThrowIfEnded()
    {
        if (Ended.IsCompletedSuccessfully)
        {
            throw new SandboxException("The sandbox ended.");
        }
    }
}
