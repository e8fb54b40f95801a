namespace Belay.Cli.CommandLine;

/// <summary>
/// How wide the columns of a table are where there is room for so many cells only. Pure. What is least missed goes first: columns without
/// a value, then the ends of texts and the middles of ids as long as they stay readable, then whole columns in the order of
/// <see cref="Column.Leaves"/>. Numbers are never cut.
/// </summary>
internal static class TableFit
{
    /// <summary>Cells between columns.</summary>
    public const int Gap = 2;

    // As short as texts are readable: the beginning and the end of an id, two words.
    private const int Readable = 13;

    // As short as anything gets when nothing more can be left out.
    private const int Smallest = 6;

    /// <summary>The widths, 0 for what is not shown, and the columns with values that are not.</summary>
    /// <param name="columns">The columns.</param>
    /// <param name="natural">Cells that each would take, its heading included.</param>
    /// <param name="values">Cells that each would take without its heading.</param>
    /// <param name="available">Cells of a line.</param>
    public static (int[] Widths, IReadOnlyList<Column> LeftOut) Fit(IReadOnlyList<Column> columns, int[] natural, int[] values, int available)
    {
        var shown = natural.ToArray();
        if (Width(shown) <= available)
        {
            return (shown, []);
        }

        // 1. Columns that say nothing.
        for (var index = 0; index < columns.Count; index++)
        {
            shown[index] = values[index] == 0 && columns[index].Leaves > 0 ? 0 : shown[index];
        }

        // 2. Shorter texts; where that is not enough, one column less, and the others as wide as they can be.
        var leaving = new Queue<int>(Enumerable.Range(0, columns.Count).Where(index => columns[index].Leaves > 0 && shown[index] > 0).OrderBy(index => columns[index].Leaves));
        var left = new SortedSet<int>();
        while (true)
        {
            var widths = shown.ToArray();
            if (Shorten(widths, index => columns[index] is { Whole: false, Right: false }, Readable, available))
            {
                return (Refill(columns, shown, natural, left, available) ?? widths, [.. left.Select(index => columns[index])]);
            }

            if (!leaving.TryDequeue(out var next))
            {
                break;
            }

            left.Add(next);
            shown[next] = 0;
        }

        // 3. Nothing more can go.
        if (!Shorten(shown, index => columns[index] is { Whole: false, Right: false }, Smallest, available))
        {
            Shorten(shown, index => !columns[index].Right, Smallest, available);
        }

        return (shown, [.. left.Select(index => columns[index])]);
    }

    // A wide column that left may have made room for narrower ones that left before it.
    private static int[]? Refill(IReadOnlyList<Column> columns, int[] shown, int[] natural, SortedSet<int> left, int available)
    {
        int[]? best = null;
        foreach (var index in left.OrderByDescending(index => columns[index].Leaves).ToList())
        {
            shown[index] = natural[index];
            var widths = shown.ToArray();
            if (Shorten(widths, one => columns[one] is { Whole: false, Right: false }, Readable, available))
            {
                best = widths;
                left.Remove(index);
            }
            else
            {
                shown[index] = 0;
            }
        }

        return best;
    }

    // The widest gives way first, so that short ones stay as they are.
    private static bool Shorten(int[] widths, Func<int, bool> gives, int smallest, int available)
    {
        while (Width(widths) > available)
        {
            var widest = -1;
            for (var index = 0; index < widths.Length; index++)
            {
                widest = widths[index] > smallest && gives(index) && (widest < 0 || widths[index] > widths[widest]) ? index : widest;
            }

            if (widest < 0)
            {
                return false;
            }

            widths[widest]--;
        }

        return true;
    }

    private static int Width(int[] widths) => widths.Where(width => width > 0).Sum(width => width + Gap) - Gap;
}
