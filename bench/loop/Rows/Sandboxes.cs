using System.Text.Json.Nodes;
using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Product;

namespace Belay.Bench.Loop.Rows;

/// <summary>Sandboxes of sessions.</summary>
internal static class Sandboxes
{
    /// <summary>Runs <c>true</c> in a session, starting its sandbox where there is none.</summary>
    public static async Task TrueAsync(BelayProgram program, string session, CancellationToken cancellationToken)
    {
        var run = await program.Client.CommandAsync(program.HarnessArn, session, "true", cancellationToken);
        if (run.ExitCode != 0)
        {
            throw new WrongAnswerException($"The command true ended with {run.ExitCode}: {run.Stderr}");
        }
    }

    /// <summary>Stops a session, so that its sandbox does not stay.</summary>
    public static async Task StopAsync(BelayProgram program, string session, CancellationToken cancellationToken)
    {
        var target = $"/runtimes/{Uri.EscapeDataString(program.HarnessArn)}/stopruntimesession";
        using var stopped = await program.Client.SendAsync(HttpMethod.Post, target, new JsonObject(), session, cancellationToken);
        stopped.EnsureSuccessStatusCode();
    }
}
