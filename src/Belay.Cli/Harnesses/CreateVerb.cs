using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Identity;
using Belay.Cli.Projects;
using Belay.Contracts.Faults;

namespace Belay.Cli.Harnesses;

/// <summary><c>belay create</c>: declares an agent and waits until it can be invoked.</summary>
internal static class CreateVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var name = new Option<string>("--name", "--harness-name") { Description = "Name: a letter, then letters, digits and _, at most 40. Required without --file.", HelpName = "NAME" };
        var file = new Option<string?>("--file", "--project") { Description = "A project to start from: harness.yaml or its folder. Options replace what it says, member by member.", HelpName = "PATH" };
        var tags = new Option<string?>("--tags") { Description = "Tags: JSON, or KEY=VALUE,KEY=VALUE.", HelpName = "MAP" };
        var token = new Option<string?>("--client-token") { Description = "Makes repeating the command safe for 24 hours.", HelpName = "TOKEN" };
        var noWait = new Option<bool>("--no-wait") { Description = "Return at once instead of waiting for READY." };
        var fields = new HarnessFields();
        var belay = new BelayOption();
        var connection = new ConnectionOptions();
        var command = new Command("create", "Create a harness: declare an agent; or put an API key into the vault.") { name, file };
        var apiKey = ApiKeyVerbs.Create(host);
        command.Add(apiKey.Command);
        Validation.NothingBefore(apiKey.Command);
        fields.AddTo(command);
        belay.AddTo(command);
        command.Add(tags);
        command.Add(token);
        command.Add(noWait);
        connection.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(name) is null && result.GetValue(file) is null)
            {
                result.AddError("Option '--name' is required, or --file with a project.");
            }
        });

        command.SetAction(async (parsed, cancellationToken) =>
        {
            // 1. What the file says, and what the options say instead.
            var project = parsed.GetValue(file) is { } path ? DeployVerb.ReadAll([ProjectLocation.FindOne(path, host)], null, parsed.GetValue(name))[0] : null;
            var settings = belay.Read(parsed, host) ?? (project?.Settings.Count > 0 ? project.Settings : null);
            using var client = connection.Connect(parsed, host);
            var body = project is null ? [] : DeploymentPlan.ToCreate(project).Members!;
            foreach (var (member, value) in fields.Read(parsed, host, update: false))
            {
                body[member] = value?.DeepClone();
            }

            if (parsed.GetValue(tags) is { } map)
            {
                body["tags"] = JsonOption.Map("--tags", map, host);
            }

            // 2. The harness and its settings, in one request.
            Deployment.Complete(body, project?.Name ?? parsed.GetRequiredValue(name)!, parsed.GetValue(token) ?? host.Ids.NewUuid(), client.Connection.Account);
            JsonElement harness;
            if (project is not null)
            {
                harness = await CreateAsync(new Deployment(client, host), project, body, settings, !parsed.GetValue(noWait), cancellationToken);
                return await HarnessOutcome.ShowAsync(client, host, harness, wait: false, connection.Json(parsed), cancellationToken);
            }

            harness = (await client.CreateHarnessAsync(body, settings, cancellationToken)).Member("harness") ?? default;
            if (settings is not null)
            {
                await Deployment.RequireSettingsAsync(client, harness.Text("harnessId") ?? "", "The harness is made, but --belay is given", cancellationToken);
            }

            return await HarnessOutcome.ShowAsync(client, host, harness, !parsed.GetValue(noWait), connection.Json(parsed), cancellationToken);
        });
        return new Verb(command, """
            Examples:
              belay create --name hello
              belay create --name coder --model-id openai/gpt-5 --system-prompt "You write small programs."
              belay create --name local --model-id openai/qwen3 --api-base http://127.0.0.1:11434/v1
              belay create --file samples/hello --name greeter --max-iterations 5
              belay create --name night --belay detach=true,toolConcurrency=2
              belay create --name strict --allowed-tools shell --max-iterations 20 --json
              belay create api-key openai --from-env OPENAI_API_KEY
            """)
        {
            Children = [apiKey],
        };
    }

    private static async Task<JsonElement> CreateAsync(Deployment deployment, ProjectFile project, JsonObject body, JsonObject? settings, bool wait, CancellationToken cancellationToken)
    {
        try
        {
            return await deployment.CreateAsync(project, body, settings, wait, cancellationToken);
        }
        catch (CliException refusal) when (refusal.Fault == nameof(FaultCode.ConflictException))
        {
            throw new CliException(refusal.ExitCode, refusal.Message, $"To change it: belay deploy {project.File}", refusal) { Fault = refusal.Fault };
        }
    }
}
