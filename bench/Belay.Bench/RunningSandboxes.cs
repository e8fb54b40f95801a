using System.Text.Json.Nodes;
using Belay.Testing.Processes;

namespace Belay.Bench;

/// <summary>One session after the other; the sandbox of the one before is stopped, so that they do not pile up.</summary>
internal sealed class RunningSandboxes(BelayProcess server, string harnessArn)
{
    /// <summary>The session to use now; empty before the first.</summary>
    public string Current { get; private set; } = "";

    /// <summary>Stops the present session and goes to another.</summary>
    public async Task RenewAsync(string session, CancellationToken cancellationToken)
    {
        if (Current.Length > 0)
        {
            var target = $"/runtimes/{Uri.EscapeDataString(harnessArn)}/stopruntimesession";
            using var stopped = await server.Client.SendAsync(HttpMethod.Post, target, new JsonObject(), Current, cancellationToken);
            stopped.EnsureSuccessStatusCode();
        }

        Current = session;
    }
}
