using System.Text.Json.Nodes;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Invocations;

/// <summary>
/// An invocation that a person watches in a terminal: a typed line steers it, the first Ctrl-C cancels it, the second leaves. It runs on the server
/// by itself, so that a lost connection costs nothing.
/// </summary>
internal sealed class AttendedRun(BelayClient client, CliHost host, string harnessId, string sessionId)
{
    /// <summary>Starts it and shows it to its end.</summary>
    /// <param name="qualifier">Endpoint; the default when null.</param>
    /// <param name="body">Messages and overrides.</param>
    /// <param name="traced">Is told the trace, where there is one.</param>
    /// <param name="cancellationToken">Leaves it.</param>
    public async Task<ExitCode> RunAsync(string? qualifier, JsonObject body, Action<string> traced, CancellationToken cancellationToken)
    {
        var started = await client.StartInvocationAsync(harnessId, qualifier, sessionId, body, cancellationToken);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var interrupts = host.OnInterrupt!(() => _ = TryAsync("Cancelling; Ctrl-C again leaves.", () => client.CancelInvocationAsync(harnessId, sessionId, over.Token)));
        _ = SteerAsync(over.Token);
        var run = new FollowedRun(client, host);
        try
        {
            return await run.RunAsync(harnessId, sessionId, started.Text("invocationId"), json: false, cancellationToken);
        }
        finally
        {
            await over.CancelAsync();
            if (run.TraceId is { } trace)
            {
                traced(trace);
            }
        }
    }

    // A read of a terminal cannot be taken back; what is typed after the end is read by nobody.
    private async Task SteerAsync(CancellationToken cancellationToken)
    {
        while (await Task.Run(host.Input.ReadLine, cancellationToken) is { } line && !cancellationToken.IsCancellationRequested)
        {
            if (!string.IsNullOrWhiteSpace(line))
            {
                var id = host.Ids.NewUuid();
                await TryAsync(null, () => client.SteerInvocationAsync(harnessId, sessionId, id, line, cancellationToken));
            }
        }
    }

    private async Task TryAsync(string? note, Func<Task> act)
    {
        try
        {
            if (note is not null)
            {
                host.Terminal.Error.WriteLine(host.Terminal.Dim(note));
            }

            await act();
        }
        catch (CliException failure)
        {
            host.Terminal.Error.WriteLine(host.Terminal.Bad(Terminal.OneLine(failure.Message, 500)));
        }
        catch (OperationCanceledException)
        {
            // The run is over, or was left.
        }
    }
}
