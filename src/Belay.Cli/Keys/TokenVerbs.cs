using System.CommandLine;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Contracts.Identity;

namespace Belay.Cli.Keys;

/// <summary><c>belay keys token</c>, <c>tokens</c> and <c>revoke</c>: bearer tokens for the native API.</summary>
internal static class TokenVerbs
{
    private const int ShortestSeconds = 60;
    private const int LongestSeconds = 31_536_000;

    private static readonly KeeperList<TokenSummary> Tokens = new(
        "tokens", new("ID", Whole: true), new("NAME"), new("REGION", Leaves: 2), new("KEY", Id: true, Leaves: 3), new("CREATED", Whole: true, Leaves: 1), new("EXPIRES", Whole: true))
    {
        ReadAsync = (keeper, cancellationToken) => keeper.ListTokensAsync(cancellationToken),
        ToJson = ToJson,
        Row = token => [token.TokenId, token.Name, token.Region, token.AccessKeyId, KeysVerb.Time(token.CreatedAt), KeysVerb.Time(token.ExpiresAt)],
        None = _ => "There are no tokens. Make one with: belay keys token",
    };

    /// <summary>The verbs.</summary>
    public static IEnumerable<Verb> Create(CliHost host) => [CreateToken(host), CreateTokens(host), CreateRevoke(host)];

    private static Verb CreateToken(CliHost host)
    {
        var name = new Option<string?>("--name") { Description = "What it is for, so that it can be found again.", HelpName = "NAME" };
        var expires = new Option<int?>("--expires") { Description = "Seconds for which it is valid (default 86400, a day).", HelpName = "SECONDS" };
        var connection = new ConnectionOptions();
        Validation.Between(expires, ShortestSeconds, LongestSeconds);
        name.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } given && given.Length is 0 or > 64)
            {
                result.AddError("--name must have 1 to 64 characters.");
            }
        });
        var command = new Command("token", "Make a bearer token and print it, this once.") { name, expires };
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var keeper = KeyKeepers.For(connection, parsed, host);
            var made = await keeper.CreateTokenAsync(parsed.GetValue(name), parsed.GetValue(expires), cancellationToken);
            if (connection.Json(parsed))
            {
                var json = ToJson(made.Token);
                json["bearerToken"] = made.BearerToken;
                JsonOutput.Write(host.Terminal.Output, json);
            }
            else
            {
                host.Terminal.Output.WriteLine(made.BearerToken);
                host.Terminal.Error.WriteLine($"Valid until {KeysVerb.Time(made.Token.ExpiresAt)}. Revoke it with: belay keys revoke {made.Token.TokenId}");
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            A token speaks for the account of the key that makes it, in the native API (/belay/v1) only. It cannot make or delete keys
            and tokens.

            Examples:
              export BELAY_TOKEN="$(belay keys token --name dashboard --expires 3600)"
              curl -H "Authorization: Bearer $BELAY_TOKEN" http://127.0.0.1:8642/belay/v1/doctor
            """);
    }

    private static Verb CreateTokens(CliHost host)
    {
        var command = new Command("tokens", "List the bearer tokens that are valid, oldest first, without their secrets.");
        KeeperVerbs.List(host, command, Tokens);
        return new Verb(command, """
            Examples:
              belay keys tokens
              belay keys tokens --json
            """);
    }

    private static Verb CreateRevoke(CliHost host)
    {
        var command = new Command("revoke", "Revoke a bearer token; it is refused from the next request on.");
        var id = new Argument<string>("token-id") { Description = "Id of the token." };
        return new Verb(KeeperVerbs.Delete(host, command, id, "tokenId", "Revoked", (keeper, token, cancellationToken) => keeper.DeleteTokenAsync(token, cancellationToken)), """
            Examples:
              belay keys revoke AbCdEfGhIjKlMnOp
            """);
    }

    private static JsonObject ToJson(TokenSummary token) => new()
    {
        ["tokenId"] = token.TokenId,
        ["name"] = token.Name,
        ["accessKeyId"] = token.AccessKeyId,
        ["region"] = token.Region,
        ["createdAt"] = KeysVerb.Time(token.CreatedAt),
        ["expiresAt"] = KeysVerb.Time(token.ExpiresAt),
    };
}
