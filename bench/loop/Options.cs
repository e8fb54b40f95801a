using Belay.Bench.Loop.Profile;
using Belay.Bench.Loop.Rows;

namespace Belay.Bench.Loop;

/// <summary>What the command line asks for.</summary>
/// <param name="Rows">Rows to run, in order.</param>
/// <param name="Quick">A look, not a measurement.</param>
/// <param name="Long">Also what takes many minutes: 100,000 sessions.</param>
/// <param name="Json">JSON on standard output instead of tables.</param>
internal sealed record Options(IReadOnlyList<Row> Rows, bool Quick, bool Long, bool Json)
{
    /// <summary>How it is used.</summary>
    public static string Usage { get; } = $"""
        Usage: belay bench loop [--row NAME]... [--quick] [--long] [--json]
          --row NAME  Only this row; can be repeated. Rows: {string.Join(", ", Row.All.Select(row => row.Name))}.
          --quick     One short round: a look, not a measurement.
          --long      Also the store of 100,000 sessions, which takes many minutes.
          --json      One JSON object instead of tables.
               belay bench loop {StartProfile.Option}: measures nothing, and writes what a start compiles into the profile of the build.
        """;

    /// <summary>Reads the command line; null when it is not understood.</summary>
    public static Options? Parse(IReadOnlyList<string> arguments)
    {
        var rows = new List<Row>();
        var (quick, many, json) = (false, false, false);
        for (var i = 0; i < arguments.Count; i++)
        {
            switch (arguments[i])
            {
                case "--quick":
                    quick = true;
                    break;
                case "--long":
                    many = true;
                    break;
                case "--json":
                    json = true;
                    break;
                case "--row" when i + 1 < arguments.Count && Row.All.FirstOrDefault(row => row.Name == arguments[i + 1]) is { } row:
                    rows.Add(row);
                    i++;
                    break;
                default:
                    return null;
            }
        }

        return new(rows.Count > 0 ? rows : Row.All, quick, many, json);
    }
}
