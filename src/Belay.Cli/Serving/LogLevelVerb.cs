using System.CommandLine;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Server.Logging;

namespace Belay.Cli.Serving;

/// <summary><c>belay log-level</c>: shows or sets what a running server logs at least.</summary>
internal static class LogLevelVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var level = new Argument<string?>("level")
        {
            Description = $"The level to set: {string.Join(", ", LogLevels.Names)}. Without one the level is shown.",
            Arity = ArgumentArity.ZeroOrOne,
            HelpName = "level",
        };
        var connection = new ConnectionOptions();
        var command = new Command("log-level", "Show or set what the running server logs at least, until it stops.") { level };
        level.AcceptOnlyFromAmong([.. LogLevels.Names]);
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var now = await client.LogLevelAsync(parsed.GetValue(level), cancellationToken);
            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject { ["level"] = now });
            }
            else
            {
                host.Terminal.Output.WriteLine(now);
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            This is the server's own log, on its standard error; what agents did is in: belay logs
            It needs a key of the operator's account.

            Examples:
              belay log-level
              belay log-level debug
              belay log-level information
            """);
    }
}
