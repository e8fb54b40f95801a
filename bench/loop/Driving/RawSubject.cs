using System.Collections.Concurrent;
using System.Diagnostics;
using Belay.Bench.Loop.Floor;
using Belay.Bench.Loop.Provider;

namespace Belay.Bench.Loop.Driving;

/// <summary>The raw loop inside the bench: no server at all.</summary>
internal sealed class RawSubject(RawLoop loop) : ISubject
{
    private readonly ConcurrentDictionary<string, List<byte[]>> _sessions = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public string Name => Names.Raw;

    /// <inheritdoc/>
    public int? ProcessId => null;

    /// <inheritdoc/>
    public async Task<TurnTimes> TurnAsync(string session, Script script, Input input, CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        var first = 0L;
        var messages = _sessions.GetOrAdd(session, static _ => []);
        messages.AddRange(input.Messages.Select(message => RawLoop.Message(message.Role, message.Text)));
        var answer = await loop.TurnAsync(script.Name, messages, () => first = Stopwatch.GetTimestamp(), cancellationToken);
        return answer.Length == script.AnswerLength
            ? new(Stopwatch.GetElapsedTime(begun, first).TotalMilliseconds, Stopwatch.GetElapsedTime(begun).TotalMilliseconds, Script.Seen(answer))
            : throw new WrongAnswerException($"{Name} answered {answer.Length} characters, not {script.AnswerLength}.");
    }
}
