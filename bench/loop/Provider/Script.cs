using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace Belay.Bench.Loop.Provider;

/// <summary>What the model does in a turn. It travels in the model's name, so that the same server plays every row.</summary>
/// <param name="ToolCalls">Tool calls, one in each iteration but the last.</param>
/// <param name="Tokens">Pieces of the final answer.</param>
/// <param name="Tool">The tool that is called.</param>
/// <param name="AtATime">Calls of the tool in each of those iterations. Where it is said, the provider counts tokens as if it kept what it has read.</param>
internal sealed record Script(int ToolCalls, int Tokens, string Tool, int? AtATime = null)
{
    /// <summary>The file that <c>view</c> looks at.</summary>
    public const string File = "/workspace/bench.txt";

    private const string Prefix = "bench";
    private static readonly ConcurrentDictionary<string, Script> Known = new(StringComparer.Ordinal);

    /// <summary>Model calls of a turn.</summary>
    public int ModelCalls => ToolCalls + 1;

    /// <summary>The model's name.</summary>
    public string Name { get; } = string.Create(CultureInfo.InvariantCulture, $"{Prefix}-{ToolCalls}-{Tokens}-{Tool}{(AtATime is { } many ? $"-{many}" : "")}");

    /// <summary>Characters of the final answer.</summary>
    public int AnswerLength { get; } = Tokens * Piece(0, 0).Length;

    /// <summary>Name of the tool and its arguments, as they stand inside a JSON string.</summary>
    public (string Name, string Arguments) Call => Tool switch
    {
        "view" => ("file_operations", $$"""{\"command\":\"view\",\"path\":\"{{File}}\"}"""),
        "add" => ("add", """{\"a\":1,\"b\":1}"""),
        _ => ("no_such_tool", "{}"),
    };

    /// <summary>One piece of the answer, always of the same length. The first says how many messages the model was shown.</summary>
    public static string Piece(int index, int seen) =>
        string.Create(CultureInfo.InvariantCulture, $"{(index == 0 ? 's' : 'w')}{(index == 0 ? seen : index):000000} ");

    /// <summary>How many messages the model was shown, from its answer.</summary>
    public static int Seen(ReadOnlySpan<byte> answer) =>
        answer.Length > 7 && answer[0] == 's' ? int.Parse(Encoding.ASCII.GetString(answer[1..7]), CultureInfo.InvariantCulture) : -1;

    /// <summary>Reads a model's name; what stands before it names a maker where the format wants one.</summary>
    public static Script Parse(string name) => Known.GetOrAdd(name, static text =>
    {
        var parts = text[text.IndexOf(Prefix, StringComparison.Ordinal)..].Split('-');
        return new Script(Number(parts[1]), Number(parts[2]), parts[3], parts.Length > 4 ? Number(parts[4]) : null);

        static int Number(string part) => int.Parse(part, CultureInfo.InvariantCulture);
    });
}
