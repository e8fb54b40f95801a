using System.Collections.Concurrent;

namespace Belay.Testing.Sandboxes;

/// <summary>What outlives a sandbox in memory: its files, and the count of effects that commands had on the world.</summary>
public sealed class InMemoryDisk
{
    /// <summary>Files by path.</summary>
    public ConcurrentDictionary<string, byte[]> Files { get; } = new();

    /// <summary>How often each effect happened.</summary>
    public ConcurrentDictionary<string, int> Effects { get; } = new();

    /// <summary>Told of each effect as it happens, and of the server whose sandbox had it.</summary>
    public Action<string, int>? OnEffect { get; set; }

    /// <summary>Completes when a command has begun to sleep.</summary>
    public TaskCompletionSource Slept { get; set; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Counts one effect.</summary>
    public void Effect(string id, int server)
    {
        Effects.AddOrUpdate(id, 1, (_, count) => count + 1);
        OnEffect?.Invoke(id, server);
    }
}
