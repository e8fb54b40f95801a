using System.CommandLine;
using System.Text.Json.Nodes;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Identity;

namespace Belay.Cli.Harnesses;

/// <summary><c>belay delete</c>: removes a harness with everything that belongs to it.</summary>
internal static class DeleteVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var target = new HarnessTarget("harness");
        var memory = new Option<bool?>("--delete-managed-memory") { Description = "Whether the managed memory goes too (default true).", HelpName = "true|false" };
        var noWait = new Option<bool>("--no-wait") { Description = "Return at once instead of waiting until it is gone." };
        var connection = new ConnectionOptions();
        var command = new Command("delete", "Delete a harness, its versions and endpoints, and stop its sessions; or an API key.");
        var apiKey = ApiKeyVerbs.Delete(host);
        command.Add(apiKey.Command);
        Validation.NothingBefore(apiKey.Command);
        target.AddTo(command);
        command.Add(memory);
        command.Add(noWait);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var (id, _) = await target.ResolveAsync(parsed, client, cancellationToken);
            var harness = (await client.DeleteHarnessAsync(id, host.Ids.NewUuid(), parsed.GetValue(memory), cancellationToken)).Member("harness");
            var status = harness?.Text("status") ?? "DELETING";
            if (!parsed.GetValue(noWait))
            {
                harness = await HarnessWait.SettledAsync(client, host, id, cancellationToken);
                status = harness?.Text("status") ?? "DELETED";
            }

            if (status == "DELETE_FAILED")
            {
                throw new CliException(ExitCode.Failed, $"Could not delete harness {id}: {harness?.Text("failureReason") ?? "the service does not say why"}", "Delete it again to retry.");
            }

            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject { ["harnessId"] = id, ["status"] = status });
            }
            else
            {
                host.Terminal.Output.WriteLine(status == "DELETED" ? $"Deleted {id}." : $"{id} is {status}.");
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Examples:
              belay delete hello
              belay delete hello --delete-managed-memory false
              belay delete api-key openai
            """)
        {
            Children = [apiKey],
        };
    }
}
