using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Identity;

/// <summary>
/// <c>belay create|update|delete api-key</c> and <c>belay list api-keys</c>: keys of model providers in the server's token vault. A key comes
/// from standard input or from a variable, never from an argument, which the shell's history and other programs could read.
/// </summary>
internal static class ApiKeyVerbs
{
    private const string Noun = "api-key";

    /// <summary><c>belay create api-key</c>.</summary>
    public static Verb Create(CliHost host)
    {
        var command = new Command(Noun, "Put a model provider's API key into the token vault.");
        AddKey(host, command, (client, name, key, cancellationToken) => client.CreateApiKeyAsync(name, key, cancellationToken));
        return new Verb(command, """
            Reads the key from standard input, unless --from-env names a variable. Prints the ARN that a model names as its apiKeyArn.

            Examples:
              belay create api-key openai --from-env OPENAI_API_KEY
              belay create api-key openai < key.txt
              pass show openai | belay create api-key openai --json | jq -r .credentialProviderArn
            """);
    }

    /// <summary><c>belay update api-key</c>.</summary>
    public static Verb Update(CliHost host)
    {
        var command = new Command(Noun, "Replace an API key in the token vault; the next model call uses the new one.");
        AddKey(host, command, (client, name, key, cancellationToken) => client.UpdateApiKeyAsync(name, key, cancellationToken));
        return new Verb(command, """
            Reads the key from standard input, unless --from-env names a variable.

            Examples:
              belay update api-key openai --from-env OPENAI_API_KEY
              belay update api-key openai < key.txt
            """);
    }

    /// <summary><c>belay list api-keys</c>.</summary>
    public static Verb List(CliHost host)
    {
        var wide = new WideOption();
        var connection = new ConnectionOptions();
        var command = new Command("api-keys", "List the API keys in the token vault by name; the keys themselves are never shown.");
        wide.AddTo(command);
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var providers = new List<JsonElement>();
            await foreach (var provider in client.ListApiKeysAsync(cancellationToken))
            {
                providers.Add(provider);
            }

            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject { ["credentialProviders"] = new JsonArray([.. providers.Select(JsonOutput.Node)]) });
            }
            else if (providers.Count == 0)
            {
                host.Terminal.Error.WriteLine("There are no API keys in the vault. Put one there with: belay create api-key openai --from-env OPENAI_API_KEY");
            }
            else
            {
                Write(wide.Terminal(parsed, host), providers);
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Examples:
              belay list api-keys
              belay list api-keys --json | jq -r '.credentialProviders[].credentialProviderArn'
            """);
    }

    /// <summary><c>belay delete api-key</c>.</summary>
    public static Verb Delete(CliHost host)
    {
        var name = Name();
        var connection = new ConnectionOptions();
        var command = new Command(Noun, "Delete an API key from the token vault. Harnesses that name it cannot call their model from then on.") { name };
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            await client.DeleteApiKeyAsync(parsed.GetRequiredValue(name), cancellationToken);
            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject { ["name"] = parsed.GetRequiredValue(name), ["status"] = "DELETED" });
            }
            else
            {
                host.Terminal.Output.WriteLine($"Deleted {parsed.GetRequiredValue(name)}.");
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Examples:
              belay delete api-key openai
            """);
    }

    private static Argument<string> Name() => new("name") { Description = "Name of the key's credential provider: letters, digits, - and _, at most 128." };

    private static void AddKey(CliHost host, Command command, Func<BelayClient, string, string, CancellationToken, Task<JsonElement>> send)
    {
        var name = Name();
        var variable = new Option<string?>("--from-env") { Description = "Environment variable that holds the key.", HelpName = "VARIABLE" };
        var connection = new ConnectionOptions();
        command.Add(name);
        command.Add(variable);
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var key = parsed.GetValue(variable) is { } from ? FromVariable(host, from) : await FromInputAsync(host, cancellationToken);
            using var client = connection.Connect(parsed, host);
            var answer = await send(client, parsed.GetRequiredValue(name), key, cancellationToken);
            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, JsonOutput.Node(answer));
            }
            else
            {
                host.Terminal.Output.WriteLine(answer.Text("credentialProviderArn"));
            }

            return (int)ExitCode.Done;
        });
    }

    private static string FromVariable(CliHost host, string variable) =>
        host.Environment.GetValueOrDefault(variable)?.Trim() is { Length: > 0 } key
            ? key
            : throw CliException.Usage($"The variable {variable} is not set, or is empty.", $"Set it without a trace in the shell's history: read -rs {variable} && export {variable}");

    // Editors and echo end a file with a line end, which is no part of a key.
    private static async Task<string> FromInputAsync(CliHost host, CancellationToken cancellationToken)
    {
        if (host.InputIsTerminal)
        {
            throw CliException.Usage("The key is read from standard input, and that is a terminal, which would show it.", "Pipe it in, redirect a file to it, or name a variable with --from-env.");
        }

        var text = (await host.Input.ReadToEndAsync(cancellationToken)).Trim();
        return text switch
        {
            "" => throw CliException.Usage("Standard input holds no key.", "Pipe it in, redirect a file to it, or name a variable with --from-env."),
            _ when text.AsSpan().ContainsAny('\r', '\n') => throw CliException.Usage("Standard input holds more than one line; a key is one.", "Give the key alone."),
            _ => text,
        };
    }

    private static void Write(Terminal terminal, List<JsonElement> providers)
    {
        var table = new Table(new("NAME", Whole: true), new("UPDATED", Whole: true, Leaves: 1), new("ARN", Id: true, Leaves: 2));
        foreach (var provider in providers)
        {
            table.Add(provider.Text("name"), Time(provider.Member("lastUpdatedTime")), provider.Text("credentialProviderArn"));
        }

        table.WriteTo(terminal);
    }

    private static string? Time(JsonElement? seconds) => seconds is { ValueKind: JsonValueKind.Number } number && number.TryGetDouble(out var value)
        ? Keys.KeysVerb.Time(DateTimeOffset.UnixEpoch.AddSeconds(Math.Clamp(value, 0, 253_402_300_799)))
        : null;
}
