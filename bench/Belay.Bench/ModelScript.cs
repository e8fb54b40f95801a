using System.Globalization;

namespace Belay.Bench;

/// <summary>
/// What the provider does in a turn, written into the model's name so that the provider needs no state:
/// <c>bench-3-view</c> asks for three views of a file, one after the other, then answers.
/// </summary>
/// <param name="ToolCalls">Tool calls, one in each iteration.</param>
/// <param name="Tool">The tool.</param>
internal sealed record ModelScript(int ToolCalls, string Tool)
{
    /// <summary>The file that <c>view</c> looks at.</summary>
    public const string File = "/workspace/bench.txt";

    /// <summary>Text only.</summary>
    public static ModelScript Text { get; } = new(0, "none");

    /// <summary>Three calls of a tool that does not exist: the loop, the journal and the wire, no sandbox.</summary>
    public static ModelScript UnknownTool { get; } = new(3, "unknown");

    /// <summary>Three views of a small file in the sandbox.</summary>
    public static ModelScript View { get; } = new(3, "view");

    /// <summary>Model calls of a turn.</summary>
    public int Iterations => ToolCalls + 1;

    /// <summary>Name of the tool and its arguments, as they stand inside a JSON string.</summary>
    public (string Name, string EscapedArguments) Call => Tool == "view"
        ? ("file_operations", $$"""{\"command\":\"view\",\"path\":\"{{File}}\"}""")
        : ("no_such_tool", "{}");

    /// <summary>The model's name.</summary>
    public string Name => string.Create(CultureInfo.InvariantCulture, $"bench-{ToolCalls}-{Tool}");

    /// <summary>Reads a model's name.</summary>
    public static ModelScript Parse(string name)
    {
        var parts = name.Split('-');
        return new ModelScript(int.Parse(parts[1], CultureInfo.InvariantCulture), parts[2]);
    }
}
