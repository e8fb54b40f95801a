namespace Belay.Cli.Projects;

/// <summary>Guesses which of the known words a mistyped one stands for.</summary>
internal static class Closest
{
    private const int LongestWord = 64;

    /// <summary>The nearest word: the same but for case, <c>_</c> and <c>-</c>, else one within a third of its letters; null when none is near.</summary>
    public static string? To(string word, IEnumerable<string> known)
    {
        if (word.Length is 0 or > LongestWord)
        {
            return null;
        }

        var plain = Plain(word);
        return known
            .Select(candidate => (candidate, distance: Distance(plain, Plain(candidate))))
            .Where(pair => pair.distance <= Math.Max(1, pair.candidate.Length / 3))
            .OrderBy(pair => pair.distance)
            .ThenBy(pair => pair.candidate, StringComparer.Ordinal)
            .Select(pair => pair.candidate)
            .FirstOrDefault();
    }

    private static string Plain(string word) =>
        string.Concat(word.Where(character => character is not ('_' or '-'))).ToLowerInvariant();

    /// <summary>Letters to insert, remove, replace or swap with their neighbour, with three rows of the usual table.</summary>
    private static int Distance(string one, string other)
    {
        var previous = Enumerable.Range(0, other.Length + 1).ToArray();
        var current = new int[other.Length + 1];
        var before = new int[other.Length + 1];
        for (var i = 1; i <= one.Length; i++)
        {
            current[0] = i;
            for (var j = 1; j <= other.Length; j++)
            {
                var replaced = previous[j - 1] + (one[i - 1] == other[j - 1] ? 0 : 1);
                current[j] = Math.Min(replaced, Math.Min(previous[j], current[j - 1]) + 1);
                if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1])
                {
                    current[j] = Math.Min(current[j], before[j - 2] + 1);
                }
            }

            (before, previous, current) = (previous, current, before);
        }

        return previous[other.Length];
    }
}
