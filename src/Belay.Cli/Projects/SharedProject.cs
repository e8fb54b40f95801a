using System.Text.Json;
using Belay.Cli.Client;
using Belay.Contracts;

namespace Belay.Cli.Projects;

/// <summary>What the harnesses of a reference project share, from its <c>agentcore.json</c>. Everything else in that file is for other programs.</summary>
/// <param name="Name">Name of the project, which deployed names begin with; null outside such a project.</param>
/// <param name="Tags">Tags of every harness of the project.</param>
internal sealed record SharedProject(string? Name, IReadOnlyDictionary<string, string> Tags)
{
    /// <summary>Reads the file where there is one.</summary>
    public static SharedProject Read(ProjectLocation location, ICollection<FileProblem> problems)
    {
        var file = location.SharedFile;
        var shown = location.Show(file);
        var none = new SharedProject(null, new Dictionary<string, string>());
        if (!File.Exists(file) || ProjectText.Read(file, shown, problems) is not { } text)
        {
            return none;
        }

        try
        {
            var json = JsonElement.Parse(text, new JsonDocumentOptions { MaxDepth = BelayJson.MaxDepth });
            var tags = json.Member("tags");
            if (tags is { } map && (map.ValueKind != JsonValueKind.Object || map.EnumerateObject().Any(tag => tag.Value.ValueKind != JsonValueKind.String)))
            {
                problems.Add(new(shown, Position.Start, "tags", "must be an object of texts"));
                tags = null;
            }

            return new(json.Text("name"), tags?.EnumerateObject().ToDictionary(tag => tag.Name, tag => tag.Value.GetString()!) ?? []);
        }
        catch (JsonException cause)
        {
            problems.Add(new(shown, new((int)(cause.LineNumber ?? 0) + 1, (int)(cause.BytePositionInLine ?? 0) + 1), "", "is not JSON"));
            return none;
        }
    }

    /// <summary>
    /// The name under which a harness is deployed: in a reference project <c>PROJECT_TARGET_NAME</c>, elsewhere its own, with the
    /// target behind it when that is not the default.
    /// </summary>
    public string DeployedName(string name, string? target) => (Name, target) switch
    {
        ({ } project, _) => $"{project}_{target ?? DefaultTarget}_{name}",
        (null, null or DefaultTarget) => name,
        (null, _) => $"{name}_{target}",
    };

    private const string DefaultTarget = "default";
}
