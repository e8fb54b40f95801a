using System.CommandLine;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Harnesses;

/// <summary><c>belay create</c>: declares an agent and waits until it can be invoked.</summary>
internal static class CreateVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var name = new Option<string>("--name", "--harness-name") { Description = "Name: a letter, then letters, digits and _, at most 40.", HelpName = "NAME", Required = true };
        var tags = new Option<string?>("--tags") { Description = "Tags: JSON, or KEY=VALUE,KEY=VALUE.", HelpName = "MAP" };
        var token = new Option<string?>("--client-token") { Description = "Makes repeating the command safe for 24 hours.", HelpName = "TOKEN" };
        var noWait = new Option<bool>("--no-wait") { Description = "Return at once instead of waiting for READY." };
        var fields = new HarnessFields();
        var connection = new ConnectionOptions();
        var command = new Command("create", "Create a harness: declare an agent.") { name };
        fields.AddTo(command);
        command.Add(tags);
        command.Add(token);
        command.Add(noWait);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var body = fields.Read(parsed, host, update: false);
            body["harnessName"] = parsed.GetRequiredValue(name);
            body["clientToken"] = parsed.GetValue(token) ?? host.Ids.NewUuid();
            body["executionRoleArn"] ??= $"arn:aws:iam::{client.Connection.Account}:role/Belay";
            if (parsed.GetValue(tags) is { } map)
            {
                body["tags"] = JsonOption.Map("--tags", map, host);
            }

            var harness = (await client.CreateHarnessAsync(body, cancellationToken)).Member("harness") ?? default;
            return await HarnessOutcome.ShowAsync(client, host, harness, !parsed.GetValue(noWait), connection.Json(parsed), cancellationToken);
        });
        return new Verb(command, """
            Examples:
              belay create --name hello
              belay create --name coder --model-id openai/gpt-5 --system-prompt "You write small programs."
              belay create --name local --model-id openai/qwen3 --api-base http://127.0.0.1:11434/v1
              belay create --name strict --allowed-tools shell --max-iterations 20 --json
            """);
    }
}
