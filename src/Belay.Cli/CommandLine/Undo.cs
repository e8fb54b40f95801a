namespace Belay.Cli.CommandLine;

/// <summary>Takes something back when it is disposed.</summary>
internal sealed class Undo(Action action) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => action();
}
