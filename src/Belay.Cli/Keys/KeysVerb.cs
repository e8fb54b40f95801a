using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Cli.Serving;
using Belay.Contracts.Identity;

namespace Belay.Cli.Keys;

/// <summary><c>belay keys</c>: access keys and bearer tokens, of the server that holds the data directory or of the directory itself.</summary>
internal static class KeysVerb
{
    private static readonly KeeperList<KeySummary> Keys = new("keys", new("ID", Whole: true), new("ACCOUNT", Whole: true), new("CREATED", Whole: true, Leaves: 1), new("DESCRIPTION"))
    {
        ReadAsync = (keeper, cancellationToken) => keeper.ListKeysAsync(cancellationToken),
        ToJson = ToJson,
        Row = key => [key.AccessKeyId, key.Account, Time(key.CreatedAt), key.Description],
        None = directory => $"{directory} holds no access keys. Make one with: belay keys create",
    };

    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        Verb[] children = [CreateCreate(host), CreateList(host), CreateDelete(host), RotateVerb.Create(host), .. TokenVerbs.Create(host)];
        var command = new Command("keys", "Manage access keys, and bearer tokens for the native API; without a verb, list the keys.");
        foreach (var child in children)
        {
            command.Add(child.Command);
            Validation.NothingBefore(child.Command);
        }

        KeeperVerbs.List(host, command, Keys);

        return new Verb(command, """
            Asks the server that holds the data directory, and reads the directory itself when none does.

            Examples:
              belay keys create --account 111122223333 --description "staging"
              belay keys list
              belay keys delete BELAYABCDEFGHIJKLMNO
              belay keys rotate
              curl -H "Authorization: Bearer $(belay keys token)" http://127.0.0.1:8642/belay/v1/doctor
            """)
        {
            Children = children,
        };
    }

    /// <summary>A time as tables and JSON show it.</summary>
    public static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static Verb CreateCreate(CliHost host)
    {
        var account = new Option<string>("--account") { Description = "Account that the key acts in.", HelpName = "DIGITS", DefaultValueFactory = _ => ServeSettings.DefaultAccount };
        var description = new Option<string?>("--description") { Description = "What it is for.", HelpName = "TEXT" };
        var connection = new ConnectionOptions();
        account.Validators.Add(Validation.Account);
        var command = new Command("create", "Make an access key.") { account, description };
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var keeper = KeyKeepers.For(connection, parsed, host);
            var made = await keeper.CreateKeyAsync(parsed.GetRequiredValue(account), parsed.GetValue(description), cancellationToken);
            if (connection.Json(parsed))
            {
                var json = ToJson(made.Key);
                json["secretAccessKey"] = made.SecretAccessKey;
                JsonOutput.Write(host.Terminal.Output, json);
            }
            else
            {
                host.Terminal.Output.WriteLine($"export AWS_ACCESS_KEY_ID={ShellQuote.Always(made.Key.AccessKeyId)}");
                host.Terminal.Output.WriteLine($"export AWS_SECRET_ACCESS_KEY={ShellQuote.Always(made.SecretAccessKey)}");
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
        var command = new Command("list", "List the access keys, oldest first, without their secrets.");
        KeeperVerbs.List(host, command, Keys);
        return new Verb(command, """
            Examples:
              belay keys list --json
            """);
    }

    private static Verb CreateDelete(CliHost host)
    {
        var command = new Command("delete", "Delete an access key; requests signed with it, and tokens that it made, are refused from then on.");
        var id = new Argument<string>("id") { Description = "Id of the key." };
        return new Verb(KeeperVerbs.Delete(host, command, id, "accessKeyId", "Deleted", (keeper, key, cancellationToken) => keeper.DeleteKeyAsync(key, cancellationToken)), """
            Examples:
              belay keys delete BELAYABCDEFGHIJKLMNO
            """);
    }

    private static JsonObject ToJson(KeySummary key) => new()
    {
        ["accessKeyId"] = key.AccessKeyId,
        ["account"] = key.Account,
        ["description"] = key.Description,
        ["createdAt"] = Time(key.CreatedAt),
    };
}
