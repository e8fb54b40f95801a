using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Cli.Projects;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Validation;

namespace Belay.Cli.Harnesses;

/// <summary>
/// <c>--belay</c>: the settings of a harness that no AWS shape can carry, as the <c>belay</c> section of a project says them. What there is, is
/// <see cref="KnownSettings"/>.
/// </summary>
internal sealed class BelayOption
{
    private const string Name = "--belay";
    private const string FileScheme = "file://";
    private static readonly Shape Settings = Shape.Of(BelayJson.Default.KnownSettings);

    private readonly Option<string?> _option = new(Name)
    {
        Description = $"Belay's own settings ({string.Join(", ", Settings.Members.Select(member => member.Name).Order(StringComparer.Ordinal))}): KEY=VALUE,KEY=VALUE, YAML or JSON; replaces all of them.",
        HelpName = "MAP",
    };

    /// <summary>Adds the option to a verb.</summary>
    public void AddTo(Command command) => command.Add(_option);

    /// <summary>The document; null when the option is left out.</summary>
    public JsonObject? Read(ParseResult parsed, CliHost host)
    {
        if (parsed.GetValue(_option) is not { } value)
        {
            return null;
        }

        var text = JsonOption.Text(Name, value, host);
        var fromFile = value.StartsWith(FileScheme, StringComparison.Ordinal);
        var problems = new List<FileProblem>();
        var node = fromFile || text.AsSpan().TrimStart().StartsWith("{") ? YamlReader.Read(text, fromFile ? value[FileScheme.Length..] : Name, problems) : Pairs(text, problems);
        var reader = new MemberReader(fromFile ? value[FileScheme.Length..] : Name, problems);
        var document = node is null ? null : BelaySection.Read(node, reader);
        if (document is not null)
        {
            var json = JsonSerializer.SerializeToElement(document);
            problems.AddRange(ShapeValidator.Validate(BelayJson.Default.KnownSettings, json)
                .Where(problem => !reader.Broken.Contains(problem.Name))
                .Select(problem => new FileProblem(Name, Position.Start, problem.Name, problem.Message)));
        }

        return problems.Count == 0 ? document : throw Wrong(problems, fromFile);
    }

    // A list's words are separated by blanks, as in a tag.
    private static YamlNode.Mapping Pairs(string text, List<FileProblem> problems)
    {
        var entries = new List<(string, YamlNode)>();
        foreach (var pair in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var key = equals < 0 ? pair : pair[..equals];
            var path = FieldPath.Root.Member(key);
            if (equals <= 0)
            {
                problems.Add(new(Name, Position.Start, path.ToString(), "is no KEY=VALUE"));
            }
            else if (entries.Exists(entry => entry.Item1 == key))
            {
                problems.Add(new(Name, Position.Start, path.ToString(), "is given twice"));
            }
            else
            {
                var isList = Settings.Members.Any(member => member.Name == key && member.Shape.Kind == ShapeKind.List);
                entries.Add((key, isList ? Words(pair[(equals + 1)..], path) : Plain(pair[(equals + 1)..], path)));
            }
        }

        return new() { Path = FieldPath.Root, At = Position.Start, KeyAt = Position.Start, Entries = entries };
    }

    private static YamlNode.Sequence Words(string value, FieldPath path) => new()
    {
        Path = path,
        At = Position.Start,
        KeyAt = Position.Start,
        Items = [.. value.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select((word, index) => Plain(word, path.Item(index)))],
    };

    private static YamlNode.Scalar Plain(string value, FieldPath path) => new() { Path = path, At = Position.Start, KeyAt = Position.Start, Text = value, Plain = true };

    private static CliException Wrong(List<FileProblem> problems, bool fromFile)
    {
        var message = $"{Name} has {Amounts.Count(problems.Count, "problem")}; nothing was sent.";
        return fromFile
            ? new CliException(ExitCode.Usage, message) { FileProblems = problems }
            : new CliException(ExitCode.Usage, message) { Fields = [.. problems.Select(problem => new FieldProblem(problem.Path.Length == 0 ? Name : problem.Path, problem.Text))] };
    }
}
