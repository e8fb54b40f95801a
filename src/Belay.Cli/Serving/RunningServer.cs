namespace Belay.Cli.Serving;

/// <summary>A server that runs in this process. Disposing it drains and stops it.</summary>
internal sealed class RunningServer(Uri url, string sandbox, Task stopped, Func<ValueTask> stop) : IAsyncDisposable
{
    /// <summary>Where it answers.</summary>
    public Uri Url { get; } = url;

    /// <summary>Driver and label of the sandboxes that it starts, such as <c>process (process isolation, shared kernel)</c>.</summary>
    public string Sandbox { get; } = sandbox;

    /// <summary>Completes when the server has stopped, by itself or because it was told to.</summary>
    public Task Stopped { get; } = stopped;

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => stop();
}
