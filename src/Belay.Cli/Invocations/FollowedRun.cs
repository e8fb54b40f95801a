using System.Text.Json;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Sessions;

namespace Belay.Cli.Invocations;

/// <summary>Shows an invocation that runs on the server, from its beginning to its end, across lost connections.</summary>
internal sealed class FollowedRun(BelayClient client, CliHost host)
{
    private readonly InvocationView _view = new(host.Terminal);
    private readonly InvocationTranscript _transcript = new();

    /// <summary>The trace of the invocation, once it is known.</summary>
    public string? TraceId { get; private set; }

    /// <summary>Follows it; the exit code says how it ended.</summary>
    /// <param name="harnessId">The harness.</param>
    /// <param name="sessionId">The session.</param>
    /// <param name="invocationId">The invocation; the session's newest when null.</param>
    /// <param name="json">Whether only its end is printed, as JSON.</param>
    /// <param name="cancellationToken">Leaves it alone.</param>
    public async Task<ExitCode> RunAsync(string harnessId, string sessionId, string? invocationId, bool json, CancellationToken cancellationToken)
    {
        var session = await client.GetSessionAsync(harnessId, sessionId, cancellationToken);
        var invocation = session.Items("invocations").FirstOrDefault(one => invocationId is null || one.Text("invocationId") == invocationId);
        if (invocation.ValueKind != JsonValueKind.Object || invocation.Number("sequence") is not { } sequence)
        {
            throw new CliException(ExitCode.Failed, $"Session {Terminal.OneLine(sessionId, 256)} has no invocation to wait for.", "Start one: belay invoke --detach");
        }

        var began = host.Time.GetTimestamp();
        JsonElement ended;
        try
        {
            ended = await new EventFollower(client, host).RunAsync(
                harnessId, sessionId, invocation.Text("invocationId") ?? "", sequence - 1, next => Show(next, json), cancellationToken);
        }
        finally
        {
            _view.EndLine();
        }

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
            _view.Finish(_transcript, host.Time.GetElapsedTime(began));
        }

        return fault is null && StopReasons.IsNormal(ended.Text("stopReason") ?? "") ? ExitCode.Done : ExitCode.Failed;
    }

    private void Show(StreamEvent next, bool json)
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
            "steered" => $"told: {Terminal.OneLine(next.Payload.Text("text") ?? "", 200)}",
            _ => null,
        };
        if (note is not null)
        {
            _view.EndLine();
            host.Terminal.Error.WriteLine(host.Terminal.Dim(note));
        }
    }
}
