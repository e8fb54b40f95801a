using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Belay.Testing.Clients;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.Soaking;

/// <summary>
/// A real server that works for a long time for clients whose sessions come back, and is killed and started again meanwhile. A turn counts as
/// acknowledged when its client has seen its end; what breaks while the server is killed is excused, and nothing else is.
/// </summary>
/// <param name="server">The server.</param>
/// <param name="harnessArn">Its harness, with the scripted model.</param>
/// <param name="plan">What happens.</param>
internal sealed class SoakWorld(BelayProcess server, string harnessArn, SoakPlan plan)
{
    private const int MostProblems = 20;

    private readonly ConcurrentQueue<string> _problems = new();
    private readonly ConcurrentBag<int> _acknowledged = [];
    private volatile TaskCompletionSource _up = Completed();
    private volatile Death? _next;
    private int _begun;
    private int _life;

    /// <summary>Turns whose end their client has seen.</summary>
    public IReadOnlyCollection<int> Acknowledged => _acknowledged;

    /// <summary>What went wrong while nobody killed the server.</summary>
    public IReadOnlyCollection<string> Problems => _problems;

    /// <summary>Lives of the server.</summary>
    public int Lives => Volatile.Read(ref _life) + 1;

    /// <summary>Runs the turns up to one, and answers when all of them have ended.</summary>
    public async Task RunToAsync(int turn, CancellationToken cancellationToken) =>
        await Task.WhenAll(Enumerable.Range(0, SoakPlan.Workers).Select(worker => WorkAsync(worker, turn, cancellationToken)));

    /// <summary>Runs the turns up to one, and kills the server as often as planned meanwhile. It comes back each time.</summary>
    public async Task RunThroughDeathsAsync(int turn, Action<int> reborn, CancellationToken cancellationToken)
    {
        var next = _next = new(plan.Deaths[0]);
        var work = RunToAsync(turn, cancellationToken);
        foreach (var after in plan.Deaths.Skip(1).Append(int.MaxValue))
        {
            await Task.WhenAny(next.Reached.Task, work);
            if (work.IsCompleted)
            {
                break;
            }

            // In this order: whoever sees the new life waits until it is up.
            _up = new(TaskCreationOptions.RunContinuationsAsynchronously);
            Interlocked.Increment(ref _life);
            await server.Kill9Async(cancellationToken);
            await server.StartAgainAsync(cancellationToken);
            reborn(next.Turn);
            next = _next = new(after);
            _up.SetResult();
        }

        await work;
    }

    // A worker has sessions of its own: one invocation at a time is the rule of a session.
    private async Task WorkAsync(int worker, int last, CancellationToken cancellationToken)
    {
        while (_problems.Count < MostProblems)
        {
            var life = Volatile.Read(ref _life);
            await _up.Task.WaitAsync(cancellationToken);
            var number = Interlocked.Increment(ref _begun);
            if (number > last)
            {
                Interlocked.Decrement(ref _begun);
                return;
            }

            _next?.Pass(number);
            var session = SoakPlan.SessionOf(worker, plan.PickOf(number));
            try
            {
                var turn = await server.Client.TurnAsync(harnessArn, session, SoakPlan.TextOf(number), cancellationToken);
                if (turn.Stops is [.., "end_turn"] && turn.Exception is null && turn.Metadata is not null)
                {
                    _acknowledged.Add(number);
                }
                else if (life == Volatile.Read(ref _life))
                {
                    _problems.Enqueue($"Turn {number} in {session} ended with {turn.Stops.LastOrDefault() ?? "no stop reason"}: {turn.Exception?.Payload.ToJsonString()}");
                }
            }
            catch (Exception problem) when (problem is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
            {
                if (life == Volatile.Read(ref _life))
                {
                    _problems.Enqueue($"Turn {number} in {session}: {problem.GetType().Name}: {problem.Message}");
                }
            }
        }
    }

    /// <summary>How often the journals say that each turn began, and that it ended as its client was told.</summary>
    public async Task<(IReadOnlyDictionary<int, int> Begun, IReadOnlySet<int> Ended)> ReadJournalsAsync(CancellationToken cancellationToken)
    {
        var (begun, ended) = (new Dictionary<int, int>(), new HashSet<int>());
        foreach (var session in Enumerable.Range(0, SoakPlan.Workers).SelectMany(worker => Enumerable.Range(0, plan.SessionsPerWorker).Select(pick => SoakPlan.SessionOf(worker, pick))))
        {
            var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
            await foreach (var entry in EntriesAsync(session, cancellationToken))
            {
                var body = entry["body"]!;
                switch ((string)entry["kind"]!)
                {
                    case "InvocationStarted":
                        var number = SoakPlan.NumberIn(body["messages"]!.ToJsonString());
                        numbers[(string)body["invocationId"]!] = number;
                        begun[number] = begun.GetValueOrDefault(number) + 1;
                        break;
                    case "InvocationEnded" when (string?)body["stopReason"] == "end_turn":
                        ended.Add(numbers[(string)body["invocationId"]!]);
                        break;
                    default:
                        break;
                }
            }
        }

        return (begun, ended);
    }

    private async IAsyncEnumerable<JsonNode> EntriesAsync(string session, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long? after = 0;
        do
        {
            var target = string.Create(CultureInfo.InvariantCulture, $"/belay/v1/harnesses/{harnessArn.Split('/')[^1]}/sessions/{session}/journal?maxResults=1000&after={after}");
            JsonObject page;
            try
            {
                page = await server.Client.CallAsync(HttpMethod.Get, target, null, cancellationToken);
            }
            catch (WireException missing) when (missing.Status == 404)
            {
                // Nobody picked it.
                yield break;
            }

            foreach (var entry in page["entries"]!.AsArray())
            {
                yield return entry!;
            }

            after = (long?)page["nextAfter"];
        }
        while (after is not null);
    }

    private static TaskCompletionSource Completed()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        done.SetResult();
        return done;
    }

    private sealed record Death(int Turn)
    {
        public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Pass(int turn)
        {
            if (turn >= Turn)
            {
                Reached.TrySetResult();
            }
        }
    }
}
