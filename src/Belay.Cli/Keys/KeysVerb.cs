using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Cli.Serving;
using Belay.Identity;

namespace Belay.Cli.Keys;

/// <summary><c>belay keys</c>: the access keys of a data directory. A running server sees a change within a second.</summary>
internal static class KeysVerb
{
    private static readonly string[] Headings = ["ID", "ACCOUNT", "CREATED", "DESCRIPTION"];

    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        Verb[] children = [CreateCreate(host), CreateList(host), CreateDelete(host)];
        var command = new Command("keys", "Manage the access keys of a server's data directory.");
        foreach (var child in children)
        {
            command.Add(child.Command);
        }

        return new Verb(command, """
            A running server sees a change within a second.

            Examples:
              belay keys create --account 111122223333 --description "staging"
              belay keys list
              belay keys delete BELAYABCDEFGHIJKLMNO
            """)
        {
            Children = children,
        };
    }

    private static Verb CreateCreate(CliHost host)
    {
        var account = new Option<string>("--account") { Description = "Account that the key acts in.", HelpName = "DIGITS", DefaultValueFactory = _ => ServeSettings.DefaultAccount };
        var description = new Option<string?>("--description") { Description = "What it is for.", HelpName = "TEXT" };
        var directory = new ConnectionOptions();
        account.Validators.Add(Validation.Account);
        var command = new Command("create", "Make an access key.") { account, description };
        directory.AddTo(command);
        command.SetAction(parsed =>
        {
            var key = StoredKeys.OpenOrCreate(directory.DataDirectory(parsed, host), host).Create(parsed.GetRequiredValue(account), parsed.GetValue(description));
            if (directory.Json(parsed))
            {
                var json = ToJson(key);
                json["secretAccessKey"] = key.Secret;
                JsonOutput.Write(host.Terminal.Output, json);
            }
            else
            {
                host.Terminal.Output.WriteLine($"export AWS_ACCESS_KEY_ID={ShellQuote.Always(key.Id)}");
                host.Terminal.Output.WriteLine($"export AWS_SECRET_ACCESS_KEY={ShellQuote.Always(key.Secret)}");
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Examples:
              belay keys create
              eval "$(belay keys create --account 111122223333)"
            """);
    }

    private static Verb CreateList(CliHost host)
    {
        var directory = new ConnectionOptions();
        var command = new Command("list", "List the access keys, oldest first, without their secrets.");
        directory.AddTo(command);
        command.SetAction(parsed =>
        {
            var keys = StoredKeys.Open(directory.DataDirectory(parsed, host), host)?.List() ?? [];
            if (directory.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject { ["keys"] = new JsonArray([.. keys.Select(ToJson)]) });
            }
            else if (keys.Count == 0)
            {
                host.Terminal.Error.WriteLine($"{directory.DataDirectory(parsed, host)} holds no access keys. Make one with: belay keys create");
            }
            else
            {
                host.Terminal.WriteTable(Headings, keys.Select(key => new[] { key.Id, key.Account, Time(key), key.Description ?? "" }));
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Examples:
              belay keys list --json
            """);
    }

    private static Verb CreateDelete(CliHost host)
    {
        var id = new Argument<string>("id") { Description = "Id of the key." };
        var directory = new ConnectionOptions();
        var command = new Command("delete", "Delete an access key; requests signed with it are refused from then on.") { id };
        directory.AddTo(command);
        command.SetAction(parsed =>
        {
            var given = parsed.GetRequiredValue(id);
            if (StoredKeys.Open(directory.DataDirectory(parsed, host), host)?.Delete(given) != true)
            {
                throw new CliException(ExitCode.Failed, $"There is no access key {Terminal.OneLine(given, 64)}.", "See what there is: belay keys list");
            }

            if (directory.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject { ["accessKeyId"] = given, ["status"] = "DELETED" });
            }
            else
            {
                host.Terminal.Output.WriteLine($"Deleted {given}.");
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Examples:
              belay keys delete BELAYABCDEFGHIJKLMNO
            """);
    }

    private static JsonObject ToJson(AccessKey key) => new()
    {
        ["accessKeyId"] = key.Id,
        ["account"] = key.Account,
        ["description"] = key.Description,
        ["createdAt"] = Time(key),
    };

    private static string Time(AccessKey key) => key.CreatedAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
