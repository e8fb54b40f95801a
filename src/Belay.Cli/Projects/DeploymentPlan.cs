using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Contracts;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Validation;
using Belay.Harnesses;

namespace Belay.Cli.Projects;

/// <summary>What a deployment does.</summary>
internal enum DeploymentAction
{
    /// <summary>Nothing: the harness is as the project says.</summary>
    None,

    /// <summary>The harness is made.</summary>
    Create,

    /// <summary>The harness gets a new version, new tags, or both.</summary>
    Update,
}

/// <summary>A harness as it is deployed.</summary>
/// <param name="Harness">What GetHarness answered.</param>
/// <param name="Settings">The document of its settings.</param>
/// <param name="Tags">Its tags.</param>
internal sealed record DeployedHarness(Harness Harness, JsonObject Settings, IReadOnlyDictionary<string, string> Tags);

/// <summary>What it takes to make a deployed harness what its project says. Pure: made from what is there, before anything changes.</summary>
internal sealed record DeploymentPlan
{
    // What an update cannot clear, and what therefore stays when a project does not speak of it.
    private static readonly string[] NotCleared = ["model", "maxTokens"];

    /// <summary>The project.</summary>
    public required ProjectFile Project { get; init; }

    /// <summary>The harness that is there; null when there is none.</summary>
    public Harness? Deployed { get; init; }

    /// <summary>Members of CreateHarness, or of UpdateHarness those that change, wrapped as it wants them; null when none does.</summary>
    public JsonObject? Members { get; init; }

    /// <summary>The whole new document of settings; null when it stays.</summary>
    public JsonObject? Settings { get; init; }

    /// <summary>Tags to set on a harness that is there.</summary>
    public JsonObject TagsToSet { get; init; } = [];

    /// <summary>Tags to remove.</summary>
    public IReadOnlyList<string> TagsToRemove { get; init; } = [];

    /// <summary>What changes, for the reader.</summary>
    public IReadOnlyList<Change> Changes { get; init; } = [];

    /// <summary>Members that the project does not give, and that keep a deployed value because no update can clear them.</summary>
    public IReadOnlyList<string> Kept { get; init; } = [];

    /// <summary>What the deployment does.</summary>
    public DeploymentAction Action => this switch
    {
        { Deployed: null } => DeploymentAction.Create,
        { Changes.Count: 0 } => DeploymentAction.None,
        _ => DeploymentAction.Update,
    };

    /// <summary>The plan for a harness that is not there.</summary>
    public static DeploymentPlan ToCreate(ProjectFile project)
    {
        var body = (JsonObject)project.Members.DeepClone();
        if (project.Tags.Count > 0)
        {
            body["tags"] = Map(project.Tags);
        }

        return new()
        {
            Project = project,
            Members = body,
            Settings = project.Settings.Count > 0 ? project.Settings : null,
            Changes =
            [
                .. Change.Between(Shape.Of(BelayJson.Default.CreateHarnessRequest), "", false, null, body),
                .. Change.BetweenKeys("belay", [], project.Settings),
            ],
        };
    }

    /// <summary>The plan for a harness that is there.</summary>
    public static DeploymentPlan ToUpdate(ProjectFile project, DeployedHarness deployed)
    {
        // 1. What the service would make of the whole project, computed as the service computes it.
        var request = Request(project);
        var old = Configuration(deployed.Harness);
        var update = Parse(request, deployed.Harness.HarnessId).Deserialize(BelayJson.Default.UpdateHarnessRequest)!;
        var changed = Configuration(VersionBuilder.Update(deployed.Harness, update, deployed.Harness.HarnessVersion ?? "1", deployed.Harness.UpdatedAt));
        var members = Shape.Of(BelayJson.Default.Harness).Members
            .SelectMany(member => Change.Between(member.Shape, member.Name, member.Sensitive, old[member.Name], changed[member.Name]).Select(change => (member.Name, Change: change)))
            .ToList();

        // 2. Of that, only the members that differ are sent. A version that failed is made again as it is.
        var names = members.Select(member => member.Name).ToHashSet();
        var failed = deployed.Harness.Status is HarnessStatus.CreateFailed or HarnessStatus.UpdateFailed;
        var body = new JsonObject(request.Where(member => names.Contains(member.Key)).Select(member => KeyValuePair.Create(member.Key, member.Value?.DeepClone())));

        // 3. Settings and tags. Tags with our prefix are settings of other tools, and stay.
        var there = deployed.Tags.Where(tag => !tag.Key.StartsWith(BelaySettings.TagPrefix, StringComparison.Ordinal)).ToDictionary();
        var settings = Change.BetweenKeys("belay", deployed.Settings, project.Settings).ToList();
        return new()
        {
            Project = project,
            Deployed = deployed.Harness,
            Members = members.Count > 0 || failed ? body : null,
            Settings = settings.Count > 0 ? project.Settings : null,
            TagsToSet = Map(project.Tags.Where(tag => there.GetValueOrDefault(tag.Key) != tag.Value)),
            TagsToRemove = [.. there.Keys.Except(project.Tags.Keys).Order(StringComparer.Ordinal)],
            Changes =
            [
                .. failed ? [new Change("status", StatusName(deployed.Harness.Status), "READY", false)] : Array.Empty<Change>(),
                .. members.Select(member => member.Change),
                .. settings,
                .. Change.BetweenKeys("tags", Map(there), Map(project.Tags)),
            ],
            Kept = [.. NotCleared.Where(name => !project.Members.ContainsKey(name) && old[name] is not null)],
        };
    }

    /// <summary>The plan for programs.</summary>
    public JsonObject Json
    {
        get
        {
            var json = new JsonObject
            {
                ["action"] = Action switch
                {
                    DeploymentAction.None => "none",
                    DeploymentAction.Create => "create",
                    DeploymentAction.Update => "update",
                    _ => throw new UnreachableException(),
                },
                ["file"] = Project.File,
                ["harnessName"] = Project.Name,
            };
            if (Deployed is not null)
            {
                json["harnessId"] = Deployed.HarnessId;
                json["arn"] = Deployed.Arn;
                json["harnessVersion"] = Deployed.HarnessVersion;
                json["kept"] = new JsonArray([.. Kept.Select(name => (JsonNode)name)]);
            }

            json["changes"] = new JsonArray([.. Changes.Select(change => change.Json)]);
            return json;
        }
    }

    /// <summary>An update to exactly what the project says: what it leaves out is cleared, or gets the value of a new harness.</summary>
    private static JsonObject Request(ProjectFile project)
    {
        var request = (JsonObject)project.Members.DeepClone();
        request["environment"] ??= new JsonObject { ["agentCoreRuntimeEnvironment"] = new JsonObject() };
        request["environmentVariables"] ??= new JsonObject();
        request["systemPrompt"] ??= new JsonArray();
        request["tools"] ??= new JsonArray();
        request["skills"] ??= new JsonArray();
        request["allowedTools"] ??= new JsonArray("*");
        request["truncation"] ??= new JsonObject { ["strategy"] = "sliding_window" };
        request["maxIterations"] ??= VersionBuilder.DefaultMaxIterations;
        request["timeoutSeconds"] ??= VersionBuilder.DefaultTimeoutSeconds;
        foreach (var wrapped in (string[])["environmentArtifact", "authorizerConfiguration", "memory"])
        {
            // An empty wrapper is how the API says "no value any more".
            var value = request[wrapped]?.DeepClone();
            request[wrapped] = value is null ? new JsonObject() : new JsonObject { ["optionalValue"] = value };
        }

        return request;
    }

    /// <summary>What belongs to a version's configuration. No memory and disabled memory are the same.</summary>
    private static JsonObject Configuration(Harness harness)
    {
        var json = JsonSerializer.SerializeToNode(harness, BelayJson.Default.Harness)!.AsObject();
        foreach (var state in (string[])["status", "harnessVersion", "createdAt", "updatedAt", "failureReason"])
        {
            json.Remove(state);
        }

        if (harness.Memory?.Disabled is not null)
        {
            json.Remove("memory");
        }

        return json;
    }

    private static JsonElement Parse(JsonObject request, string harnessId)
    {
        var whole = (JsonObject)request.DeepClone();
        whole["harnessId"] = harnessId;
        return JsonElement.Parse(whole.ToJsonString(), new JsonDocumentOptions { MaxDepth = BelayJson.MaxDepth });
    }

    private static string StatusName(HarnessStatus status) => status == HarnessStatus.CreateFailed ? "CREATE_FAILED" : "UPDATE_FAILED";

    private static JsonObject Map(IEnumerable<KeyValuePair<string, string>> map) =>
        new(map.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => KeyValuePair.Create(entry.Key, (JsonNode?)entry.Value)));
}
