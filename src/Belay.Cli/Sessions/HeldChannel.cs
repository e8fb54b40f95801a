using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Sessions;

/// <summary>
/// A channel of a session that lasts longer than its connections. One that ends is made again from the last event that was taken, and what was said
/// and not answered is said again under the same id, so that nothing is lost and nothing comes or counts twice, also when the server was started
/// again meanwhile. A server that was never there, or that refuses, ends it.
/// </summary>
/// <param name="client">Opens connections.</param>
/// <param name="host">The process.</param>
/// <param name="target">Harness, session and endpoint.</param>
/// <param name="after">Id of the event after which to begin; null for the beginning.</param>
internal sealed class HeldChannel(BelayClient client, CliHost host, ChannelTarget target, string? after)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(0.5);

    private readonly Lock _gate = new();
    private readonly List<Said> _unanswered = [];
    private Channel<Said>? _connection;
    private string? _after = after;

    /// <summary>Says something, now or as soon as there is a connection. Completes with the server's reply, accepted or refused.</summary>
    /// <param name="message">The message with its id, one that no other has.</param>
    /// <param name="cancellationToken">Waits no longer.</param>
    public Task<JsonElement> SayAsync(JsonObject message, CancellationToken cancellationToken)
    {
        var said = new Said((string)message["id"]!, message);
        lock (_gate)
        {
            _unanswered.Add(said);
            _connection?.Writer.TryWrite(said);
        }

        return said.Reply.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Takes what the server says, replies among it, until the taker has enough.</summary>
    /// <param name="take">Takes an event or a reply; answers whether that was the last one.</param>
    /// <param name="cancellationToken">Leaves.</param>
    public async Task RunAsync(Func<JsonElement, bool> take, CancellationToken cancellationToken)
    {
        var reconnection = new Reconnection(host, FirstPause);
        while (true)
        {
            try
            {
                using var channel = await client.OpenChannelAsync(target.HarnessId, target.SessionId, target.Qualifier, _after, cancellationToken);
                reconnection.Connected();
                if (await HoldAsync(channel, take, cancellationToken))
                {
                    return;
                }
            }
            catch (Exception problem) when (reconnection.CanPass(problem, conflictPasses: true) || (problem is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                // A connection that stopped answering is aborted, which looks like a cancellation that nobody asked for.
            }

            await reconnection.PauseAsync(cancellationToken);
        }
    }

    // Answers whether the taker has enough; false when the server closed the connection.
    private async Task<bool> HoldAsync(SessionChannel channel, Func<JsonElement, bool> take, CancellationToken cancellationToken)
    {
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var sending = SendAsync(channel, leave.Token);
        try
        {
            await foreach (var message in channel.HearAsync(cancellationToken))
            {
                if (Taken(message, take))
                {
                    leave.CancelAfter(FirstPause);
                    await channel.LeaveAsync(leave.Token);
                    return true;
                }
            }

            return false;
        }
        finally
        {
            lock (_gate)
            {
                _connection!.Writer.TryComplete();
                _connection = null;
            }

            await leave.CancelAsync();
            await sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private bool Taken(JsonElement message, Func<JsonElement, bool> take)
    {
        var last = take(message);
        if (message.Text("type") is "accepted" or "refused")
        {
            Settle(message);
        }

        // Only now has the reader taken it. What has no id cannot be asked for again.
        _after = message.Text("id") ?? _after;
        return last;
    }

    // What a cut leaves unsent is among the unanswered, and is said on the next connection.
    private async Task SendAsync(SessionChannel channel, CancellationToken cancellationToken)
    {
        var queue = Channel.CreateUnbounded<Said>(new UnboundedChannelOptions { SingleReader = true });
        lock (_gate)
        {
            foreach (var said in _unanswered)
            {
                queue.Writer.TryWrite(said);
            }

            _connection = queue;
        }

        await foreach (var said in queue.Reader.ReadAllAsync(cancellationToken))
        {
            await channel.SayAsync(said.Message, cancellationToken);
        }
    }

    private void Settle(JsonElement reply)
    {
        Said? answered;
        lock (_gate)
        {
            answered = _unanswered.Find(said => said.Id == reply.Text("messageId"));
            if (answered is not null)
            {
                _unanswered.Remove(answered);
            }
        }

        answered?.Reply.TrySetResult(reply);
    }

    private sealed record Said(string Id, JsonObject Message)
    {
        public TaskCompletionSource<JsonElement> Reply { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>Where a channel leads.</summary>
/// <param name="HarnessId">The harness.</param>
/// <param name="SessionId">The session.</param>
/// <param name="Qualifier">Endpoint that is invoked; the default when null.</param>
internal sealed record ChannelTarget(string HarnessId, string SessionId, string? Qualifier);
