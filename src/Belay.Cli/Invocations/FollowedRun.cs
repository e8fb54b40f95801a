using System.Text.Json;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Sessions;

namespace Belay.Cli.Invocations;

/// <summary>Shows a session's newest invocation, which runs on the server, from its beginning to its end, across lost connections.</summary>
internal sealed class FollowedRun(BelayClient client, CliHost host)
{
    /// <summary>Follows it; the exit code says how it ended.</summary>
    /// <param name="harnessId">The harness.</param>
    /// <param name="sessionId">The session.</param>
    /// <param name="json">Whether only its end is printed, as JSON.</param>
    /// <param name="cancellationToken">Leaves it alone.</param>
    public async Task<ExitCode> RunAsync(string harnessId, string sessionId, bool json, CancellationToken cancellationToken)
    {
        var session = await client.GetSessionAsync(harnessId, sessionId, cancellationToken);
        var invocation = session.Items("invocations").FirstOrDefault();
        if (invocation.ValueKind != JsonValueKind.Object || invocation.Number("sequence") is not { } sequence)
        {
            throw new CliException(ExitCode.Failed, $"Session {Terminal.OneLine(sessionId, 256)} has no invocation to wait for.", "Start one: belay invoke --detach");
        }

        var shown = new ShownRun(client, host, json);
        var invocationId = invocation.Text("invocationId") ?? "";
        JsonElement ended;
        try
        {
            ended = await new EventFollower(client, host).RunAsync(harnessId, sessionId, invocationId, sequence - 1, shown.Show, cancellationToken);
        }
        finally
        {
            shown.EndLine();
        }

        return await shown.FinishAsync(ended, harnessId, sessionId, invocationId, cancellationToken);
    }
}
