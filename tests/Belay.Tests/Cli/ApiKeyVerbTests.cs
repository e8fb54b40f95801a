using System.Net;
using System.Text.Json.Nodes;

namespace Belay.Tests.Cli;

public sealed class ApiKeyVerbTests
{
    private const string Key = "sk-canary-0b11";
    private const string Arn = "arn:aws:bedrock-agentcore:us-west-2:000000000000:token-vault/default/apikeycredentialprovider/openai";

    public static TheoryData<string, string> Makers => new() { { "create", "CreateApiKeyCredentialProvider" }, { "update", "UpdateApiKeyCredentialProvider" } };

    [Theory]
    [MemberData(nameof(Makers))]
    public async Task Key_ComesFromInputOrAVariable_AndIsNotShown(string verb, string operation)
    {
        using var run = new CliRun { Input = $"{Key}\r\n" }.WithKey();
        run.Environment["OPENAI_API_KEY"] = $" {Key}2\n";
        run.Service.On($"POST /identities/{operation}", () => FakeService.Json(new JsonObject { ["name"] = "openai", ["credentialProviderArn"] = Arn }));

        Assert.Equal(0, await run.RunAsync(verb, "api-key", "openai"));
        Assert.Equal(0, await run.RunAsync(verb, "api-key", "openai", "--from-env", "OPENAI_API_KEY"));

        Assert.Equal(["{\"name\":\"openai\",\"apiKey\":\"sk-canary-0b11\"}", "{\"name\":\"openai\",\"apiKey\":\"sk-canary-0b112\"}"], run.Service.Sent.Select(sent => sent.Body));
        Assert.Equal($"{Arn}\n{Arn}\n", run.Output);
        Assert.DoesNotContain(Key, run.Output + run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", false, "Standard input holds no key.")]
    [InlineData(" \n", false, "Standard input holds no key.")]
    [InlineData(Key + "\nsecond", false, "Standard input holds more than one line; a key is one.")]
    [InlineData(Key, true, "The key is read from standard input, and that is a terminal")]
    [InlineData(Key, false, "The variable NOWHERE is not set, or is empty.", "--from-env", "NOWHERE")]
    [InlineData(Key, false, "Unrecognized command or argument 'misplaced'", "misplaced")]
    public async Task WhatIsNoKey_IsRefusedBeforeAnythingIsSent(string input, bool isTerminal, string message, params string[] more)
    {
        using var run = new CliRun { Input = input, IsTerminal = isTerminal }.WithKey();

        Assert.Equal(2, await run.RunAsync(["create", "api-key", "openai", .. more]));

        Assert.Contains(message, run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(Key, run.Output + run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Service.Sent);
    }

    [Fact]
    public async Task Refusal_OfTheServer_IsShown()
    {
        using var run = new CliRun { Input = Key }.WithKey();
        run.Service.On("POST /identities/", () => FakeService.Fault(HttpStatusCode.Conflict, "ConflictException", """{"message":"A credential provider with the name openai already exists. To replace its key, update it."}"""));

        Assert.NotEqual(0, await run.RunAsync("create", "api-key", "openai"));

        Assert.Contains("Could not put the API key openai into the vault", run.Error, StringComparison.Ordinal);
        Assert.Contains("already exists", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_ShowsEveryPage()
    {
        using var run = new CliRun().WithKey();
        run.Service.On(
            "POST /identities/ListApiKeyCredentialProviders",
            () => FakeService.Json(new JsonObject { ["credentialProviders"] = new JsonArray(Provider("anthropic")), ["nextToken"] = "n" }),
            () => FakeService.Json(new JsonObject { ["credentialProviders"] = new JsonArray(Provider("openai")) }));

        Assert.Equal(0, await run.RunAsync("list", "api-keys"));

        GoldenFile.Matches("list-api-keys", run.Output);
        Assert.Equal("n", (string?)run.Service.Sent[1].Json["nextToken"]);
    }

    [Fact]
    public async Task List_OfNone_SaysHowToMakeOne()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("POST /identities/ListApiKeyCredentialProviders", () => FakeService.Json(new JsonObject { ["credentialProviders"] = new JsonArray() }));

        Assert.Equal(0, await run.RunAsync("list", "api-keys"));
        Assert.Contains("belay create api-key openai --from-env OPENAI_API_KEY", run.Error, StringComparison.Ordinal);
        Assert.Equal(0, await run.RunAsync("list", "api-keys", "--json"));
        Assert.Contains("\"credentialProviders\": []", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_SaysWhatIsGone()
    {
        using var run = new CliRun().WithKey();
        run.Service.On("POST /identities/DeleteApiKeyCredentialProvider", () => new HttpResponseMessage(HttpStatusCode.NoContent));

        Assert.Equal(0, await run.RunAsync("delete", "api-key", "openai"));

        Assert.Equal("Deleted openai.\n", run.Output);
        Assert.Equal("""{"name":"openai"}""", Assert.Single(run.Service.Sent).Body);
    }

    private static JsonObject Provider(string name) => new()
    {
        ["name"] = name,
        ["credentialProviderArn"] = Arn.Replace("openai", name, StringComparison.Ordinal),
        ["createdTime"] = 1795248000.123,
        ["lastUpdatedTime"] = 1795248001.5,
    };
}
