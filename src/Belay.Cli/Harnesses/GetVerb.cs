using System.CommandLine;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Sessions;

namespace Belay.Cli.Harnesses;

/// <summary><c>belay get</c>: shows one harness.</summary>
internal static class GetVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var target = new HarnessTarget("harness");
        var version = new Option<string?>("--version", "--harness-version") { Description = "One version; the current configuration when left out.", HelpName = "N" };
        var connection = new ConnectionOptions();
        var session = SessionGetVerb.Create(host);
        var command = new Command("get", "Show a harness, or a session.") { session.Command };
        target.AddTo(command);
        Validation.NothingBefore(session.Command);
        command.Add(version);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var (id, _) = await target.ResolveAsync(parsed, client, cancellationToken);
            var answer = await client.GetHarnessAsync(id, parsed.GetValue(version), cancellationToken);
            var settings = await client.GetSettingsAsync(id, parsed.GetValue(version), cancellationToken);
            if (connection.Json(parsed))
            {
                var json = JsonOutput.Node(answer).AsObject();
                if (settings?.Member("document") is { } document)
                {
                    json["belay"] = JsonOutput.Node(document);
                }

                JsonOutput.Write(host.Terminal.Output, json);
                return (int)ExitCode.Done;
            }

            var harness = answer.Member("harness") ?? default;
            HarnessView.Write(host.Terminal.Output, harness);
            HarnessView.WriteDetails(host.Terminal.Output, harness, settings);
            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Examples:
              belay get hello
              belay get hello --version 1 --json
              belay get session "$SESSION"
            """)
        {
            Children = [session],
        };
    }
}
