using System.Globalization;
using System.Text.RegularExpressions;

namespace Belay.EndToEnd.Soaking;

/// <summary>What happens in a soak: a function of its seed and its number of turns.</summary>
internal sealed partial class SoakPlan
{
    /// <summary>Clients that work side by side.</summary>
    public const int Workers = 16;

    private const int TurnsPerSession = 100;
    private const int LongestGap = 25_000;
    private const int MostDeaths = 20;

    private readonly int _seed;

    /// <summary>Plans a soak.</summary>
    public SoakPlan(int seed, int turns)
    {
        _seed = seed;
        var random = new Random(seed);
        SessionsPerWorker = Math.Max(1, turns / TurnsPerSession / Workers);

        // The second half is one life, so that what grows shows.
        var deaths = Math.Clamp(turns / LongestGap, 3, MostDeaths);
        Deaths = [.. Enumerable.Range(0, deaths).Select(_ => random.Next(1, Math.Max(2, turns / 2))).Distinct().Order()];
    }

    /// <summary>Turns around which the server is killed, in order.</summary>
    public IReadOnlyList<int> Deaths { get; }

    /// <summary>Sessions in all.</summary>
    public int Sessions => SessionsPerWorker * Workers;

    /// <summary>Sessions that each worker returns to.</summary>
    public int SessionsPerWorker { get; }

    /// <summary>Which of its worker's sessions a turn is in. Sandboxes stay in the first: a session that comes back keeps its own.</summary>
    public int PickOf(int turn) => HasSandbox(turn) ? 0 : new Random(_seed ^ turn).Next(SessionsPerWorker);

    /// <summary>Id of a session.</summary>
    public static string SessionOf(int worker, int pick) => string.Create(CultureInfo.InvariantCulture, $"a-session-that-soaks-{worker:00000}-{pick:0000000}");

    /// <summary>What is said in a turn: mostly a few words, now and then a call of a tool that does not exist, seldom a command in a sandbox.</summary>
    public static string TextOf(int turn) => turn switch
    {
        _ when HasSandbox(turn) => $"Run `echo {Mark(turn)}`",
        _ when turn % 10 == 0 => $"!call nothing {{\"of\":\"{Mark(turn)}\"}}\n!then\n!say There is no such tool.",
        _ => $"!say This is {Mark(turn)}, and nothing else.",
    };

    /// <summary>The turn whose text this is.</summary>
    public static int NumberIn(string text) => int.Parse(MarkPattern().Match(text).Groups[1].ValueSpan, CultureInfo.InvariantCulture);

    private static bool HasSandbox(int turn) => turn % 1000 == 500;

    private static string Mark(int turn) => string.Create(CultureInfo.InvariantCulture, $"turn-{turn}-of-many");

    [GeneratedRegex("turn-([0-9]+)-of-many")]
    private static partial Regex MarkPattern();
}
