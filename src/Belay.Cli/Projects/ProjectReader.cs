using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Belay.Cli.Harnesses;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Validation;
using Belay.Harnesses;

namespace Belay.Cli.Projects;

/// <summary>
/// Reads a project and says everything that is wrong with it at once. The keys and types are those of CreateHarness, taken from
/// its contract record, so that a member that the API learns is a member that a file may have.
/// </summary>
internal sealed partial class ProjectReader
{
    private const string NameKey = "name";
    private const string NameMember = "harnessName";
    private const string SettingsKey = "belay";
    private const string PromptMember = "systemPrompt";
    private const string TagsMember = "tags";
    private const int MaxProblems = ShapeValidator.MaxProblems;

    private static readonly string[] NotInFiles = [NameMember, "clientToken"];
    private static readonly Shape Request = Shape.Of(BelayJson.Default.CreateHarnessRequest);
    private static readonly string[] Keys =
        [NameKey, SettingsKey, .. Request.Members.Select(member => member.Name).Except(NotInFiles)];

    private readonly ProjectLocation _location;
    private readonly string _file;
    private readonly List<FileProblem> _problems = [];
    private readonly MemberReader _reader;
    private readonly JsonObject _members = [];
    private readonly Dictionary<string, YamlNode> _places = new(StringComparer.Ordinal);
    private JsonObject _settings = [];
    private YamlNode.Mapping? _root;
    private bool _promptIsFile;

    private ProjectReader(ProjectLocation location)
    {
        _location = location;
        _file = location.Show(location.File);
        _reader = new MemberReader(_file, _problems);
    }

    /// <summary>Reads a project for a target; <paramref name="name"/>, when given, is the name to deploy under. Null when there are problems.</summary>
    public static ProjectFile? Read(ProjectLocation location, string? target, string? name, ICollection<FileProblem> problems)
    {
        var reader = new ProjectReader(location);
        var project = reader.Read(target, name);
        foreach (var problem in reader._problems.DistinctBy(problem => problem.ToString()).OrderBy(problem => problem.File, StringComparer.Ordinal)
            .ThenBy(problem => problem.At.Line).ThenBy(problem => problem.At.Column).Take(MaxProblems))
        {
            problems.Add(problem);
        }

        return reader._problems.Count == 0 ? project : null;
    }

    private ProjectFile? Read(string? target, string? name)
    {
        // 1. The document.
        if (ProjectText.Read(_location.File, _file, _problems) is not { } text || YamlReader.Read(text, _file, _problems) is not { } node)
        {
            return null;
        }

        if (node is not YamlNode.Mapping root)
        {
            _problems.Add(new(_file, node.At, "", $"must be an object, but is {node.What}") { Allowed = [.. Keys.Order(StringComparer.Ordinal)] });
            return null;
        }

        // 2. Its members, with the form that the wire gives them.
        _root = root;
        ReadMembers(root);
        ReadPrompt();
        var shared = SharedProject.Read(_location, _problems);
        NameIt(shared, target, name);

        // 3. Their limits, and the rules that relate them, as far as no server's settings decide.
        _problems.AddRange(Problems().Select(Locate).Where(problem => !_reader.Broken.Contains(problem.Path)));
        return _problems.Count > 0 ? null : Project(shared);
    }

    private void ReadMembers(YamlNode.Mapping root)
    {
        foreach (var (key, value) in root.Entries)
        {
            if (!Keys.Contains(key))
            {
                _reader.ReportUnknown(value, key, Keys);
            }
            else if (key == SettingsKey)
            {
                _settings = BelaySection.Read(value, _reader) ?? [];
            }
            else if (_reader.Read(Request.Members.First(member => member.Name == (key == NameKey ? NameMember : key)).Shape, value) is { } read)
            {
                _members[key == NameKey ? NameMember : key] = read;
            }
        }
    }

    private void ReadPrompt()
    {
        var node = _root!.Entries.FirstOrDefault(entry => entry.Key == PromptMember).Value;
        if (!File.Exists(_location.PromptFile))
        {
            if (_members[PromptMember] is JsonArray blocks && blocks.Any(block => (string?)block?["text"] is { } text && FileName().IsMatch(text)))
            {
                _reader.Report(node!, "looks like the name of a file; leave the key out, and put the text into system-prompt.md beside this file");
            }

            return;
        }

        if (node is not null)
        {
            _reader.Report(node, $"is given here and in {_location.Show(_location.PromptFile)}; keep one");
        }
        else if (ProjectText.Read(_location.PromptFile, _location.Show(_location.PromptFile), _problems) is { } text)
        {
            // Editors end a file with a line feed that nobody means.
            _promptIsFile = true;
            _members[PromptMember] = new JsonArray(new JsonObject { ["text"] = text.TrimEnd('\r', '\n') });
        }
    }

    private void NameIt(SharedProject shared, string? target, string? name)
    {
        if (name is not null)
        {
            _members[NameMember] = name;
        }
        else if ((string?)_members[NameMember] is { } own && shared.DeployedName(own, target) is var deployed && deployed != own)
        {
            _members[NameMember] = deployed;
            if (!HarnessTarget.IsName(deployed))
            {
                _reader.Report(_root!.Entries.First(entry => entry.Key == NameKey).Value, $"makes the deployed name {deployed}, and a name is a letter, then letters, digits and _, at most 40");
            }
        }
    }

    private List<FieldProblem> Problems()
    {
        // The role has a default that depends on the server's account; any stands for it here.
        var members = (JsonObject)_members.DeepClone();
        members["executionRoleArn"] ??= "arn:aws:iam::000000000000:role/Belay";
        var misshapen = new HashSet<string>(StringComparer.Ordinal);
        var problems = ShapeValidator.Validate(BelayJson.Default.CreateHarnessRequest, Parse(members), misshapen)
            .Concat(ShapeValidator.Validate(BelayJson.Default.KnownSettings, Parse(_settings)).Select(field => field with { Name = $"{SettingsKey}.{field.Name}" }))
            .ToList();

        // Rules look only at members of the right form, so that one mistake does not hide another.
        foreach (var member in misshapen.Concat(_reader.Broken.Select(path => path.Split('.', '[')[0])))
        {
            members.Remove(member);
        }

        members[NameMember] ??= "x";
        var known = problems.Select(problem => problem.Name).ToHashSet();
        return [.. problems, .. Rules(Parse(members).Deserialize(BelayJson.Default.CreateHarnessRequest)!).Where(problem => !known.Contains(problem.Name))];
    }

    private static IEnumerable<FieldProblem> Rules(CreateHarnessRequest request) =>
    [
        .. HarnessRules.Variables(request.EnvironmentVariables, "environmentVariables"),
        .. HarnessRules.Authorizer(request.AuthorizerConfiguration, "authorizerConfiguration"),
        .. HarnessRules.Model(request.Model, "model"),
        .. HarnessRules.SystemPrompt(request.SystemPrompt, PromptMember),
        .. HarnessRules.Skills(request.Skills, "skills"),
        .. HarnessRules.AllowedTools(request.AllowedTools, "allowedTools"),
        .. HarnessRules.Memory(request.Memory, "memory"),
        .. HarnessRules.Truncation(request.Truncation, "truncation"),
        .. HarnessRules.Limits(request.MaxIterations, request.MaxTokens, request.TimeoutSeconds),
        .. HarnessRules.Tags(request.Tags, TagsMember),
        .. HarnessRules.Hooks(request.Hooks?.Count),
        .. (request.Tags?.Keys ?? []).Where(key => key.StartsWith(BelaySettings.TagPrefix, StringComparison.Ordinal))
            .Select(key => new FieldProblem($"{TagsMember}.{key}", $"sets a setting; write it as {key[BelaySettings.TagPrefix.Length..]} in the section {SettingsKey}")),
    ];

    private ProjectFile Project(SharedProject shared)
    {
        var members = (JsonObject)_members.DeepClone();
        var tags = new Dictionary<string, string>(shared.Tags);
        foreach (var (key, value) in members[TagsMember]?.AsObject() ?? [])
        {
            tags[key] = (string)value!;
        }

        members.Remove(NameMember);
        members.Remove(TagsMember);
        members["memory"] ??= new JsonObject { ["disabled"] = new JsonObject() };
        return new ProjectFile
        {
            Name = (string)_members[NameMember]!,
            File = _file,
            Members = members,
            Settings = _settings,
            Tags = tags,
            Locate = Locate,
        };
    }

    /// <summary>The place of a field: its own where the file has it, else that of the nearest thing around it.</summary>
    private FileProblem Locate(FieldProblem field)
    {
        // Updates wrap some members; a file has them plainly.
        var path = field.Name.Replace(".optionalValue", "", StringComparison.Ordinal);
        path = path == NameMember ? NameKey : path;
        if (_promptIsFile && path.StartsWith(PromptMember, StringComparison.Ordinal))
        {
            return new(_location.Show(_location.PromptFile), Position.Start, path, field.Message);
        }

        if (_places.Count == 0)
        {
            Collect(_root!, _places);
        }

        if (_places.TryGetValue(path, out var node))
        {
            return new(_file, node.At, path, field.Message);
        }

        var around = path;
        while (around.Length > 0 && !_places.ContainsKey(around))
        {
            around = around[..Math.Max(0, around.LastIndexOfAny(['.', '[']))];
        }

        return new(_file, around.Length == 0 ? Position.Start : _places[around].KeyAt, path, field.Message);
    }

    private static void Collect(YamlNode node, Dictionary<string, YamlNode> places)
    {
        places.TryAdd(node.Path.ToString(), node);
        var children = node switch
        {
            YamlNode.Sequence sequence => sequence.Items,
            YamlNode.Mapping mapping => mapping.Entries.Select(entry => entry.Value),
            _ => [],
        };
        foreach (var child in children)
        {
            Collect(child, places);
        }
    }

    private static JsonElement Parse(JsonObject json) => JsonElement.Parse(json.ToJsonString(), new JsonDocumentOptions { MaxDepth = BelayJson.MaxDepth });

    [GeneratedRegex(@"^[\w./\\-]+\.(md|txt|markdown)\z", RegexOptions.CultureInvariant)]
    private static partial Regex FileName();
}
