using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Harnesses;
using Belay.Contracts;
using Belay.Contracts.Harnesses;

namespace Belay.Cli.Projects;

/// <summary>Reads what is deployed, and carries out a plan.</summary>
internal sealed class Deployment(BelayClient client, CliHost host)
{
    /// <summary>The plan for a project, made from what the service has now.</summary>
    public async Task<DeploymentPlan> PlanAsync(ProjectFile project, CancellationToken cancellationToken)
    {
        if (await FindAsync(project.Name, cancellationToken) is not { } id
            || await HarnessWait.SettledAsync(client, host, id, cancellationToken) is not { } answer)
        {
            return DeploymentPlan.ToCreate(project);
        }

        var harness = Read(answer);
        if (harness.Status == HarnessStatus.DeleteFailed)
        {
            throw new CliException(ExitCode.Failed, $"Harness {project.Name} could not be deleted and cannot be changed.", $"Delete it first: belay delete {id}");
        }

        var settings = await client.GetSettingsAsync(id, null, cancellationToken);
        if (settings is null && project.Settings.Count > 0)
        {
            throw NoSettings(project.File + " has a belay section");
        }

        var tags = (await client.ListTagsAsync(harness.Arn, cancellationToken)).Member("tags");
        return DeploymentPlan.ToUpdate(project, new(
            harness,
            settings?.Member("document") is { ValueKind: JsonValueKind.Object } document ? JsonNode.Parse(document.GetRawText())!.AsObject() : [],
            tags is { ValueKind: JsonValueKind.Object } map ? map.EnumerateObject().ToDictionary(tag => tag.Name, tag => tag.Value.GetString() ?? "") : []));
    }

    /// <summary>
    /// Carries out a plan and answers the harness, ready. Each step is one that a second deployment finds done or does again. Members
    /// and settings go first and together, as one version: they are what the service may refuse, and then nothing has changed.
    /// </summary>
    public async Task<JsonElement> ApplyAsync(DeploymentPlan plan, CancellationToken cancellationToken)
    {
        var project = plan.Project;
        var body = (JsonObject?)plan.Members?.DeepClone();
        if (plan.Deployed is not { HarnessId: var id, Arn: var arn })
        {
            Complete(body!, project.Name, host.Ids.NewUuid(), client.Connection.Account);
            return await CreateAsync(project, body!, plan.Settings, wait: true, cancellationToken);
        }

        // 1. Members and settings.
        Say($"Updating {project.Name}.");
        if (body is not null || plan.Settings is not null)
        {
            body ??= [];
            body["clientToken"] = host.Ids.NewUuid();
            await ExplainAsync(project, () => client.UpdateHarnessAsync(id, body, plan.Settings, cancellationToken));
        }

        var harness = await ReadyAsync(project.Name, id, cancellationToken);

        // 2. Tags, which make no version.
        if (plan.TagsToSet.Count > 0)
        {
            await client.TagAsync(arn, (JsonObject)plan.TagsToSet.DeepClone(), cancellationToken);
        }

        if (plan.TagsToRemove.Count > 0)
        {
            await client.UntagAsync(arn, plan.TagsToRemove, cancellationToken);
        }

        return harness;
    }

    /// <summary>Creates a harness from a whole request and its settings, where it has some.</summary>
    public async Task<JsonElement> CreateAsync(ProjectFile project, JsonObject body, JsonObject? settings, bool wait, CancellationToken cancellationToken)
    {
        Say($"Creating {(string?)body["harnessName"]}.");
        var made = (await ExplainAsync(project, () => client.CreateHarnessAsync(body, settings, cancellationToken))).Member("harness") ?? default;
        var id = made.Text("harnessId") ?? throw Unreadable(null);
        if (settings is not null)
        {
            await RequireSettingsAsync(client, id, project.File + " has a belay section", cancellationToken);
        }

        return wait ? await ReadyAsync(project.Name, id, cancellationToken) : made;
    }

    /// <summary>Fails where a server has no settings: it ignores those that come with a request.</summary>
    /// <param name="client">The server.</param>
    /// <param name="harnessId">A harness that is there.</param>
    /// <param name="wish">What asks for settings, as a sentence without its end.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task RequireSettingsAsync(BelayClient client, string harnessId, string wish, CancellationToken cancellationToken)
    {
        if (await client.GetSettingsAsync(harnessId, null, cancellationToken) is null)
        {
            throw NoSettings(wish);
        }
    }

    /// <summary>Fills in what a request to create a harness needs beside what a project says.</summary>
    public static void Complete(JsonObject body, string name, string token, string account)
    {
        body["harnessName"] = name;
        body["clientToken"] = token;
        body["executionRoleArn"] ??= $"arn:aws:iam::{account}:role/Belay";
    }

    private static async Task<JsonElement> ExplainAsync(ProjectFile project, Func<Task<JsonElement>> send)
    {
        try
        {
            return await send();
        }
        catch (CliException refusal) when (refusal.Fields.Count > 0)
        {
            throw project.Explain(refusal);
        }
    }

    private async Task<JsonElement> ReadyAsync(string name, string id, CancellationToken cancellationToken)
    {
        var harness = await HarnessWait.SettledAsync(client, host, id, cancellationToken)
            ?? throw new CliException(ExitCode.Failed, $"Harness {name} was deleted while it was being deployed.", "Deploy again to make a new one.");
        return harness.Text("status") == "READY"
            ? harness
            : throw new CliException(
                ExitCode.Failed,
                $"Harness {name} ({id}) is {harness.Text("status")}: {harness.Text("failureReason") ?? "the service does not say why"}",
                "Deploy again when the reason is gone; what was ready before still serves.");
    }

    private async Task<string?> FindAsync(string name, CancellationToken cancellationToken)
    {
        await foreach (var harness in client.ListHarnessesAsync(cancellationToken))
        {
            if (harness.Text("harnessName") == name)
            {
                return harness.Text("harnessId");
            }
        }

        return null;
    }

    private static Harness Read(JsonElement harness)
    {
        try
        {
            return harness.Deserialize(BelayJson.Default.Harness) ?? throw Unreadable(null);
        }
        catch (JsonException cause)
        {
            throw Unreadable(cause);
        }
    }

    private static CliException NoSettings(string wish) => new(
        ExitCode.Failed,
        $"{wish}, and this server has no such settings: it is not Belay, or an old one.",
        "Leave it out, or name another server.");

    private static CliException Unreadable(Exception? cause) =>
        new(ExitCode.Failed, "The server describes the harness in a way that this program cannot read.", "Check that both are of the same version: belay --version.", cause);

    private void Say(string text) => host.Terminal.Error.WriteLine(host.Terminal.Dim(text));
}
