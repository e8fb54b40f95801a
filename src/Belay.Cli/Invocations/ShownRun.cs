using System.Text.Json;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Invocations;

/// <summary>An invocation on the screen, event by event as the session tells them, to its end.</summary>
/// <param name="client">The server.</param>
/// <param name="host">The process.</param>
/// <param name="json">Whether only its end is printed, as JSON.</param>
internal sealed class ShownRun(BelayClient client, CliHost host, bool json)
{
    private readonly InvocationView _view = new(host.Terminal);
    private readonly InvocationTranscript _transcript = new();
    private readonly long _began = host.Time.GetTimestamp();

    /// <summary>The trace of the invocation, once it is known.</summary>
    public string? TraceId { get; private set; }

    /// <summary>Shows an event.</summary>
    public void Show(StreamEvent next)
    {
        TraceId ??= next.Type == "invocationStarted" ? next.Payload.Text("traceId") : null;
        _transcript.Add(next);
        if (json)
        {
            return;
        }

        _view.Show(next);
        var note = next.Type switch
        {
            "modelVoided" => "The server stopped in the middle of this answer; it is asked for again.",
            "modelSwitched" => $"{Model(next.Payload, "fromModelId")} → {Model(next.Payload, "modelId")}: {Terminal.OneLine(next.Payload.Text("why") ?? "", 300)}",
            "steered" => $"told: {Terminal.OneLine(next.Payload.Text("text") ?? "", 200)}",
            _ => null,
        };
        if (note is not null)
        {
            _view.EndLine();
            host.Terminal.Error.WriteLine(host.Terminal.Dim(note));
        }
    }

    private static string Model(JsonElement payload, string member) => Terminal.OneLine(payload.Text(member) ?? "", 100);

    /// <summary>Ends the line that text may have left open.</summary>
    public void EndLine() => _view.EndLine();

    /// <summary>Shows how it ended, and answers with the exit code that says so.</summary>
    public async Task<ExitCode> FinishAsync(JsonElement ended, string harnessId, string sessionId, string invocationId, CancellationToken cancellationToken)
    {
        var fault = ended.Text("fault");
        if (json)
        {
            JsonOutput.Write(host.Terminal.Output, JsonOutput.Node(ended));
        }
        else if (fault is not null)
        {
            host.Terminal.Error.WriteLine(host.Terminal.Bad($"The invocation failed with {Terminal.OneLine(fault, 100)}: {Terminal.OneLine(ended.Text("why") ?? "", 500)}"));
        }
        else
        {
            var took = host.Time.GetElapsedTime(_began);
            var cost = await InvocationCost.ReadAsync(client, harnessId, sessionId, invocation => invocation.Text("invocationId") == invocationId, cancellationToken);
            _view.Finish(_transcript, took, cost);
        }

        return fault is null && StopReasons.IsNormal(ended.Text("stopReason") ?? "") ? ExitCode.Done : ExitCode.Failed;
    }
}
