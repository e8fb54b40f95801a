using System.Text.Json.Nodes;
using Belay.Contracts.Faults;
using Belay.Server.Harnesses;
using Belay.Server.Wire;
using Belay.Tests.ServiceModels;
using static Belay.Tests.Harnesses.TestCatalog;

namespace Belay.Tests.Harnesses;

public sealed class HarnessOperationsTests
{
    private readonly TestCatalog _world = new();
    private readonly Dictionary<string, Operation> _operations;
    private readonly HashSet<string> _called = [];

    public HarnessOperationsTests() =>
        _operations = HarnessEndpoints.Operations(_world.Catalog, _world.Identity.Tags, new OperationDriver.PlainPageTokens()).ToDictionary(operation => operation.Name);

    [Fact]
    public async Task EveryOperation_OnceThroughItsHandler()
    {
        var harness = (await OkAsync("CreateHarness", 201, """{"harnessName":"agent","executionRoleArn":"arn:aws:iam::123456789012:role/HarnessRole","tags":{"a":"b"}}"""))!["harness"]!;
        var (id, arn) = ((string)harness["harnessId"]!, (string)harness["arn"]!);
        await _world.SettleAsync();
        Assert.Equal("READY", (string?)(await OkAsync("GetHarness", 200, With(id)))!["harness"]!["status"]);
        var updating = (await OkAsync("UpdateHarness", 200, With(id, """ "maxIterations":30,"memory":{} """)))!["harness"]!;
        Assert.Equal(("UPDATING", "2", """{"disabled":{}}"""), ((string?)updating["status"], (string?)updating["harnessVersion"], updating["memory"]!.ToJsonString()));
        await _world.SettleAsync();
        Assert.Equal(75, (int?)(await OkAsync("GetHarness", 200, With(id, """ "harnessVersion":"1" """)))!["harness"]!["maxIterations"]);
        Assert.Equal("2", (string?)(await OkAsync("ListHarnesses", 200, "{}"))!["harnesses"]![0]!["harnessVersion"]);
        Assert.Equal("1", (string?)(await OkAsync("ListHarnessVersions", 200, With(id)))!["harnessVersions"]![1]!["harnessVersion"]);

        var endpoint = (await OkAsync("CreateHarnessEndpoint", 201, With(id, """ "endpointName":"live","targetVersion":"1" """)))!["endpoint"]!;
        Assert.Equal(("CREATING", "1", null), ((string?)endpoint["status"], (string?)endpoint["targetVersion"], (string?)endpoint["liveVersion"]));
        await _world.SettleAsync();
        Assert.Equal("1", (string?)(await OkAsync("GetHarnessEndpoint", 200, With(id, """ "endpointName":"live" """)))!["endpoint"]!["liveVersion"]);
        await OkAsync("UpdateHarnessEndpoint", 200, With(id, """ "endpointName":"live","targetVersion":"2" """));
        await _world.SettleAsync();
        Assert.Equal("DEFAULT", (string?)(await OkAsync("ListHarnessEndpoints", 200, With(id)))!["endpoints"]![0]!["endpointName"]);
        Assert.Equal("DELETING", (string?)(await OkAsync("DeleteHarnessEndpoint", 200, With(id, """ "endpointName":"live" """)))!["endpoint"]!["status"]);
        await _world.SettleAsync();

        string Resource(string more = "") => $"{{\"resourceArn\":\"{arn}\"{more}}}";
        Assert.Null(await OkAsync("TagResource", 204, Resource(""","tags":{"c":"d"}""")));
        Assert.Null(await OkAsync("UntagResource", 204, Resource(""","tagKeys":["a"]""")));
        Assert.Equal("""{"tags":{"c":"d"}}""", (await OkAsync("ListTagsForResource", 200, Resource()))!.ToJsonString());
        Assert.NotNull((await OkAsync("PutResourcePolicy", 201, Resource(""","policy":"{\"Statement\":[]}" """)))!["policy"]);
        Assert.NotNull((await OkAsync("GetResourcePolicy", 200, Resource()))!["policy"]);
        Assert.Null(await OkAsync("DeleteResourcePolicy", 204, Resource()));

        Assert.Equal("DELETING", (string?)(await OkAsync("DeleteHarness", 200, With(id)))!["harness"]!["status"]);
        Assert.Equal(_operations.Keys.Order(), _called.Order());
    }

    [Fact]
    public async Task Create_WrongShapeAndBrokenRules_AreReportedTogether()
    {
        var request = """{"harnessName":"1","executionRoleArn":7,"maxIterations":0,"tools":[{"type":"remote_mcp","name":"a b"}],"skills":"none"}""";

        var answer = await OperationDriver.CallAsync(_operations["CreateHarness"], Mine, JsonNode.Parse(request)!.AsObject());

        Assert.Equal(
            ["executionRoleArn", "harnessName", "maxIterations", "skills", "tools[0].config", "tools[0].name"], answer.Fault?.Fields.Select(field => field.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Pages_CarryTokens_ThatFitOnlyTheirRequest()
    {
        for (var number = 0; number < 5; number++)
        {
            await _world.CreateAsync(Named($"agent_{number}"));
        }

        var names = new HashSet<string>();
        var token = (string?)null;
        do
        {
            var page = await OkAsync("ListHarnesses", 200, token is null ? """{"maxResults":2}""" : $$"""{"maxResults":2,"nextToken":"{{token}}"}""");
            names.UnionWith(page!["harnesses"]!.AsArray().Select(item => (string)item!["harnessName"]!));
            token = (string?)page["nextToken"] ?? "";
            if (token.Length > 0)
            {
                var fault = await OperationDriver.CallAsync(_operations["ListHarnesses"], Theirs, new() { ["maxResults"] = 2, ["nextToken"] = token });
                Assert.Equal(FaultCode.ValidationException, fault.Fault?.Code);
            }
        }
        while (token.Length > 0);

        Assert.Equal(5, names.Count);
    }

    [Fact]
    public async Task Deletion_RepeatedWhenAllIsGone_AnswersWithoutAHarness()
    {
        var harness = await _world.ReadyAsync();
        var members = With(harness.HarnessId, """ "clientToken":"8ec4ad27-278f-48c3-ba03-f8bc49212a83" """);
        await OkAsync("DeleteHarness", 200, members);
        await _world.SettleAsync();

        Assert.Equal("{}", (await OkAsync("DeleteHarness", 200, members))!.ToJsonString());
    }

    private static string With(string harnessId, string more = "") => $"{{\"harnessId\":\"{harnessId}\"{(more.Length == 0 ? "" : ",")}{more}}}";

    private async Task<JsonNode?> OkAsync(string operation, int status, string members)
    {
        var answer = await OperationDriver.CallAsync(_operations[operation], Mine, JsonNode.Parse(members)!.AsObject());
        Assert.True(answer.Fault is null, answer.Fault?.Message);
        Assert.Equal(status, answer.Status);
        Assert.Equal(ServiceModel.Control?.Operation(operation).GetProperty("http").GetProperty("responseCode").GetInt32() ?? status, answer.Status);
        _called.Add(operation);
        return answer.Body;
    }
}
