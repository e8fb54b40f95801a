using System.Threading.Channels;
using Belay.Contracts.Invocations;

namespace Belay.Agents;

/// <summary>
/// The writing end of an invocation's stream. It knows where in the grammar the stream stands, so that whatever interrupts it can
/// close what is open.
/// </summary>
public sealed class EventWriter(ChannelWriter<InvocationEvent> events)
{
    private readonly StreamGrammar _grammar = new();
    private volatile bool _detached;

    /// <summary>Writes one event, waiting for a slow reader.</summary>
    public async ValueTask WriteAsync(InvocationEvent invocationEvent, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!_detached && !events.TryWrite(invocationEvent))
        {
            await events.WriteAsync(invocationEvent, cancellationToken);
        }

        _grammar.Take(invocationEvent);
    }

    /// <summary>Makes <paramref name="reason"/> the last stop reason, as <see cref="StreamGrammar.Closing"/> says.</summary>
    public async Task StopAsync(HarnessStopReason reason, CancellationToken cancellationToken)
    {
        foreach (var closing in _grammar.Closing(reason))
        {
            await WriteAsync(closing, cancellationToken);
        }
    }

    /// <summary>Nobody reads any more, and the invocation goes on: events are dropped from now on.</summary>
    public void Detach() => _detached = true;
}
