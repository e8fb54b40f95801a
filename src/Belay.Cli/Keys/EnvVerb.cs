using System.CommandLine;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Cli.Serving;

namespace Belay.Cli.Keys;

/// <summary><c>belay env</c>: prints what points every AWS client of a shell at a server.</summary>
internal static class EnvVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var connection = new ConnectionOptions();
        var command = new Command("env", "Print the environment that points AWS clients at a server. Reads the data directory only; the server need not run.");
        connection.AddTo(command);

        command.SetAction(parsed =>
        {
            var directory = connection.DataDirectory(parsed, host);
            var keys = StoredKeys.OpenOrCreate(directory, host);
            keys.EnsureFirst(ServeSettings.DefaultAccount);
            if (keys.List() is not [var key, ..])
            {
                throw new CliException(ExitCode.Refused, $"{directory} holds no access key: all were deleted.", $"Make one: belay keys create --data {ShellQuote.Quote(directory)}");
            }

            var url = connection.GivenServer(parsed, host);
            var region = connection.Region(parsed, host);
            (string Name, string Value)[] variables =
            [
                ("AWS_ACCESS_KEY_ID", key.Id),
                ("AWS_SECRET_ACCESS_KEY", key.Secret),
                ("AWS_REGION", region),
                ("AWS_DEFAULT_REGION", region),
                ("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", url),
                ("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL", url),
            ];
            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject(variables.Select(variable => KeyValuePair.Create(variable.Name, (JsonNode?)variable.Value))));
            }
            else
            {
                foreach (var (name, value) in variables)
                {
                    host.Terminal.Output.WriteLine($"export {name}={ShellQuote.Always(value)}");
                }
            }

            if (host.Variable("AWS_SESSION_TOKEN") is not null)
            {
                host.Terminal.Error.WriteLine("AWS_SESSION_TOKEN is set, and AWS clients would send it along; run: unset AWS_SESSION_TOKEN");
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Examples:
              eval "$(belay env)"
              eval "$(belay env --data /var/lib/belay --port 9000)"
            """);
    }
}
