using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Harnesses;
using Belay.Contracts;
using Belay.Contracts.Faults;
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

        var settings = await client.GetSettingsAsync(id, cancellationToken);
        if (settings is null && project.Settings.Count > 0)
        {
            throw NoSettings(project);
        }

        var tags = (await client.ListTagsAsync(harness.Arn, cancellationToken)).Member("tags");
        return DeploymentPlan.ToUpdate(project, new(
            harness,
            settings?.Member("document") is { ValueKind: JsonValueKind.Object } document ? JsonNode.Parse(document.GetRawText())!.AsObject() : [],
            tags is { ValueKind: JsonValueKind.Object } map ? map.EnumerateObject().ToDictionary(tag => tag.Name, tag => tag.Value.GetString() ?? "") : []));
    }

    /// <summary>
    /// Carries out a plan and answers the harness, ready. Each step is one that a second deployment finds done or does again. Members
    /// go first, because they are what the service may refuse, and then nothing has changed; settings are a version of their own.
    /// </summary>
    public async Task<JsonElement> ApplyAsync(DeploymentPlan plan, CancellationToken cancellationToken)
    {
        var project = plan.Project;
        var body = (JsonObject?)plan.Members?.DeepClone();
        if (plan.Deployed is not { HarnessId: var id, Arn: var arn })
        {
            Complete(body!, project.Name, host.Ids.NewUuid(), client.Connection.Account);
            return await CreateAsync(project, body!, wait: true, cancellationToken);
        }

        // 1. Members.
        Say($"Updating {project.Name}.");
        if (body is not null)
        {
            body["clientToken"] = host.Ids.NewUuid();
            await ExplainAsync(project, () => client.UpdateHarnessAsync(id, body, cancellationToken));
        }

        var harness = await ReadyAsync(project.Name, id, cancellationToken);

        // 2. Settings.
        if (plan.Settings is { } settings)
        {
            harness = await SetAsync(project, id, settings, cancellationToken);
        }

        // 3. Tags, which make no version.
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

    /// <summary>Creates a harness from a whole request, and sets its settings once it is ready. Without waiting there are none to set.</summary>
    public async Task<JsonElement> CreateAsync(ProjectFile project, JsonObject body, bool wait, CancellationToken cancellationToken)
    {
        Say($"Creating {(string?)body["harnessName"]}.");
        var made = (await ExplainAsync(project, () => client.CreateHarnessAsync(body, cancellationToken))).Member("harness") ?? default;
        if (!wait)
        {
            return made;
        }

        var id = made.Text("harnessId") ?? throw Unreadable(null);
        var harness = await ReadyAsync(project.Name, id, cancellationToken);
        return project.Settings.Count == 0 ? harness : await SetAsync(project, id, project.Settings, cancellationToken);
    }

    /// <summary>Fills in what a request to create a harness needs beside what a project says.</summary>
    public static void Complete(JsonObject body, string name, string token, string account)
    {
        body["harnessName"] = name;
        body["clientToken"] = token;
        body["executionRoleArn"] ??= $"arn:aws:iam::{account}:role/Belay";
    }

    private async Task<JsonElement> SetAsync(ProjectFile project, string id, JsonObject settings, CancellationToken cancellationToken)
    {
        await ExplainAsync(project, () => client.PutSettingsAsync(id, (JsonObject)settings.DeepClone(), cancellationToken));
        return await ReadyAsync(project.Name, id, cancellationToken);
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
        catch (CliException refusal) when (refusal.Fault == nameof(FaultCode.UnknownOperationException) && project.Settings.Count > 0)
        {
            throw NoSettings(project);
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

    private static CliException NoSettings(ProjectFile project) => new(
        ExitCode.Failed,
        $"{project.File} has a belay section, and this server has no API for it.",
        "Remove the section, or deploy to a newer server.");

    private static CliException Unreadable(Exception? cause) =>
        new(ExitCode.Failed, "The server describes the harness in a way that this program cannot read.", "Check that both are of the same version: belay --version.", cause);

    private void Say(string text) => host.Terminal.Error.WriteLine(host.Terminal.Dim(text));
}
