using System.Runtime.CompilerServices;
using Belay.Sandboxes;
using Names = Belay.Telemetry.TelemetryNames;

namespace Belay.Telemetry;

/// <summary>A sandbox whose commands are spans, below whatever asked for them.</summary>
internal sealed class TracedSandbox(ISandbox sandbox, Instrumentation instruments, string sessionId) : ISandbox
{
    /// <inheritdoc/>
    public string Id => sandbox.Id;

    /// <inheritdoc/>
    public Task<string> Ended => sandbox.Ended;

    /// <inheritdoc/>
    public IAsyncEnumerable<ExecEvent> ExecuteAsync(ExecRequest request, CancellationToken cancellationToken) =>
        instruments.Source.HasListeners() ? TraceAsync(request, cancellationToken) : sandbox.ExecuteAsync(request, cancellationToken);

    /// <inheritdoc/>
    public Task<byte[]> ReadFileAsync(string path, long maxBytes, CancellationToken cancellationToken) => sandbox.ReadFileAsync(path, maxBytes, cancellationToken);

    /// <inheritdoc/>
    public Task WriteFileAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => sandbox.WriteFileAsync(path, content, cancellationToken);

    /// <inheritdoc/>
    public Task<SandboxListing> ListAsync(string path, CancellationToken cancellationToken) => sandbox.ListAsync(path, cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => sandbox.DisposeAsync();

    private async IAsyncEnumerable<ExecEvent> TraceAsync(ExecRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var span = instruments.StartBelow(Names.Spans.Command, Names.Spans.Command, sessionId);
        span?.SetTag(Names.Attributes.SandboxId, Id);
        if (instruments.CapturesContent)
        {
            span?.SetTag(Names.Attributes.CommandLine, ContentEvents.Cut(request.Command[^1]));
        }

        ExecEvent.Exited? exit = null;
        try
        {
            await foreach (var happened in sandbox.ExecuteAsync(request, cancellationToken))
            {
                exit = happened as ExecEvent.Exited ?? exit;
                yield return happened;
            }
        }
        finally
        {
            // Without an exit someone left, or the sandbox ended first; either way the command's tree is killed.
            span?.SetTag(exit is null ? Names.Attributes.Cancelled : Names.Attributes.ExitCode, exit is null ? true : exit.ExitCode);
            span?.SetTag(Names.Attributes.TimedOut, exit?.TimedOut == true ? true : null);
            instruments.End(span);
        }
    }
}
