using System.Collections.Concurrent;
using Belay.Sandboxes;

namespace Belay.Testing.Sandboxes;

/// <summary>What outlives a sandbox in memory: its files, and the count of effects that commands had on the world.</summary>
public sealed class InMemoryDisk
{
    private const string Root = "/workspace";
    private const int LongestPath = 4096;
    private const int MostNames = 10_000;

    private readonly ConcurrentDictionary<string, byte[]> _files = new();
    private readonly ConcurrentDictionary<string, bool> _directories = new([KeyValuePair.Create(Root, true)]);

    /// <summary>Files by path, absolute.</summary>
    public IReadOnlyDictionary<string, byte[]> Files => _files;

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

    /// <summary>Reads a file.</summary>
    public byte[] Read(string path, long maxBytes)
    {
        if (_files.TryGetValue(Absolute(path), out var content))
        {
            return content.Length <= maxBytes ? content : throw Wrong(path, $"it has {content.Length} bytes; at most {maxBytes} are read");
        }

        throw Wrong(path, IsDirectory(path) ? "it is a directory" : "no such file or directory");
    }

    /// <summary>Writes a file.</summary>
    public void Write(string path, ReadOnlyMemory<byte> content)
    {
        var absolute = Absolute(path);
        if (IsDirectory(path))
        {
            throw Wrong(path, "it is a directory");
        }

        var parents = new List<string>();
        for (var end = absolute.LastIndexOf('/'); end > 0; end = absolute.LastIndexOf('/', end - 1))
        {
            parents.Add(absolute[..end]);
        }

        if (parents.Any(_files.ContainsKey))
        {
            throw Wrong(path, "a part of the path is not a directory");
        }

        parents.ForEach(parent => _directories[parent] = true);
        _files[absolute] = content.ToArray();
    }

    /// <summary>Removes every file, as a sandbox does that begins anew.</summary>
    public void Clear() => _files.Clear();

    /// <summary>Describes a path.</summary>
    public SandboxListing List(string path)
    {
        if (_files.TryGetValue(Absolute(path), out var content))
        {
            return new(false, content.Length, [], false);
        }

        if (!IsDirectory(path))
        {
            throw Wrong(path, "no such file or directory");
        }

        var prefix = Absolute(path) + "/";
        var names = _files.Keys
            .Where(file => file.StartsWith(prefix, StringComparison.Ordinal))
            .Select(file => file[prefix.Length..].Split('/', 2) is [var name, _] ? name + "/" : file[prefix.Length..])
            .Distinct()
            .Order(StringComparer.Ordinal)
            .ToList();
        return new(true, 0, [.. names.Take(MostNames)], names.Count > MostNames);
    }

    /// <summary>Whether a path names a directory.</summary>
    public bool IsDirectory(string path) => _directories.ContainsKey(Absolute(path));

    private static string Absolute(string path) => path.Length is 0 or > LongestPath || path.Contains('\0', StringComparison.Ordinal)
        ? throw new SandboxFileException("A path must have 1 to 4,096 characters and no NUL.")
        : Path.GetFullPath(path, Root).TrimEnd('/');

    private static SandboxFileException Wrong(string path, string why) => new($"'{path}': {why}.");
}
