using Belay.Storage;

namespace Belay.Testing;

/// <summary>A directory of a test, removed at its end.</summary>
public sealed class TemporaryDirectory : IDisposable
{
    public TemporaryDirectory() => Directory.CreateDirectory(Path);

    public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"belay-test-{IdSource.System.NewAlphanumeric(12)}");

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
