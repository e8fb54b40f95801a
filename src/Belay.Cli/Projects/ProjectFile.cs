using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Contracts.Faults;

namespace Belay.Cli.Projects;

/// <summary>One harness as its project declares it, checked.</summary>
internal sealed record ProjectFile
{
    /// <summary>The name to deploy it under.</summary>
    public required string Name { get; init; }

    /// <summary>The file, as messages name it.</summary>
    public required string File { get; init; }

    /// <summary>
    /// Members of CreateHarness that the project gives, without the name, the tags and what belongs to one request. Memory is always
    /// there: a project that does not speak of it has none.
    /// </summary>
    public required JsonObject Members { get; init; }

    /// <summary>The <c>belay</c> section; empty when there is none.</summary>
    public required JsonObject Settings { get; init; }

    /// <summary>Tags of the file and of the project around it.</summary>
    public required IReadOnlyDictionary<string, string> Tags { get; init; }

    /// <summary>Finds the place of a field that the service found wrong.</summary>
    public required Func<FieldProblem, FileProblem> Locate { get; init; }

    /// <summary>The service's refusal of what the file says, with the places in the file.</summary>
    public CliException Explain(CliException refusal) => refusal.Fields.Count == 0 ? refusal : new(refusal.ExitCode, refusal.Message, refusal.Hint, refusal)
    {
        Fault = refusal.Fault,
        FileProblems = [.. refusal.Fields.Select(Locate)],
    };
}
