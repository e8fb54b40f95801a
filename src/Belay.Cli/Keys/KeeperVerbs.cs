using System.CommandLine;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Keys;

/// <summary>The verbs that access keys and bearer tokens have alike.</summary>
internal static class KeeperVerbs
{
    /// <summary>Makes a command list what there is.</summary>
    public static void List<T>(CliHost host, Command command, KeeperList<T> list)
    {
        var wide = new WideOption();
        var connection = new ConnectionOptions();
        wide.AddTo(command);
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var keeper = KeyKeepers.For(connection, parsed, host);
            var items = await list.ReadAsync(keeper, cancellationToken);
            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject { [list.Member] = new JsonArray([.. items.Select(list.ToJson)]) });
            }
            else if (items.Count == 0)
            {
                host.Terminal.Error.WriteLine(list.None(connection.DataDirectory(parsed, host)));
            }
            else
            {
                var table = new Table(list.Columns);
                foreach (var item in items)
                {
                    table.Add(list.Row(item));
                }

                table.WriteTo(wide.Terminal(parsed, host));
            }

            return (int)ExitCode.Done;
        });
    }

    /// <summary>A command that deletes one of them.</summary>
    /// <param name="host">The process.</param>
    /// <param name="command">What it is called and what it does.</param>
    /// <param name="id">The argument that names it.</param>
    /// <param name="member">Name of the id in JSON.</param>
    /// <param name="done">What was done to it, in a word.</param>
    /// <param name="deleteAsync">Deletes it.</param>
    public static Command Delete(CliHost host, Command command, Argument<string> id, string member, string done, Func<IKeyKeeper, string, CancellationToken, Task> deleteAsync)
    {
        var connection = new ConnectionOptions();
        command.Add(id);
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var given = parsed.GetRequiredValue(id);
            using var keeper = KeyKeepers.For(connection, parsed, host);
            await deleteAsync(keeper, given, cancellationToken);
            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, new JsonObject { [member] = given, ["status"] = "DELETED" });
            }
            else
            {
                host.Terminal.Output.WriteLine($"{done} {given}.");
            }

            return (int)ExitCode.Done;
        });
        return command;
    }
}

/// <summary>What a list of keys or tokens shows.</summary>
/// <param name="Member">Name of the list in JSON.</param>
/// <param name="Columns">Columns of the table.</param>
internal sealed record KeeperList<T>(string Member, params IReadOnlyList<Column> Columns)
{
    /// <summary>Asks for them.</summary>
    public required Func<IKeyKeeper, CancellationToken, Task<IReadOnlyList<T>>> ReadAsync { get; init; }

    /// <summary>One as JSON.</summary>
    public required Func<T, JsonObject> ToJson { get; init; }

    /// <summary>One as a row.</summary>
    public required Func<T, IReadOnlyList<Cell>> Row { get; init; }

    /// <summary>What to say when a data directory has none.</summary>
    public required Func<string, string> None { get; init; }
}
