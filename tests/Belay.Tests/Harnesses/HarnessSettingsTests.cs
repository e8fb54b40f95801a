using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Server.Harnesses;
using Belay.Server.Wire;
using static Belay.Tests.Harnesses.TestCatalog;

namespace Belay.Tests.Harnesses;

/// <summary>The document of our own settings, through the operations that set it, beside tags and AWS updates.</summary>
public sealed class HarnessSettingsTests
{
    private readonly TestCatalog _world = new();

    [Fact]
    public async Task ChangedDocument_MakesAVersion_EqualOne_MakesNone()
    {
        var harness = await _world.ReadyAsync();
        var first = await PutAsync(harness, """{"detach":true,"toolConcurrency":2}""");
        Assert.Equal("2", (string?)first["harnessVersion"]);
        Assert.Equal(HarnessStatus.Updating, (await _world.GetAsync(harness.HarnessId)).Status);
        await _world.SettleAsync();

        // The same again, in another order and another way to write a number.
        Assert.Equal("2", (string?)(await PutAsync(harness, """{"toolConcurrency":2,"detach":true}"""))["harnessVersion"]);
        Assert.Equal(HarnessStatus.Ready, (await _world.GetAsync(harness.HarnessId)).Status);
        var served = await _world.Catalog.ServeAsync(Mine, harness.Arn, null, default);
        Assert.Equal("2", served.Harness.HarnessVersion);
        Assert.True(served.Settings.Detach);

        // Everything else of the version is what it was; each version keeps its own document.
        Assert.Equal(harness.SystemPrompt, served.Harness.SystemPrompt);
        Assert.Equal("{}", (await GetAsync(harness, "1"))["document"]!.ToJsonString());
        Assert.Equal("""{"detach":true,"toolConcurrency":2}""", (await GetAsync(harness))["document"]!.ToJsonString());
        Assert.Equal("3", (string?)(await PutAsync(harness, "{}"))["harnessVersion"]);
    }

    [Fact]
    public async Task Tags_AreSnapshotted_TheDocumentWins_AndAnUpdateCarriesItForward()
    {
        var harness = await _world.ReadyAsync(Named("agent") with { Tags = new Dictionary<string, string> { ["belay:toolConcurrency"] = "3", ["belay:detach"] = "true" } });
        await PutAsync(harness, """{"detach":false}""");
        await _world.SettleAsync();
        var two = await GetAsync(harness);
        Assert.Equal("""{"toolConcurrency":"3","detach":"true"}""", two["tags"]!.ToJsonString());
        var served = (await _world.Catalog.ServeAsync(Mine, harness.Arn, null, default)).Settings;
        Assert.False(served.Detach);
        Assert.Equal(3, served.ToolConcurrency);

        // A tag that changes does not make an equal document a version, and counts from the next one on.
        await _world.Catalog.TagAsync(Mine, harness.Arn, new Dictionary<string, string> { ["belay:toolConcurrency"] = "4" }, default);
        Assert.Equal("2", (string?)(await PutAsync(harness, """{"detach":false}"""))["harnessVersion"]);
        await _world.UpdatedAsync(new() { HarnessId = harness.HarnessId, MaxIterations = 5 });
        served = (await _world.Catalog.ServeAsync(Mine, harness.Arn, null, default)).Settings;
        Assert.False(served.Detach);
        Assert.Equal(4, served.ToolConcurrency);
        Assert.Equal("""{"detach":false}""", (await GetAsync(harness, "3"))["document"]!.ToJsonString());
    }

    [Fact]
    public async Task WrongDocument_IsRefusedWithEveryProblem()
    {
        var harness = await _world.ReadyAsync();

        var fault = await RefusedAsync(harness, """{"detach":"perhaps","toolConcurrency":0,"overridable":[1],"retention":30,"Detach":true,"offloadToolResultsAbove":199}""", FaultCode.ValidationException);

        Assert.Equal(
            ["document.Detach", "document.detach", "document.offloadToolResultsAbove", "document.overridable", "document.retention", "document.toolConcurrency"],
            fault.Fields.Select(field => field.Name).Order(StringComparer.Ordinal));
        Assert.Equal("is no setting; there are: detach, offloadToolResultsAbove, overridable, recovery, toolConcurrency", fault.Fields.Single(field => field.Name == "document.retention").Message);
        Assert.Equal("1", (await _world.GetAsync(harness.HarnessId)).HarnessVersion);
        Assert.Equal("document", Assert.Single((await RefusedAsync(harness, "7", FaultCode.ValidationException)).Fields).Name);
    }

    [Fact]
    public async Task SettingsHeader_MakesOneVersionWithMembersAndSettings()
    {
        var made = await ControlAsync("CreateHarness", new JsonObject { ["harnessName"] = "agent", ["executionRoleArn"] = Named("agent").ExecutionRoleArn }, """{"toolConcurrency":2}""");
        Assert.Null(made.Fault);
        var harness = await _world.GetAsync((string)made.Body!["harness"]!["harnessId"]!);
        await _world.SettleAsync();
        Assert.Equal("""{"toolConcurrency":2}""", (await GetAsync(harness, "1"))["document"]!.ToJsonString());

        var updated = await ControlAsync("UpdateHarness", new JsonObject { ["harnessId"] = harness.HarnessId, ["maxIterations"] = 5 }, """{"detach":true}""");
        Assert.Null(updated.Fault);
        await _world.SettleAsync();
        harness = await _world.GetAsync(harness.HarnessId);
        Assert.Equal(("2", 5), (harness.HarnessVersion, harness.MaxIterations));
        Assert.Equal("""{"detach":true}""", (await GetAsync(harness))["document"]!.ToJsonString());
    }

    [Fact]
    public async Task SettingsHeader_IsRefusedTogetherWithTheMembers()
    {
        var harness = await _world.ReadyAsync();

        var fault = (await ControlAsync("UpdateHarness", new JsonObject { ["harnessId"] = harness.HarnessId, ["maxIterations"] = "many" }, """{"detach":7,"retention":1}""")).Fault;

        Assert.Equal(FaultCode.ValidationException, fault?.Code);
        Assert.Equal(["belay.detach", "belay.retention", "maxIterations"], fault!.Fields.Select(field => field.Name).Order(StringComparer.Ordinal));
        Assert.Equal("1", (await _world.GetAsync(harness.HarnessId)).HarnessVersion);
    }

    [Theory]
    [InlineData("no JSON")]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("")]
    public async Task SettingsHeader_ThatIsNoObject_IsRefusedByName(string header)
    {
        var harness = await _world.ReadyAsync();

        var fault = (await ControlAsync("UpdateHarness", new JsonObject { ["harnessId"] = harness.HarnessId }, header)).Fault;

        Assert.Equal("X-Belay-Settings", Assert.Single(fault!.Fields).Name);
    }

    [Fact]
    public async Task ClientToken_StandsForItsSettings_Too()
    {
        var harness = await _world.ReadyAsync();
        var request = new UpdateHarnessRequest { HarnessId = harness.HarnessId, ClientToken = new string('t', 40) };
        await _world.Catalog.UpdateAsync(Mine, request, Document("""{"detach":true}"""), default);
        await _world.SettleAsync();

        Assert.Equal("2", (await _world.Catalog.UpdateAsync(Mine, request, Document("""{"detach":true}"""), default)).HarnessVersion);
        await TestCatalog.RefusedAsync(FaultCode.ValidationException, () => _world.Catalog.UpdateAsync(Mine, request, Document("""{"detach":false}"""), default));
        await TestCatalog.RefusedAsync(FaultCode.ValidationException, () => _world.Catalog.UpdateAsync(Mine, request, default));
    }

    [Fact]
    public async Task WhileTheHarnessIsNotSettled_IsAConflict()
    {
        var harness = await _world.CreateAsync(Named("agent"));
        await RefusedAsync(harness, """{"detach":true}""", FaultCode.ConflictException);
        await _world.SettleAsync();
        await _world.UpdateAsync(new() { HarnessId = harness.HarnessId });
        await RefusedAsync(harness, """{"detach":true}""", FaultCode.ConflictException);
        await _world.SettleAsync();
        await _world.Catalog.DeleteAsync(Mine, new() { HarnessId = harness.HarnessId }, default);
        await RefusedAsync(harness, """{"detach":true}""", FaultCode.ConflictException);
    }

    [Fact]
    public async Task VersionsHaveTheirLimit()
    {
        var world = new TestCatalog(new() { MaxVersions = 1 });
        var harness = await world.ReadyAsync();

        var fault = await TestCatalog.RefusedAsync(FaultCode.ConflictException, () => world.Catalog.PutSettingsAsync(Mine, harness.HarnessId, Document("""{"detach":true}"""), default));
        Assert.Contains("limit of 1 versions", fault.Message, StringComparison.Ordinal);
        Assert.Equal("1", (await world.Catalog.PutSettingsAsync(Mine, harness.HarnessId, Document("{}"), default)).Harness.HarnessVersion);
    }

    [Fact]
    public async Task SideBySideWithUpdates_ExactlyOneMakesTheVersion()
    {
        var harness = await _world.ReadyAsync();
        for (var round = 2; round < 12; round++)
        {
            var calls = Enumerable.Range(0, 8).Select(async number =>
            {
                try
                {
                    await Task.Yield();
                    if (number % 2 == 0)
                    {
                        await _world.Catalog.PutSettingsAsync(Mine, harness.HarnessId, Document($$"""{"toolConcurrency":{{round + number}}}"""), default);
                    }
                    else
                    {
                        await _world.UpdateAsync(new() { HarnessId = harness.HarnessId, MaxIterations = round });
                    }

                    return true;
                }
                catch (ServiceException fault) when (fault.Code == FaultCode.ConflictException)
                {
                    return false;
                }
            });

            Assert.Single(await Task.WhenAll(calls), done => done);
            await _world.SettleAsync();
            Assert.Equal($"{round}", (await _world.GetAsync(harness.HarnessId)).HarnessVersion);
        }
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public async Task CrashAtAWrite_LeavesTheOldDocumentOrTheNew_AndAHarnessThatSettles(int write, bool afterwards)
    {
        var harness = await _world.ReadyAsync();
        var dying = new TestCatalog(null, new HarnessCrashTests.CrashingStore(_world.Store, write, afterwards));
        await Assert.ThrowsAsync<HarnessCrashTests.CrashException>(async () =>
        {
            await dying.Catalog.PutSettingsAsync(Mine, harness.HarnessId, Document("""{"detach":true}"""), default);
            await dying.SettleAsync();
        });

        // The next server, to which the client repeats itself.
        var next = new TestCatalog(null, _world.Store);
        await next.SettleAsync();
        await next.Catalog.PutSettingsAsync(Mine, harness.HarnessId, Document("""{"detach":true}"""), default);
        await next.SettleAsync();

        var served = await next.Catalog.ServeAsync(Mine, harness.Arn, null, default);
        Assert.Equal("2", served.Harness.HarnessVersion);
        Assert.True(served.Settings.Detach);
        Assert.Equal(HarnessStatus.Ready, (await next.GetAsync(harness.HarnessId)).Status);
    }

    private static Dictionary<string, JsonElement> Document(string json) => JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json)!;

    private Task<OperationAnswer> ControlAsync(string operation, JsonObject members, string settings)
    {
        members["X-Belay-Settings"] = settings;
        return OperationDriver.CallAsync(
            HarnessEndpoints.Operations(_world.Catalog, _world.Identity.Tags, new OperationDriver.PlainPageTokens()).Single(one => one.Name == operation), Mine, members);
    }

    private Operation Operation(string name) => SettingsEndpoints.Operations(_world.Catalog).Single(operation => operation.Name == name);

    private async Task<JsonNode> PutAsync(Harness harness, string document) => Answer(await CallPutAsync(harness, document));

    private Task<OperationAnswer> CallPutAsync(Harness harness, string document) =>
        OperationDriver.CallAsync(Operation("PutHarnessSettings"), Mine, new JsonObject { ["harnessId"] = harness.HarnessId, ["document"] = JsonNode.Parse(document) });

    private async Task<JsonNode> GetAsync(Harness harness, string? version = null)
    {
        var members = new JsonObject { ["harnessId"] = harness.HarnessId };
        if (version is not null)
        {
            members["harnessVersion"] = version;
        }

        return Answer(await OperationDriver.CallAsync(Operation("GetHarnessSettings"), Mine, members));
    }

    private async Task<ServiceException> RefusedAsync(Harness harness, string document, FaultCode code)
    {
        var fault = (await CallPutAsync(harness, document)).Fault;
        Assert.Equal(code, fault?.Code);
        return fault!;
    }

    private static JsonNode Answer(OperationAnswer answer)
    {
        Assert.Null(answer.Fault);
        Assert.Equal(200, answer.Status);
        return answer.Body!;
    }
}
