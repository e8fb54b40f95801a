using System.Text.Json;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Harnesses;

/// <summary>Waits until a harness has settled, saying so when it takes long.</summary>
internal static class HarnessWait
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan SayAfter = TimeSpan.FromSeconds(1);

    /// <summary>The harness in its settled state; null when it is gone.</summary>
    public static async Task<JsonElement?> SettledAsync(BelayClient client, CliHost host, string harnessId, CancellationToken cancellationToken)
    {
        var began = host.Time.GetTimestamp();
        var pause = TimeSpan.FromMilliseconds(50);
        var said = "";
        while (true)
        {
            JsonElement harness;
            try
            {
                harness = (await client.GetHarnessAsync(harnessId, null, cancellationToken)).Member("harness") ?? default;
            }
            catch (CliException fault) when (fault.Fault == "ResourceNotFoundException")
            {
                return null;
            }

            var status = harness.Text("status") ?? "";
            if (status is not ("CREATING" or "UPDATING" or "DELETING"))
            {
                return harness;
            }

            var waited = host.Time.GetElapsedTime(began);
            if (waited > Deadline)
            {
                throw new CliException(ExitCode.Failed, $"Harness {harnessId} is still {status} after {Deadline.TotalMinutes:0} minutes.", $"Look again with: belay get {harnessId}");
            }

            if (waited > SayAfter && said != status)
            {
                host.Terminal.Error.WriteLine(host.Terminal.Dim($"{harnessId} is {status}; waiting."));
                said = status;
            }

            await Task.Delay(pause, host.Time, cancellationToken);
            pause = pause * 2 < Longest ? pause * 2 : Longest;
        }
    }
}
