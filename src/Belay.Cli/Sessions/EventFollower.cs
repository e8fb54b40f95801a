using System.Globalization;
using System.Text.Json;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Contracts.Faults;

namespace Belay.Cli.Sessions;

/// <summary>
/// Follows one invocation to its end. A connection that ends is made again, from the last event that was taken, so that none is lost and none comes
/// twice, also when the server was started again meanwhile. A server that was never there, or that refuses, ends it.
/// </summary>
internal sealed class EventFollower(BelayClient client, CliHost host)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

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
        var position = new StreamPosition { LastEventId = after.ToString(CultureInfo.InvariantCulture) };
        var answeredBefore = false;
        for (var pause = FirstPause; ;)
        {
            position.Connected = false;
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
            catch (Exception problem) when (problem is IOException or HttpRequestException || ((answeredBefore || position.Connected) && CanPass(problem)))
            {
            }

            if (position.Connected)
            {
                answeredBefore = true;
                pause = FirstPause;
                host.Terminal.Error.WriteLine(host.Terminal.Dim("The connection ended; trying again."));
            }

            await Task.Delay(pause, host.Time, cancellationToken);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private static bool CanPass(Exception problem) => problem
        is CliException { ExitCode: ExitCode.CannotConnect }
        or CliException { Fault: nameof(FaultCode.ThrottlingException) or nameof(FaultCode.InternalServerException) };
}
