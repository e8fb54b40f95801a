using System.Globalization;
using System.Text.Json;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Sessions;

/// <summary>
/// Follows one invocation to its end. A connection that ends is made again, from the last event that was taken, so that none is lost and none comes
/// twice, also when the server was started again meanwhile. A server that was never there, or that refuses, ends it.
/// </summary>
internal sealed class EventFollower(BelayClient client, CliHost host)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(0.5);

    /// <summary>Shows the events of an invocation, and answers how it ended.</summary>
    /// <param name="harnessId">The harness.</param>
    /// <param name="sessionId">The session.</param>
    /// <param name="invocationId">The invocation.</param>
    /// <param name="after">Entry after which to begin.</param>
    /// <param name="show">Shows one.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<JsonElement> RunAsync(
        string harnessId, string sessionId, string invocationId, long after, Action<StreamEvent> show, CancellationToken cancellationToken)
    {
        var reconnection = new Reconnection(host, FirstPause);
        var position = new StreamPosition { LastEventId = after.ToString(CultureInfo.InvariantCulture), Connected = reconnection.Connected };
        while (true)
        {
            try
            {
                await foreach (var told in client.FollowEventsAsync(harnessId, sessionId, position, cancellationToken))
                {
                    if (told.Text("invocationId") != invocationId)
                    {
                        continue;
                    }

                    var next = new StreamEvent(told.Text("type") ?? "", told.Member("data") ?? default);
                    show(next);
                    if (next.Type == "invocationEnded")
                    {
                        return next.Payload;
                    }
                }
            }
            catch (Exception problem) when (reconnection.CanPass(problem))
            {
            }

            await reconnection.PauseAsync(cancellationToken);
        }
    }
}
