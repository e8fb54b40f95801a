using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Identity;
using Belay.Cli.Sessions;
using Belay.Cli.Usages;

namespace Belay.Cli.Harnesses;

/// <summary><c>belay list</c>: shows every harness of the account.</summary>
internal static class ListVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var wide = new WideOption();
        var connection = new ConnectionOptions();
        Verb[] children = [SessionListVerb.Create(host), UsageListVerb.Create(host), ApiKeyVerbs.List(host)];
        var command = new Command("list", "List the harnesses, newest first; or sessions, usage, or API keys.");
        foreach (var child in children)
        {
            command.Add(child.Command);
            Validation.NothingBefore(child.Command);
        }

        wide.AddTo(command);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var harnesses = new List<JsonElement>();
            await foreach (var harness in client.ListHarnessesAsync(cancellationToken))
            {
                harnesses.Add(harness);
            }

            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject { ["harnesses"] = new JsonArray([.. harnesses.Select(JsonOutput.Node)]) });
            }
            else if (harnesses.Count == 0)
            {
                host.Terminal.Error.WriteLine("There are no harnesses. Make one with: belay create --name hello");
            }
            else
            {
                Write(wide.Terminal(parsed, host), harnesses);
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Examples:
              belay list
              belay list --json
              belay list sessions --harness hello
              belay list usage --group-by model
              belay list api-keys
            """)
        {
            Children = children,
        };
    }

    private static void Write(Terminal terminal, List<JsonElement> harnesses)
    {
        // The id begins with the name.
        var table = new Table(new("NAME", Leaves: 3), new("ID", Whole: true, Id: true), new("VERSION", Whole: true, Leaves: 2), new("STATUS"), new("UPDATED", Whole: true, Leaves: 1));
        foreach (var harness in harnesses)
        {
            table.Add(harness.Text("harnessName"), harness.Text("harnessId"), harness.Text("harnessVersion"), harness.Text("status"), harness.Text("updatedAt"));
        }

        table.WriteTo(terminal);
    }
}
