using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Sessions;
using Belay.Testing.Sessions;
using Belay.Tools.BuiltIn;

namespace Belay.Testing.Simulation;

/// <summary>
/// One session's bad day, from a seed: the real engine on a journal in memory, with crashes between any two appends, disks that fail or are
/// slow, a wall clock that jumps, readers that leave or never were, second callers, stops, cancels, steers, commands, slow tools and models that fail. After every event the checks run; after every crash a new server opens
/// the journal and goes on.
/// </summary>
#pragma warning disable CA1001 // It disposes its world at the end of the day.
public sealed partial class SimulatedSession
#pragma warning restore CA1001
{
    private const int MostTools = 3;

    private readonly Random _random;
    private readonly bool _orderly;
    private readonly SimulatedModel _model;
    private readonly EngineWorld _world;
    private readonly BrokenRule _broken;
    private readonly List<Effect> _effects = [];
    private readonly List<string> _problems = [];
    private readonly Dictionary<string, HarnessTokenUsage> _acknowledged = [];
    private readonly Dictionary<string, int> _seenMessages = [];
    private readonly Dictionary<string, long> _begun = [];
    private CrashingJournal _journal = null!;
    private int _commands;

    /// <summary>Servers that died.</summary>
    public int Crashes { get; private set; }

    /// <summary>Turns that were acknowledged.</summary>
    public int Acknowledged => _acknowledged.Count;

    /// <summary>Effects that tools and commands had.</summary>
    public int Effects => _effects.Count;

    /// <summary>Results that were shown in part, each time that the journal was looked at.</summary>
    public int Offloaded { get; private set; }

    /// <summary>Reductions of the conversation, each time that the journal was looked at.</summary>
    public int Reduced { get; private set; }

    /// <summary>Paused invocations that were answered.</summary>
    public int Resumed { get; private set; }

    /// <summary>Hash of everything that was journaled and everything that readers saw; empty when something was wrong.</summary>
    public string Trace { get; private set; } = "";

    /// <summary>Times that another model took over.</summary>
    public int Switched { get; private set; }

    /// <summary>Its world, for what a test looks at when the day is over.</summary>
    public EngineWorld World => _world;

    /// <summary>What readers saw of each invocation, and whether it was all there was to see.</summary>
    public Dictionary<string, (IReadOnlyList<InvocationEvent> Events, bool Whole)> Streams { get; } = [];

    /// <summary>A day.</summary>
    /// <param name="seed">What chance begins with.</param>
    /// <param name="broken">What the journal does wrong.</param>
    /// <param name="orderly">Leaves out what goes through the thread pool whatever the context says, so that the seed alone decides: tools that wait
    /// for their turn (a semaphore's waiters), stops of the session (a wait with a deadline) and disks that fail (what runs beside the one that
    /// notices is cancelled).</param>
    public SimulatedSession(int seed, BrokenRule broken = BrokenRule.None, bool orderly = false)
    {
        _orderly = orderly;
        _random = new(seed);
        _broken = broken;
        _model = new(new(seed + 1));
        _world = new(seed)
        {
            // Every other model has an endpoint, whose failures are counted.
            Model = new() { Endpoint = seed % 2 == 0 ? new Uri("http://first/") : null },
            Decorate = inner => _journal = new((InMemoryJournal)inner) { HoldIntents = _broken == BrokenRule.IntentBeforeEffect, LieAboutSyncs = _broken == BrokenRule.SafeBeforeStream, Time = _world!.Time },
            // The simulated clock runs ahead of a reader that only waits for a processor.
            Invocations = new() { BufferedEvents = 1 + _random.Next(8), ToolConcurrency = 1 + _random.Next(3) + (orderly ? MostTools : 0), ClosingTime = TimeSpan.FromDays(1) },
        };
        _world.Harness = _world.Harness with { Tools = [EngineWorld.Inline("approve")], Truncation = Truncation() };
        _world.BuiltIns.Add(new RetrieveOffloadedContentTool());
        if (_random.Next(2) == 0)
        {
            _world.Belay = new() { Tags = new Dictionary<string, string> { ["offloadToolResultsAbove"] = "200" } };
        }

        _world.Model.Otherwise = _model.Answer;
        for (var fallback = 1; fallback <= seed % 3; fallback++)
        {
            _world.Fallbacks.Add(new() { Provider = $"fallback-{fallback}", ModelId = $"fake-{fallback + 1}", Otherwise = _model.Answer });
        }

        _world.Disk.OnEffect = (id, server) =>
        {
            lock (_effects)
            {
                // A dead server has no effects; what its abandoned tasks still do here would not have happened.
                if (server == _world.Servers && !_journal.Crashed)
                {
                    _effects.Add(new(id, _journal.Durable));
                }
            }
        };
    }

    /// <summary>Lives through the day; answers with everything that was wrong.</summary>
    public async Task<IReadOnlyList<string>> RunAsync()
    {
        var days = _random.Next(2, 6);
        for (var i = 0; i < days && _problems.Count == 0; i++)
        {
            _ = _world.Host;
            var failures = _journal.Failures;
            var crashes = _random.Next(2) == 0;
            _journal.Arm(crashes ? 1 + _random.Next(14) : 0, _random.Next(2) == 0, _random.Next(3), Trouble());
            if (_random.Next(4) == 0)
            {
                _world.Time.Jump(TimeSpan.FromMinutes(_random.Next(-60, 61)));
            }

            if (_random.Next(2) == 0)
            {
                await WaitAsync(RecoverAsync());
            }

            await StepAsync();
            DiskFailures += _journal.Failures - failures;
            if (_journal.Crashed)
            {
                Restart();
            }

            await CheckAsync();
        }

        await LastAsync();
        return _problems;
    }

    private HarnessTruncationConfiguration Truncation() => _random.Next(3) switch
    {
        0 => new() { Strategy = HarnessTruncationStrategy.SlidingWindow, Config = new() { SlidingWindow = new() { MessagesCount = _random.Next(1, 8) } } },
        1 => new() { Strategy = HarnessTruncationStrategy.Summarization, Config = new() { Summarization = new() { SummaryRatio = 0.5, PreserveRecentMessages = _random.Next(3) } } },
        _ => new() { Strategy = HarnessTruncationStrategy.SlidingWindow },
    };

    private DiskTrouble Trouble() => new(
        _random.Next(6) == 0 && !_orderly ? 1 + _random.Next(10) : 0,
        _random.Next(2) == 0,
        _random.Next(6) == 0 ? TimeSpan.FromSeconds(_random.Next(1, 4)) : TimeSpan.Zero);

    private async Task StepAsync()
    {
        if (_random.Next(4) == 0)
        {
            await WaitAsync(StartDetachedAsync());
            await WaitAsync(OthersAsync(Task.CompletedTask));
            if (!await IdleAsync())
            {
                _problems.Add("a detached invocation does not end");
            }

            return;
        }

        await WaitAsync(InvokeAsync());
    }

    private async Task InvokeAsync()
    {
        AcceptedInvocation accepted;
        try
        {
            accepted = await _world.StartAsync(await RequestAsync());
            _begun[accepted.InvocationId] = _journal.Durable;
        }
        catch (ServiceException fault) when (fault.Code == FaultCode.RuntimeClientError)
        {
            // A detached invocation goes on.
            return;
        }
        catch (Exception) when (_journal.Crashed || _journal.Failed)
        {
            return;
        }

        await OthersAsync(ReadAsync(accepted, _random.Next(4) == 0 ? _random.Next(10) : int.MaxValue));
    }

    private Task OthersAsync(Task reading) => Task.WhenAll(
        reading,
        _random.Next(4) == 0 ? AgainAsync() : Task.CompletedTask,
        _random.Next(5) == 0 ? CommandAsync() : Task.CompletedTask,
        _random.Next(8) == 0 && !_orderly ? StopAsync() : Task.CompletedTask,
        _random.Next(5) == 0 ? SteerAsync() : Task.CompletedTask,
        _random.Next(8) == 0 ? CancelAsync() : Task.CompletedTask);

    private async Task<InvokeHarnessRequest> RequestAsync()
    {
        var pending = (await _world.ConversationAsync()).Open;
        HarnessMessage[] messages = [EngineWorld.User("Go on.")];
        if (pending is { Paused: true } && _random.Next(3) > 0)
        {
            Resumed++;
            var offered = pending.Unanswered.Where(call => pending.Offered.Contains(call.Id)).ToList();
            var answered = offered.Take(_random.Next(4) == 0 ? 1 : offered.Count).ToArray();
            var results = EngineWorld.Results([.. answered.Select(call => (call.Id, "approved"))]);
            messages = _random.Next(2) == 0
                ? [EngineWorld.Uses([.. answered.Select(call => (call.Id, call.Name, "{\"amount\":2}"))]), results]
                : [results, EngineWorld.User("And hurry.")];
        }

        return _world.Request(messages) with
        {
            MaxIterations = _random.Next(2) == 0 ? _random.Next(1, 4) : 8,
            MaxTokens = _random.Next(3) == 0 ? _random.Next(1, 60) : null,
            TimeoutSeconds = _random.Next(2) == 0 ? 10 : 300,
        };
    }

    private async Task ReadAsync(AcceptedInvocation accepted, int leaveAfter)
    {
        var events = new List<InvocationEvent>();
        var complete = false;
        var faulted = false;
        try
        {
            await using (accepted)
            {
                while (await NextAsync(accepted) is { } item)
                {
                    events.Add(item);
                    if (item is HarnessMetadataEvent metadata)
                    {
                        _acknowledged[accepted.InvocationId] = metadata.Usage;
                    }

                    if (item is HarnessMessageStopEvent && events.FindLastIndex(one => one is HarnessMessageStartEvent) is var start and >= 0
                        && ((HarnessMessageStartEvent)events[start]).Role == HarnessConversationRole.Assistant
                        && !events[start..^1].Exists(one => one is HarnessMessageStopEvent))
                    {
                        _seenMessages[accepted.InvocationId] = _seenMessages.GetValueOrDefault(accepted.InvocationId) + 1;
                    }

                    if (events.Count > leaveAfter)
                    {
                        return;
                    }
                }

                complete = true;
            }
        }
        catch (ServiceException fault) when (fault.Code == FaultCode.RuntimeClientError)
        {
            // The simulated provider failed.
            faulted = true;
        }
        catch (Exception exception)
        {
            if (!_journal.Crashed && !_journal.Failed)
            {
                _problems.Add($"the stream ended with {exception}");
            }
        }
        finally
        {
            _problems.AddRange(JournalCheck.StreamProblems(events, complete));
            lock (Streams)
            {
                Streams[accepted.InvocationId] = (events, (complete || faulted) && !_journal.Crashed);
            }
        }
    }

    private void Restart()
    {
        foreach (var sandbox in _world.Sandboxes.ToList())
        {
            sandbox.Current?.End("the machine died");
        }

        Crashes++;
        _world.Crash();
    }

    private async Task CheckAsync()
    {
        var entries = new List<Entry>();
        await foreach (var entry in SessionJournal.ReadAsync(_world.Journal, _world.Sealer, _world.Key, 0, CancellationToken.None))
        {
            entries.Add(entry);
        }

        _problems.AddRange(JournalCheck.Problems(entries));
        lock (_effects)
        {
            _problems.AddRange(JournalCheck.EffectProblems(entries, _effects));
            _problems.AddRange(_effects.GroupBy(effect => effect.Id).Where(same => same.Count() > 1).Select(same => $"effect {same.Key} happened {same.Count()} times"));
        }

        foreach (var (invocation, usage) in _acknowledged)
        {
            var end = entries.Select(entry => entry.Body).OfType<InvocationEnded>().SingleOrDefault(ended => ended.InvocationId == invocation);
            if (end is null)
            {
                _problems.Add($"invocation {invocation} was acknowledged and is lost");
            }
            else if (Usage.ToWire(end.Usage) != usage)
            {
                _problems.Add($"invocation {invocation} told its client {usage} and the journal {end.Usage}");
            }
        }

        _problems.AddRange(_steered
            .Except(entries.Select(entry => entry.Body).OfType<Steered>().Select(steered => steered.SteerId))
            .Select(steer => $"{steer} was acknowledged and is lost"));
        foreach (var (invocation, durable) in _begun)
        {
            var start = entries.Find(entry => entry.Body is InvocationStarted started && started.InvocationId == invocation);
            if (start is null)
            {
                _problems.Add($"the stream of {invocation} began, and what the client said is lost");
            }
            else if (start.Sequence > durable)
            {
                _problems.Add($"the stream of {invocation} began when entry {durable} was the last safe one; its start is entry {start.Sequence}");
            }
        }

        foreach (var (invocation, seen) in _seenMessages)
        {
            var kept = entries.Select(entry => entry.Body).OfType<ModelOutcome>().Count(outcome => outcome.InvocationId == invocation && outcome.Iteration > 0);
            if (kept < seen)
            {
                _problems.Add($"the client saw {seen} messages of {invocation} end, and the journal has {kept}");
            }
        }

        foreach (var outcome in entries.Select(entry => entry.Body).OfType<ToolOutcome>().Where(outcome => outcome.Offloaded is not null))
        {
            Offloaded++;
            var kept = _world.Disk.Files.TryGetValue("/workspace/" + outcome.Offloaded!.Path, out var bytes) ? Encoding.UTF8.GetString(bytes) : null;
            if (kept != OffloadedText.Of(outcome.Result))
            {
                _problems.Add($"the model is shown a part of {outcome.Result.ToolUseId}, and its file does not hold the whole");
            }
        }

        Reduced += entries.Count(entry => entry.Body is ContextReduced);
        foreach (var request in _world.Fallbacks.Append(_world.Model).SelectMany(model => model.Requests))
        {
            _problems.AddRange(JournalCheck.PairProblems(request.Messages).Select(problem => $"request: {problem}"));
        }
    }

    // Whatever happened, the session answers.
    private async Task LastAsync()
    {
        if (_problems.Count > 0)
        {
            return;
        }

        _model.Calm = true;
        _ = _world.Host;
        _journal.Arm(0, false, 0);
        for (var i = 0; i < 2; i++)
        {
            // A session that a failing disk broke is opened again by whoever asks for it next, when everybody has left it.
            await WaitAsync(RecoverAsync());
            if (!await IdleAsync())
            {
                _problems.Add("a detached invocation does not end although nothing is wrong any more");
            }
        }

        var events = await LastAnswerAsync();
        if (events is not [.., HarnessMessageStopEvent { StopReason: HarnessStopReason.EndTurn }, HarnessMetadataEvent])
        {
            _problems.Add("the session does not answer any more");
        }

        var ended = (await _world.EntriesAsync()).OfType<InvocationEnded>().Select(end => end.InvocationId);
        _problems.AddRange(_detached.Except(ended).Select(invocation => $"the detached invocation {invocation} has no end"));
        await CheckAsync();
        Trace = Hash(await _world.EntriesAsync());
        Switched = (await _world.EntriesAsync()).OfType<ModelSwitched>().Count();
        await _world.DisposeAsync();
    }

    // What runs in a session that a failing disk broke is being stopped.
    private async Task<IReadOnlyList<InvocationEvent>> LastAnswerAsync()
    {
        var began = TimeProvider.System.GetTimestamp();
        for (var turns = 0; ; turns++)
        {
            try
            {
                return await _world.InvokeAsync(EngineWorld.User("Are you well?"));
            }
            catch (ServiceException fault) when (fault.Code == FaultCode.RuntimeClientError && !IsTooLong(turns, began))
            {
                await TurnAsync(turns);
            }
        }
    }

    private string Hash(IEnumerable<EntryBody> entries)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var entry in entries)
        {
            hash.AppendData(JournalJson.Serialize(entry));
        }

        foreach (var item in Streams.SelectMany(stream => stream.Value.Events))
        {
            hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(item, item.GetType()));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

/// <summary>A rule that the journal breaks on purpose, so that a test can see the checks notice.</summary>
public enum BrokenRule
{
    /// <summary>None.</summary>
    None,

    /// <summary>An intent is safe before its effect begins.</summary>
    IntentBeforeEffect,

    /// <summary>What a client said is safe before its stream begins.</summary>
    SafeBeforeStream,
}
