using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;

namespace Belay.Testing.Simulation;

/// <summary>What must hold of every journal, whatever happened. Each method answers with what is wrong; nothing when all is well.</summary>
public static class JournalCheck
{
    /// <summary>Order, pairs, sums and limits of a whole journal.</summary>
    public static IEnumerable<string> Problems(IReadOnlyList<Entry> entries)
    {
        var conversation = new Conversation();
        var toolIntents = new Dictionary<string, ToolIntent>(StringComparer.Ordinal);
        var answered = new HashSet<string>(StringComparer.Ordinal);
        var commandIntents = new HashSet<string>(StringComparer.Ordinal);
        InvocationStarted? started = null;
        var modelOpen = false;
        var asked = 0; // The iteration of the last model call; 0 when it is not shown.
        ModelSwitched? switched = null;
        var calls = 0;
        var usage = default(TokenUsage);
        long expected = 1;
        foreach (var entry in entries)
        {
            if (entry.Sequence != expected++)
            {
                yield return $"sequence {entry.Sequence} stands where {expected - 1} belongs";
            }

            switch (entry.Body)
            {
                case InvocationStarted one:
                    if (started is not null)
                    {
                        yield return $"{entry.Sequence}: an invocation began before the one before had ended";
                    }

                    (started, calls, usage, modelOpen, switched) = (one, 0, default, false, null);
                    break;
                case ModelIntent one:
                    if (started is null || modelOpen)
                    {
                        yield return $"{entry.Sequence}: a model intent out of place";
                    }

                    if (one.Iteration > (started?.Limits.MaxIterations ?? int.MaxValue))
                    {
                        yield return $"{entry.Sequence}: iteration {one.Iteration} is over the limit";
                    }

                    if (one.Iteration > 0 && usage.Output >= started?.Limits.MaxTokens)
                    {
                        yield return $"{entry.Sequence}: a model call although {usage.Output} output tokens were used";
                    }

                    if (switched is not null && (one.Provider, one.ModelId) != (switched.Provider, switched.ModelId))
                    {
                        yield return $"{entry.Sequence}: {one.ModelId} is asked although {switched.ModelId} took over";
                    }

                    (modelOpen, asked) = (true, one.Iteration);
                    break;
                case ModelOutcome one:
                    if (!modelOpen)
                    {
                        yield return $"{entry.Sequence}: a model outcome without its intent";
                    }

                    modelOpen = false;
                    usage += one.Usage;
                    calls += one.Iteration > 0 ? 1 : 0;
                    break;
                case ModelVoided one:
                    if (!modelOpen || entries[(int)one.Intent - 1].Body is not ModelIntent)
                    {
                        yield return $"{entry.Sequence}: voids {one.Intent}, where no model call is open";
                    }

                    modelOpen = false;
                    break;
                case ModelSwitched one:
                    if (started is null || modelOpen || entry.Sequence < 2 || entries[(int)entry.Sequence - 2].Body is not ModelOutcome { StopReason: null, FailureKind: not null, Iteration: 0 } failed || (asked > 0 && failed.Message is not null))
                    {
                        yield return $"{entry.Sequence}: a switch that follows no failure of which nothing was shown";
                    }

                    if (one.Fallback != (switched?.Fallback ?? 0) + 1)
                    {
                        yield return $"{entry.Sequence}: a switch to fallback {one.Fallback} after {switched?.Fallback ?? 0}";
                    }

                    switched = one;
                    break;
                case ToolIntent one:
                    toolIntents[one.ToolUseId] = one;
                    break;
                case ToolOutcome one:
                    if (!toolIntents.ContainsKey(one.Result.ToolUseId))
                    {
                        yield return $"{entry.Sequence}: an outcome of {one.Result.ToolUseId} without its intent";
                    }

                    if (!answered.Add(one.Result.ToolUseId))
                    {
                        yield return $"{entry.Sequence}: a second outcome of {one.Result.ToolUseId}";
                    }

                    break;
                case CommandIntent one:
                    commandIntents.Add(one.CommandId);
                    break;
                case CommandOutcome one when !commandIntents.Remove(one.CommandId):
                    yield return $"{entry.Sequence}: a command outcome without its intent";
                    break;
                case InvocationEnded one:
                    if (started?.InvocationId != one.InvocationId)
                    {
                        yield return $"{entry.Sequence}: an invocation ended that had not begun";
                    }

                    if (one.Usage != usage)
                    {
                        yield return $"{entry.Sequence}: the end says {one.Usage}, its calls add up to {usage}";
                    }

                    if (one.Iterations != calls)
                    {
                        yield return $"{entry.Sequence}: the end says {one.Iterations} iterations, there were {calls}";
                    }

                    started = null;
                    break;
            }

            conversation.Apply(entry.Body);
            if (entry.Body is InvocationEnded && conversation.Open is { Paused: false })
            {
                yield return $"{entry.Sequence}: an invocation ended with calls that nobody will answer";
            }
        }

        foreach (var problem in PairProblems(conversation.Context))
        {
            yield return $"conversation: {problem}";
        }
    }

    /// <summary>Every call is followed by a message with a result for it, and every result follows its call.</summary>
    public static IEnumerable<string> PairProblems(IReadOnlyList<Message> messages)
    {
        for (var i = 0; i < messages.Count; i++)
        {
            var calls = OpenCalls.CallsOf(messages[i]).Select(call => call.Id).Order(StringComparer.Ordinal).ToList();
            var next = i + 1 < messages.Count ? messages[i + 1] : null;
            if (calls.Count > 0 && (next is null || !calls.SequenceEqual(Results(next).Order(StringComparer.Ordinal))))
            {
                yield return $"message {i} calls {string.Join(',', calls)}, and message {i + 1} answers {string.Join(',', next is null ? [] : Results(next))}";
            }

            if (i == 0 && Results(messages[0]).Any())
            {
                yield return "the first message answers calls that are not there";
            }

            if (i > 0 && Results(messages[i]).Any() && !OpenCalls.CallsOf(messages[i - 1]).Any())
            {
                yield return $"message {i} answers calls that are not there";
            }
        }
    }

    /// <summary>Every effect had its intent in the journal, safe from a crash, before it happened.</summary>
    public static IEnumerable<string> EffectProblems(IReadOnlyList<Entry> entries, IReadOnlyList<Effect> effects)
    {
        foreach (var effect in effects)
        {
            var intent = entries.FirstOrDefault(entry => entry.Body switch
            {
                ToolIntent tool => tool.ToolUseId == effect.Id && tool.Verdict == "run",
                CommandIntent command => command.Command.EndsWith(effect.Id, StringComparison.Ordinal),
                _ => false,
            });
            if (intent is null)
            {
                yield return $"effect {effect.Id} happened without an intent";
            }
            else if (intent.Sequence > effect.Durable)
            {
                yield return $"effect {effect.Id} happened when entry {effect.Durable} was the last safe one; its intent is entry {intent.Sequence}";
            }
        }
    }

    /// <summary>A stream that ended follows the grammar of the wire.</summary>
    public static IEnumerable<string> StreamProblems(IReadOnlyList<InvocationEvent> events, bool complete)
    {
        var inMessage = false;
        int? open = null;
        var next = 0;
        for (var i = 0; i < events.Count; i++)
        {
            var last = i == events.Count - 1;
            switch (events[i])
            {
                case HarnessMessageStartEvent when inMessage || open is not null:
                    yield return $"event {i}: a message starts inside a message";
                    break;
                case HarnessMessageStartEvent:
                    (inMessage, next) = (true, 0);
                    break;
                case HarnessContentBlockStartEvent start when !inMessage || open is not null || start.ContentBlockIndex != next:
                    yield return $"event {i}: block {start.ContentBlockIndex} starts out of place";
                    break;
                case HarnessContentBlockStartEvent start:
                    open = start.ContentBlockIndex;
                    next++;
                    break;
                case HarnessContentBlockDeltaEvent delta:
                    if (!inMessage || (open ?? next) != delta.ContentBlockIndex)
                    {
                        yield return $"event {i}: a delta of block {delta.ContentBlockIndex} out of place";
                    }

                    if (open is null)
                    {
                        open = delta.ContentBlockIndex;
                        next++;
                    }

                    if (delta.Delta is { Text: "" } or { ToolUse.Input: "" } or { ToolResultMetadata.Metadata: "" })
                    {
                        yield return $"event {i}: an empty delta";
                    }

                    break;
                case HarnessContentBlockStopEvent stop:
                    if (open != stop.ContentBlockIndex)
                    {
                        yield return $"event {i}: block {stop.ContentBlockIndex} stops and was not open";
                    }

                    open = null;
                    break;
                case HarnessMessageStopEvent:
                    if (open is not null)
                    {
                        yield return $"event {i}: a message stops with an open block";
                    }

                    inMessage = false;
                    break;
                case HarnessMetadataEvent when !last || inMessage || i == 0 || events[i - 1] is not HarnessMessageStopEvent:
                    yield return $"event {i}: metadata out of place";
                    break;
            }
        }

        if (complete && events is not [.., HarnessMetadataEvent])
        {
            yield return "the stream ended without metadata";
        }
    }

    private static IEnumerable<string> Results(Message message) => message.Blocks.OfType<Block.ToolResult>().Select(result => result.ToolUseId);
}

/// <summary>Something that a tool or command did to the world.</summary>
/// <param name="Id">What did it.</param>
/// <param name="Durable">The last entry that a crash at that moment would have left.</param>
public sealed record Effect(string Id, long Durable);
