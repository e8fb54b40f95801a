using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Harnesses;

/// <summary>How <c>create</c> and <c>update</c> end: wait, show the harness, and say whether it serves.</summary>
internal static class HarnessOutcome
{
    /// <summary>Waits if it is to, shows the harness and gives the exit code.</summary>
    public static async Task<int> ShowAsync(BelayClient client, CliHost host, JsonElement harness, bool wait, bool json, CancellationToken cancellationToken)
    {
        if (wait && harness.Text("harnessId") is { } id)
        {
            harness = await HarnessWait.SettledAsync(client, host, id, cancellationToken)
                ?? throw new CliException(ExitCode.Failed, $"Harness {id} was deleted while it was being made ready.");
        }

        if (json)
        {
            JsonOutput.Write(host.Terminal.Output, new JsonObject { ["harness"] = JsonOutput.Node(harness) });
        }
        else
        {
            HarnessView.Write(host.Terminal.Output, harness);
        }

        return harness.Text("status") is "CREATE_FAILED" or "UPDATE_FAILED" ? (int)ExitCode.Failed : (int)ExitCode.Done;
    }
}
