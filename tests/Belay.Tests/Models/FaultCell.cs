using System.Collections.Concurrent;
using System.Globalization;
using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;
using Belay.Testing;
using Belay.Testing.Models;
using Belay.Testing.Providers;
using Belay.Testing.Sessions;

namespace Belay.Tests.Models;

/// <summary>
/// A provider that does one thing wrong with every second, third or seventh call, and many turns of the real engine over the real client in manual
/// time. Waiting costs nothing: whoever waits for a retry or for silence to end has the clock moved to its time, and no further.
/// </summary>
internal sealed class FaultCell : IAsyncDisposable
{
    /// <summary>After so many turns a new session begins.</summary>
    public const int TurnsPerSession = 10;

    private const string Begin = "Ich sehe nach, ä 🙂 ";
    private const string Finish = "Fertig, ö ";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Stall = TimeSpan.FromSeconds(new ModelSettings().StallSeconds);

    private readonly EngineWorld _world;
    private readonly ScriptedReplies _replies;
    private readonly ProviderFault _fault;
    private readonly WatchedRetries _retries = new();
    private readonly ConcurrentQueue<string> _problems = new();
    private readonly ConcurrentDictionary<int, DateTimeOffset> _arrivals = new();
    private readonly Dictionary<string, HarnessTokenUsage> _told = [];
    private readonly int _every;
    private bool _calm;
    private int _faults;

    /// <summary>A cell of the matrix.</summary>
    /// <param name="model">Who is asked.</param>
    /// <param name="fault">What goes wrong.</param>
    /// <param name="every">How many calls from one fault to the next.</param>
    public FaultCell(ScriptedProviderModel model, ProviderFault fault, int every)
    {
        (_fault, _every) = (fault, every);
        var named = ScriptedClient.Of(model, new ScriptedProviderHandler(new ScriptedReplies(TimeProvider.System)), TimeProvider.System);
        _world = new EngineWorld { Model = new FakeModel { Provider = named.Provider, ModelId = named.ModelId }, Retries = _retries };
        _world.Time.Armed = due => _retries.Wait(due, _world.Time);
        _replies = new ScriptedReplies(_world.Time) { Reply = ReplyTo, Faults = FaultOf, Hang = HangAsync };
        _world.Model.Otherwise = ScriptedClient.Of(model, new ScriptedProviderHandler(_replies), _world.Time).StreamAsync;
    }

    /// <summary>Turns that ended well.</summary>
    public int Completed { get; private set; }

    /// <summary>Turns that ended with a failure that their client was told.</summary>
    public int Failed { get; private set; }

    /// <summary>Faults that happened.</summary>
    public int Faults => _faults;

    /// <summary>Calls that the provider received.</summary>
    public int Calls => _arrivals.Count;

    /// <summary>Everything that was not as it must be.</summary>
    public IReadOnlyCollection<string> Problems => [.. _problems, .. _replies.Problems];

    /// <summary>Makes so many turns, and one more in each session when nothing is wrong any more.</summary>
    public async Task RunAsync(int turns)
    {
        for (var turn = 0; turn < turns; turn++)
        {
            await TurnAsync(SessionOf(turn), turn.ToString(CultureInfo.InvariantCulture));
        }

        _calm = true;
        var completed = Completed;
        var sessions = Enumerable.Range(0, turns).Select(SessionOf).Distinct().ToList();
        foreach (var session in sessions)
        {
            await TurnAsync(session, "last");
            await CheckJournalAsync(session);
        }

        Require(Completed == completed + sessions.Count, "a session does not answer although nothing is wrong any more");
        Completed = completed;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _world.DisposeAsync();

    private static SessionKey SessionOf(int turn) =>
        new(EngineWorld.Scope, EngineWorld.DefaultHarness().HarnessId, string.Create(CultureInfo.InvariantCulture, $"session-000000000000000000000000-{turn / TurnsPerSession:0000000}"));

    private async Task TurnAsync(SessionKey session, string name)
    {
        var faults = _faults;
        var said = $"{Begin}{name}. {Finish}{name}.";
        var request = _world.Request(EngineWorld.User(name)) with { RuntimeSessionId = session.SessionId };
        var events = new List<InvocationEvent>();
        var failed = false;
        try
        {
            var resolved = _world.Resolver.Resolve(new(_world.Harness, "DEFAULT", _world.Belay), request);
            await using var accepted = await _world.Host.InvokeAsync(session, resolved, CancellationToken.None).WaitAsync(Patience);
            await using var items = accepted.ReadAsync(CancellationToken.None).GetAsyncEnumerator();
            while (await items.MoveNextAsync().AsTask().WaitAsync(Patience))
            {
                events.Add(items.Current);
                if (items.Current is HarnessMetadataEvent metadata)
                {
                    _told.Add(accepted.InvocationId, metadata.Usage);
                }
            }
        }
        catch (ServiceException fault) when (fault.Code == FaultCode.RuntimeClientError && _faults > faults)
        {
            failed = true;
        }

        var text = string.Concat(events.OfType<HarnessContentBlockDeltaEvent>().Select(delta => delta.Delta.Text));
        var stops = events.OfType<HarnessMessageStopEvent>().Select(stop => stop.StopReason).ToList();
        if (!failed && stops is [.., HarnessStopReason.EndTurn])
        {
            Completed++;
            Require(text == said, $"turn {name} says {text}");
            var usage = events.OfType<HarnessMetadataEvent>().Single().Usage;
            Require((usage.InputTokens, usage.OutputTokens) == (24, 12), $"turn {name} counts {usage}");
        }
        else
        {
            Failed++;
            Require(_faults > faults, $"turn {name} fails although nothing was wrong");
            Require(failed || stops is [.., HarnessStopReason.MalformedModelOutput], $"turn {name} ends with {string.Join(", ", stops)}");
            Require(said.StartsWith(text, StringComparison.Ordinal), $"turn {name} says {text}");
        }
    }

    /// <summary>Every invocation has one end, and the tokens of each call once: the sum is what its client was told.</summary>
    private async Task CheckJournalAsync(SessionKey session)
    {
        var entries = new List<EntryBody>();
        await foreach (var entry in SessionJournal.ReadAsync(_world.Journal, _world.Sealer, session, 0, CancellationToken.None))
        {
            entries.Add(entry.Body);
        }

        var outcomes = entries.OfType<ModelOutcome>().ToLookup(outcome => outcome.InvocationId, outcome => outcome.Usage);
        var ends = entries.OfType<InvocationEnded>().ToLookup(end => end.InvocationId);
        foreach (var started in entries.OfType<InvocationStarted>())
        {
            var id = started.InvocationId;
            Require(ends[id].Count() == 1, $"{id} has {ends[id].Count()} ends");
            var counted = outcomes[id].Aggregate(default(TokenUsage), (sum, usage) => sum + usage);
            Require(ends[id].All(end => end.Usage == counted), $"{id} does not count each call once");
            Require(!_told.TryGetValue(id, out var told) || Usage.ToWire(counted) == told, $"{id} tells its client other tokens than its journal");
        }
    }

    /// <summary>A tool first, then an answer: to the last line that a person wrote, for a turn that failed may leave one without its reply.</summary>
    private static IEnumerable<ModelEvent> ReplyTo(ReceivedCall call)
    {
        var messages = call.Asked.Messages;
        var asked = messages.Count - 1;
        while (!messages[asked].Blocks.Any(block => block is Block.Text) || messages[asked].Role is HarnessConversationRole.Assistant)
        {
            asked--;
        }

        var name = string.Join('\n', messages[asked].Blocks.OfType<Block.Text>().Select(text => text.Value)).Split('\n')[^1];
        var first = asked == messages.Count - 1;
        foreach (var piece in first ? (string[])[Begin, $"{name}. "] : [Finish, $"{name}."])
        {
            yield return new ModelEvent.Text(0, piece);
        }

        yield return new ModelEvent.BlockClosed(0);
        if (first)
        {
            yield return new ModelEvent.ToolOpened(1, "", "shell");
            yield return new ModelEvent.ToolInput(1, """{"command":"echo gesehen"}""");
            yield return new ModelEvent.BlockClosed(1);
        }

        yield return new ModelEvent.Usage(first ? new TokenUsage(11, 5) : new TokenUsage(13, 7));
        yield return new ModelEvent.Stopped(first ? HarnessStopReason.ToolUse : HarnessStopReason.EndTurn);
    }

    private ProviderFault? FaultOf(ReceivedCall call)
    {
        _arrivals[call.Number] = _world.Time.GetUtcNow();
        CheckWait(call.Number);
        if (_calm || call.Number % _every != 0)
        {
            return null;
        }

        _faults++;
        return _fault;
    }

    /// <summary>A call that repeats another comes when the policy says, and not before the provider wants to be asked again.</summary>
    private void CheckWait(int number)
    {
        if (_retries.Take() is { } delay && _arrivals.TryGetValue(number - 1, out var before))
        {
            var waited = _arrivals[number] - before - (_fault is ProviderFault.Hang ? Stall : TimeSpan.Zero);
            Require(waited == delay, $"call {number} comes after {waited} and not after {delay}");
            Require(_fault is not ProviderFault.Status { RetryAfter: { } asked } || waited >= asked, $"call {number} comes after {waited}, before it is wanted");
        }
    }

    /// <summary>Nothing comes: just before the limit the client still waits, at the limit it leaves.</summary>
    private async Task HangAsync(CancellationToken left)
    {
        _ = Task.Run(() =>
        {
            _world.Time.Advance(Stall - TimeSpan.FromMilliseconds(1));
            Require(!left.IsCancellationRequested, "a silent provider is left before its time");
            _world.Time.Advance(TimeSpan.FromMilliseconds(1));
            Require(left.IsCancellationRequested, "a silent provider is waited for too long");
        }, CancellationToken.None);
        await Task.Delay(Timeout.InfiniteTimeSpan, left);
    }

    private void Require(bool holds, string what)
    {
        if (!holds)
        {
            _problems.Enqueue(what);
        }
    }

    /// <summary>The policy of production, and a clock that moves as soon as somebody waits for what it said.</summary>
    private sealed class WatchedRetries() : RetryPolicy(DefaultBaseSeconds)
    {
        private TimeSpan? _awaited;
        private TimeSpan? _delay;

        public override TimeSpan? Next(ModelException failure, int attempt, bool deltaSent, TimeSpan remaining) =>
            _awaited = _delay = base.Next(failure, attempt, deltaSent, remaining);

        /// <summary>The delay before the call that comes now; null when it is none's repetition.</summary>
        public TimeSpan? Take()
        {
            var delay = _delay;
            _delay = null;
            return delay;
        }

        public void Wait(TimeSpan due, ManualTime time)
        {
            if (due == _awaited)
            {
                _awaited = null;
                _ = Task.Run(() => time.Advance(due), CancellationToken.None);
            }
        }
    }
}
