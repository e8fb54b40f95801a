using System.CommandLine;
using System.Text.Json.Nodes;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Identity;
using Belay.Cli.Projects;

namespace Belay.Cli.Harnesses;

/// <summary><c>belay update</c>: makes the next version of a harness.</summary>
internal static class UpdateVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var target = new HarnessTarget("harness");
        var fields = new HarnessFields();
        var belay = new BelayOption();
        var clearMemory = Clear("--clear-memory", "Remove the memory.");
        var clearArtifact = Clear("--clear-environment-artifact", "Remove the image.");
        var clearAuthorizer = Clear("--clear-authorizer-configuration", "Remove the authorizer.");
        var token = new Option<string?>("--client-token") { Description = "Makes repeating the command safe for 24 hours.", HelpName = "TOKEN" };
        var noWait = new Option<bool>("--no-wait") { Description = "Return at once instead of waiting for READY." };
        var connection = new ConnectionOptions();
        var command = new Command("update", "Change a harness: members that are given replace their old value; this makes a new version. Or replace an API key in the vault.");
        var apiKey = ApiKeyVerbs.Update(host);
        command.Add(apiKey.Command);
        Validation.NothingBefore(apiKey.Command);
        target.AddTo(command);
        fields.AddTo(command);
        belay.AddTo(command);
        command.Add(clearMemory);
        command.Add(clearArtifact);
        command.Add(clearAuthorizer);
        command.Add(token);
        command.Add(noWait);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var body = fields.Read(parsed, host, update: true);
            ClearMember(clearMemory, "memory");
            ClearMember(clearArtifact, "environmentArtifact");
            ClearMember(clearAuthorizer, "authorizerConfiguration");
            var settings = belay.Read(parsed, host);
            if (body.Count == 0 && settings is null)
            {
                throw CliException.Usage("Nothing to change: no member is given.", "See the options: belay update --help");
            }

            using var client = connection.Connect(parsed, host);
            var (id, _) = await target.ResolveAsync(parsed, client, cancellationToken);
            if (settings is not null)
            {
                await Deployment.RequireSettingsAsync(client, id, "--belay is given", cancellationToken);
            }

            body["clientToken"] = parsed.GetValue(token) ?? host.Ids.NewUuid();
            var harness = (await client.UpdateHarnessAsync(id, body, settings, cancellationToken)).Member("harness") ?? default;
            return await HarnessOutcome.ShowAsync(client, host, harness, !parsed.GetValue(noWait), connection.Json(parsed), cancellationToken);

            void ClearMember(Option<bool> option, string member)
            {
                if (!parsed.GetValue(option))
                {
                    return;
                }

                if (body.ContainsKey(member))
                {
                    throw CliException.Usage($"{option.Name} contradicts the option that sets the same member; give one.");
                }

                // An empty wrapper is how the API says "no value any more".
                body[member] = new JsonObject();
            }
        });
        return new Verb(command, """
            Examples:
              belay update hello --system-prompt "Answer in one sentence."
              belay update hello --max-iterations 30 --timeout-seconds 600
              belay update hello --belay '{overridable: [model, maxTokens]}'
              belay update hello --clear-environment-artifact
              belay update api-key openai --from-env OPENAI_API_KEY
            """)
        {
            Children = [apiKey],
        };
    }

    private static Option<bool> Clear(string name, string description) => new(name) { Description = description };
}
