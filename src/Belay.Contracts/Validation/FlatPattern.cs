namespace Belay.Contracts.Validation;

/// <summary>
/// A regular expression that is one piece after another, each a set of characters that repeats: nearly every pattern of the model. It
/// takes time linear in the text and nothing to prepare, which the general engine does not: preparing is what a first request waits for.
/// </summary>
internal sealed class FlatPattern
{
    private const int OnStack = 256;
    private readonly Piece[] _pieces;

    private FlatPattern(Piece[] pieces) => _pieces = pieces;

    /// <summary>Reads a pattern whose classes are ASCII; null when it is not flat.</summary>
    public static FlatPattern? TryParse(string pattern)
    {
        var at = 0;
        var pieces = new List<Piece>();
        return ReadSequence(pattern, ref at, pieces) && at == pattern.Length ? new([.. pieces]) : null;
    }

    /// <summary>Whether the whole text matches.</summary>
    public bool Matches(ReadOnlySpan<char> text)
    {
        // Whether the pieces so far can end before the character of that place; only the places from low to high are meant.
        var reached = text.Length < OnStack ? stackalloc bool[OnStack] : new bool[text.Length + 1];
        var next = text.Length < OnStack ? stackalloc bool[OnStack] : new bool[text.Length + 1];
        var (low, high) = (0, 0);
        reached[0] = true;
        foreach (var piece in _pieces)
        {
            var (first, last) = (-1, -1);

            // A piece that ends at a place began where no character since is outside of its set; of all beginnings that are far
            // enough away, the latest is the one that is most likely near enough.
            var (unbroken, latest) = (low, -1);
            for (var place = low; place <= text.Length && place - (long)high <= piece.Max; place++)
            {
                if (place > low && !piece.Holds(text[place - 1]))
                {
                    unbroken = place;
                    if (unbroken > high)
                    {
                        break;
                    }
                }

                var begin = place - piece.Min;
                if (begin >= low && begin <= high && reached[begin])
                {
                    latest = begin;
                }

                next[place] = latest >= unbroken && place - latest <= piece.Max;
                if (next[place])
                {
                    (first, last) = (first < 0 ? place : first, place);
                }
            }

            if (first < 0)
            {
                return false;
            }

            (low, high) = (first, last);
            var swap = reached;
            reached = next;
            next = swap;
        }

        return high == text.Length;
    }

    private static bool ReadSequence(string pattern, ref int at, List<Piece> pieces)
    {
        while (at < pattern.Length && pattern[at] != ')')
        {
            var begun = pieces.Count;
            var group = pattern[at] == '(';
            if (group ? !ReadGroup(pattern, ref at, pieces) : !ReadAtom(pattern, ref at, pieces))
            {
                return false;
            }

            if (!ReadRepeat(pattern, ref at, out var min, out var max))
            {
                return false;
            }

            if ((min, max) == (1, 1))
            {
                continue;
            }

            // What repeats must be one piece; a group of one that is there at least once may be left out.
            if (pieces.Count != begun + 1)
            {
                return false;
            }

            var piece = pieces[begun];
            if ((piece.Min, piece.Max) == (1, 1))
            {
                pieces[begun] = piece with { Min = min, Max = max };
            }
            else if ((piece.Min, min, max) == (1, 0, 1))
            {
                pieces[begun] = piece with { Min = 0 };
            }
            else
            {
                return false;
            }
        }

        return true;
    }

    private static bool ReadGroup(string pattern, ref int at, List<Piece> pieces)
    {
        at++;
        if (at < pattern.Length && pattern[at] == '?')
        {
            if (string.CompareOrdinal(pattern, at, "?:", 0, 2) != 0)
            {
                return false;
            }

            at += 2;
        }

        if (!ReadSequence(pattern, ref at, pieces) || at == pattern.Length)
        {
            return false;
        }

        at++;
        return true;
    }

    private static bool ReadAtom(string pattern, ref int at, List<Piece> pieces)
    {
        var one = pattern[at++];
        var set = default(Piece);
        switch (one)
        {
            case '[':
                if (!ReadClass(pattern, ref at, out set))
                {
                    return false;
                }

                break;
            case '\\':
                if (at == pattern.Length || !Escaped(pattern[at++], ref set))
                {
                    return false;
                }

                break;
            case '.':
                set = default(Piece).With('\n').Inverted();
                break;
            case '|' or '^' or '$' or '*' or '+' or '?' or '{' or '}' or ']' or ' ' or '#' or >= '\x80':
                return false;
            default:
                set = set.With(one);
                break;
        }

        pieces.Add(set with { Min = 1, Max = 1 });
        return true;
    }

    private static bool ReadClass(string pattern, ref int at, out Piece set)
    {
        set = default;
        var inverted = at < pattern.Length && pattern[at] == '^';
        at += inverted ? 1 : 0;
        var begun = at;
        while (at < pattern.Length && (pattern[at] != ']' || at == begun))
        {
            var low = pattern[at++];
            if (low is '[' or ']' or >= '\x80')
            {
                return false;
            }

            if (low == '\\')
            {
                if (at == pattern.Length || pattern[at] is 'S' || !Escaped(pattern[at++], ref set))
                {
                    return false;
                }

                continue;
            }

            var high = low;
            if (at + 1 < pattern.Length && pattern[at] == '-' && pattern[at + 1] != ']')
            {
                // Where a range ends in a class or an escape, the general engine knows what is meant.
                high = pattern[at + 1];
                at += 2;
                if (high is '\\' or '[' or >= '\x80' || high < low)
                {
                    return false;
                }
            }

            for (var one = low; one <= high; one++)
            {
                set = set.With(one);
            }
        }

        if (at == pattern.Length)
        {
            return false;
        }

        at++;
        set = inverted ? set.Inverted() : set;
        return true;
    }

    private static bool Escaped(char escaped, ref Piece set)
    {
        switch (escaped)
        {
            case 'd':
                set = set.WithAll("0123456789");
                return true;
            case 'w':
                set = set.WithAll("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
                return true;
            case 's':
                set = set.WithAll(" \t\n\v\f\r");
                return true;
            case 'S':
                set = default(Piece).WithAll(" \t\n\v\f\r").Inverted();
                return true;
            case >= '!' and <= '~' when !char.IsAsciiLetterOrDigit(escaped):
                set = set.With(escaped);
                return true;
            default:
                return false;
        }
    }

    private static bool ReadRepeat(string pattern, ref int at, out int min, out int max)
    {
        (min, max) = (1, 1);
        if (at == pattern.Length)
        {
            return true;
        }

        switch (pattern[at])
        {
            case '*':
                (min, max) = (0, int.MaxValue);
                break;
            case '+':
                (min, max) = (1, int.MaxValue);
                break;
            case '?':
                (min, max) = (0, 1);
                break;
            case '{':
                var end = pattern.IndexOf('}', at);
                var counts = end < 0 ? [] : pattern[(at + 1)..end].Split(',');
                if (counts.Length is not (1 or 2) || !int.TryParse(counts[0], out min))
                {
                    return false;
                }

                max = counts.Length == 1 ? min : int.MaxValue;
                if (counts.Length == 2 && counts[1].Length > 0 && !int.TryParse(counts[1], out max))
                {
                    return false;
                }

                at = end;
                break;
            default:
                return true;
        }

        // A second sign makes it lazy or possessive, or is an error.
        at++;
        return at == pattern.Length || pattern[at] is not ('?' or '+' or '*' or '{');
    }

    /// <summary>Characters, and how many of them: a bit for each of ASCII, and one for all others.</summary>
    private readonly record struct Piece(ulong Low, ulong High, bool Others, int Min, int Max)
    {
        public bool Holds(char one) => one < 64 ? (Low >> one & 1) != 0 : one < 128 ? (High >> (one - 64) & 1) != 0 : Others;

        public Piece With(char one) => one < 64 ? this with { Low = Low | 1UL << one } : this with { High = High | 1UL << (one - 64) };

        public Piece WithAll(string all)
        {
            var set = this;
            foreach (var one in all)
            {
                set = set.With(one);
            }

            return set;
        }

        public Piece Inverted() => this with { Low = ~Low, High = ~High, Others = !Others };
    }
}
