using System.Diagnostics;
using System.Runtime.CompilerServices;
using Belay.Agents;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;
using Belay.Tools;

namespace Belay.Replays;

/// <summary>
/// Runs a session's invocations again with the real engine and nothing else that is real: model, tools, clock, chance and retries are read from
/// the recording, each entry that the engine writes is compared with the recorded one byte for byte, and no effect is possible.
/// </summary>
/// <param name="versionAsync">Finds a version of the session's harness; null when it does not exist.</param>
/// <param name="builtIns">Built-in tools; only how a model knows them is used.</param>
public sealed class Replayer(Func<string, CancellationToken, Task<Harness?>> versionAsync, IReadOnlyList<ITool> builtIns)
{
    /// <summary>Replays one invocation after the other, up to the first that diverges. What lies between them is taken as it is.</summary>
    /// <param name="entries">The journal, from its beginning.</param>
    /// <param name="past">The conversation that the journal goes on from; a new one unless the session was forked.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ReplayException">The recording cannot be replayed.</exception>
    public async IAsyncEnumerable<ReplayedInvocation> RunAsync(
        IAsyncEnumerable<RecordedEntry> entries, Conversation past, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var invocation = new List<RecordedEntry>();
        await foreach (var entry in entries.WithCancellation(cancellationToken))
        {
            if (invocation.Count == 0 && entry.Body is not InvocationStarted)
            {
                Apply(past, entry);
                continue;
            }

            invocation.Add(entry);
            if (entry.Body is InvocationEnded)
            {
                var replayed = await RunAsync(invocation, past, cancellationToken);
                yield return replayed;
                if (replayed.Result == ReplayResult.Diverged)
                {
                    yield break;
                }

                invocation.Clear();
            }
        }

        if (invocation.Count > 0)
        {
            yield return await RunAsync(invocation, past, cancellationToken);
        }
    }

    private async Task<ReplayedInvocation> RunAsync(List<RecordedEntry> entries, Conversation conversation, CancellationToken cancellationToken)
    {
        var started = (InvocationStarted)entries[0].Body;
        var harness = await versionAsync(started.Version, cancellationToken)
            ?? throw new ReplayException($"Entry {entries[0].Sequence} began on version {started.Version} of its harness, which does not exist any more.");
        var events = new List<InvocationEvent>();
        var result = new ReplayedInvocation(started.InvocationId, entries[0].Sequence, entries[^1].Sequence, entries.Count, events, ReplayResult.Identical, null);

        // What the client sent, and its answers, which were stored with it.
        var next = 1;
        Apply(conversation, entries[0]);
        for (; next < entries.Count && entries[next].Body is ToolOutcome; next++)
        {
            Apply(conversation, entries[next]);
        }

        // A server that died in the middle of it had one life, the server that went on with it another.
        while (next < entries.Count)
        {
            var end = Death.Find(entries, next);
            if (await LiveAsync(entries, next, end, started, harness, conversation, events) is { } divergence)
            {
                return result with { Last = divergence.Sequence, Result = ReplayResult.Diverged, Divergence = divergence };
            }

            next = end;
            while (next < entries.Count && (IsBetween(entries[next].Body) || IsSettled(entries)))
            {
                Apply(conversation, entries[next++]);
            }

            if (next < entries.Count && Death.IsRefusal(entries[next].Body))
            {
                Apply(conversation, entries[next++]);
            }
        }

        return entries[^1].Body is InvocationEnded ? result : result with { Result = ReplayResult.Unfinished };
    }

    // Whoever steers the invocation that goes on does so when it does: its loop takes the message when it is shown it.
    private static bool IsBetween(EntryBody body) => Death.IsRepair(body) || (Death.IsBeside(body) && body is not Steered);

    // Whoever took the session after the crash ended the invocation: what stands before that end is a repair, too.
    private static bool IsSettled(List<RecordedEntry> entries) => entries[^1].Body is InvocationEnded ended && SessionRepair.IsRepair(ended);

    private async Task<Divergence?> LiveAsync(
        List<RecordedEntry> entries, int start, int end, InvocationStarted started, Harness harness, Conversation conversation, List<InvocationEvent> shown)
    {
        var clock = new ReplayClock();
        var events = System.Threading.Channels.Channel.CreateUnbounded<InvocationEvent>();
        var signal = new StopSignal(clock, TimeSpan.MaxValue);
        var life = new ReplayLife(entries, start, end, conversation, clock) { Fire = signal.Fire };
        var run = new InvocationRun
        {
            Invocation = Restore(started, harness, life, clock, entries.Take(end).Skip(start).Select(entry => entry.Body).OfType<ModelIntent>().FirstOrDefault()) with
            {
                Fallbacks =
                [
                    .. entries.Select(entry => entry.Body).OfType<ModelSwitched>()
                        .Select(switched => new ResolvedModel(new ReplayModel(life, clock, switched.Provider, switched.ModelId), Nothing)),
                ],
            },
            Toolbox = Toolbox.For(ReplayTool.All(life, builtIns, entries.Select(entry => entry.Body)), started.Tools, started.AllowedTools, conversation.Offloads(started.OffloadAbove)),
            Conversation = conversation,
            Journal = (bodies, _) => life.AppendAsync(bodies),
            Events = new(events.Writer),
            Signal = signal,
            Sandbox = NoSandbox,
        };
        var running = new RunningInvocation(run, events);
        life.Begin();
        await new InvocationWork(ServicesOf(life, clock), default, NoSandbox, running).RunAsync(() => { }, new Release(() => { }));
        life.Finish();
        while (events.Reader.TryRead(out var item))
        {
            shown.Add(item);
        }

        return life.Divergence;
    }

    private static readonly ReplaySandbox NoSandbox = new();

    private static readonly ModelParameters Nothing = new(null, null, null, null, null);

    private static SessionServices ServicesOf(ReplayLife life, ReplayClock clock)
    {
        // Results are recorded as they were bounded then.
        var settings = new InvocationSettings { ToolResultBytes = int.MaxValue };
        var turn = new ModelTurn(clock, new ReplayIds(), new ReplayRetries(life), new(new(), clock));
        var loop = new AgentLoop(turn, new ContextReduction(turn), new ToolDispatch(settings, clock));
        return new(loop, [], new(), settings, clock, new ReplayIds(), Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, (_, _, _) => throw new UnreachableException("A replay restores nothing."))
        {
            ResolveModel = (_, _) => throw new UnreachableException("A replay asks no model."),
        };
    }

    private static Invocation Restore(InvocationStarted started, Harness harness, ReplayLife life, ReplayClock clock, ModelIntent? asked) => new()
    {
        Id = started.InvocationId,
        Trace = new(started.TraceId ?? "", null, Sampled: false, null),
        Harness = harness,
        Endpoint = started.Endpoint,
        Model = new ReplayModel(life, clock, asked?.Provider ?? "", asked?.ModelId ?? ""),
        Parameters = Nothing,
        System = started.System ?? [],
        Tools = started.Tools,
        ToolsGiven = true,
        AllowedTools = started.AllowedTools,
        AllowedToolsGiven = true,
        Limits = started.Limits,
        Truncation = harness.Truncation,
        Sent = [],
        ActorId = started.ActorId,
        DefaultActorId = started.ActorId ?? "",
        ToolConcurrency = int.MaxValue,
        Detached = started.Detached,
    };

    private static void Apply(Conversation conversation, RecordedEntry entry)
    {
        try
        {
            conversation.Apply(entry.Body);
        }
        catch (UnreachableException cause)
        {
            throw new ReplayException($"Entry {entry.Sequence} cannot stand where it does: {cause.Message}", cause);
        }
    }
}
