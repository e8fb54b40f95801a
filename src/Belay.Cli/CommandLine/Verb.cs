using System.CommandLine;

namespace Belay.Cli.CommandLine;

/// <summary>One verb: its command, and the examples that its help ends with.</summary>
/// <param name="Command">What it is called, what it takes and what it does.</param>
/// <param name="Examples">Text below the options; a heading and lines indented by two.</param>
internal sealed record Verb(Command Command, string Examples)
{
    /// <summary>Verbs below this one.</summary>
    public IReadOnlyList<Verb> Children { get; init; } = [];
}
