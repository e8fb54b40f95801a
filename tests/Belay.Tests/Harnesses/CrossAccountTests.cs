using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Validation;
using Belay.Identity;
using Belay.Server;
using Belay.Server.Wire;
using Belay.Storage;
using Belay.Testing.Models;
using Belay.Testing.Sessions;
using Belay.Tests.Wire;
using static Belay.Tests.Harnesses.TestCatalog;

namespace Belay.Tests.Harnesses;

/// <summary>
/// Each operation that is served, each of its members that names something, against what belongs to another account or region, what
/// does not exist and what is malformed: all refused, and what is foreign exactly as what does not exist.
/// </summary>
public sealed class CrossAccountTests
{
    private static readonly string MySession = new('m', 40);
    private static readonly string TheirSession = new('t', 40);
    private static readonly Scope Abroad = Mine with { Region = "eu-west-1" };

    /// <summary>Members that name something which a caller could try to guess.</summary>
    private static readonly string[] NamingMembers =
        ["harnessId", "endpointName", "harnessVersion", "targetVersion", "resourceArn", "harnessArn", "agentRuntimeArn", "accountId", "qualifier", WireServer.SessionHeader, "name", "workloadName", "resourceCredentialProviderName", "tokenVaultId"];

    /// <summary>Name of a credential provider and of a workload identity in each account.</summary>
    private const string MyName = "only_mine";

    private const string TheirName = "only_theirs";

    /// <summary>An operation that refuses its valid requests, too.</summary>
    private const string NeverServed = "GetWorkloadAccessTokenForJWT";

    /// <summary>Members that name nothing yet: an endpoint that is being created, a session that begins when it is first named.</summary>
    private static readonly (string Operation, string Member)[] Fresh =
    [
        ("CreateHarnessEndpoint", "endpointName"),
        ("CreateApiKeyCredentialProvider", "name"),
        ("CreateWorkloadIdentity", "name"),
        ("InvokeHarness", WireServer.SessionHeader),
        ("InvokeAgentRuntimeCommand", WireServer.SessionHeader),
    ];

    public static TheoryData<string, string, bool> Rows()
    {
        var rows = new TheoryData<string, string, bool>();
        foreach (var operation in Operations(new TestCatalog(), new EngineWorld()))
        {
            foreach (var member in NamesOf(operation))
            {
                rows.Add(operation.Name, member, false);
                rows.Add(operation.Name, member, true);
            }
        }

        return rows;
    }

    [Fact]
    public void EveryOperationThatNamesSomething_HasRows()
    {
        var without = Operations(new TestCatalog(), new EngineWorld()).Where(operation => !NamesOf(operation).Any()).Select(operation => operation.Name);

        Assert.Equal(
            ["CreateApiKeyCredentialProvider", "CreateHarness", "CreateWorkloadIdentity", "ListApiKeyCredentialProviders", "ListHarnesses", "ListWorkloadIdentities"],
            without.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Foreign_Missing_Malformed_AreRefused(string operationName, string member, bool ofAnotherRegion)
    {
        var world = new TestCatalog();
        await using var engine = new EngineWorld();
        engine.Model.Otherwise = (_, token) => FakeModel.Yield(FakeModel.Text("Hello."), token);
        var foreignScope = ofAnotherRegion ? Abroad : Theirs;
        var (mine, theirs) = (await ArrangeAsync(world, Mine, "mine", 1), await ArrangeAsync(world, foreignScope, "theirs", 2));
        await RunAsync(engine, Mine, mine, MySession);
        await RunAsync(engine, foreignScope, theirs, TheirSession);
        var operation = Operations(world, engine).Single(operation => operation.Name == operationName);

        var token = await world.Identity.Tokens.IssueAsync(Mine, MyName, null, default);

        Assert.Equal(
            operationName == NeverServed ? FaultCode.ValidationException : null, (await OperationDriver.CallAsync(operation, Mine, Members())).Fault?.Code);
        if (operationName.StartsWith("Delete", StringComparison.Ordinal) && member == "name")
        {
            await AddNamedAsync(world, Mine, MyName);
        }

        var before = await DumpAsync(world.Store, foreignScope);
        var asked = engine.Model.Requests.Count;
        var foreign = await CallAsync(Foreign(member, theirs));
        var missing = await CallAsync(Missing(member, mine));
        var malformed = await CallAsync("../%00");

        Assert.Equal(FaultCode.ResourceNotFoundException, foreign.Code);
        Assert.Equal(missing, foreign);
        Assert.True(malformed.Code is FaultCode.ValidationException or FaultCode.ResourceNotFoundException, $"{malformed}");
        Assert.Equal(before, await DumpAsync(world.Store, foreignScope));
        Assert.Equal((asked, 2), (engine.Model.Requests.Count, engine.Sandboxes.Count));
        Assert.NotNull(engine.Sandboxes[1].Current);

        JsonObject Members() => Valid(operationName, member, mine) is var members && operationName == "GetResourceApiKey" ? With(members, "workloadIdentityToken", token) : members;

        async Task<(FaultCode? Code, string? Message, string? Fields)> CallAsync(string value)
        {
            var members = Members();
            members[member == "accountId" ? "agentRuntimeArn" : member] = value;
            if (member == "accountId")
            {
                members["accountId"] = foreignScope.Account;
            }

            var fault = (await OperationDriver.CallAsync(operation, Mine, members)).Fault;
            return (fault?.Code, Nameless(fault?.Message), Nameless(fault is null ? null : string.Join('\n', fault.Fields)));

            string? Nameless(string? text) => text is null ? null : Regex.Replace(text, $@"(?<!\w){Regex.Escape(value)}(?!\w)", "<name>");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Serve_ForeignAsMissing(bool ofAnotherRegion)
    {
        var world = new TestCatalog();
        var (mine, theirs) = (await ArrangeAsync(world, Mine, "mine", 1), await ArrangeAsync(world, ofAnotherRegion ? Abroad : Theirs, "theirs", 2));

        var messages = new List<string>();
        foreach (var arn in new[] { theirs.Arn, Missing("harnessArn", mine), mine.Arn.Replace(Mine.Account, Theirs.Account, StringComparison.Ordinal), "arn:aws:none", mine.Arn + "/harness-endpoint/DEFAULT" })
        {
            var fault = await RefusedAsync(FaultCode.ResourceNotFoundException, () => world.Catalog.ServeAsync(Mine, arn, null, default));
            messages.Add(fault.Message.Replace(arn, "<name>", StringComparison.Ordinal));
        }

        Assert.Single(messages.Distinct());
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => world.Catalog.ServeAsync(Mine, mine.Arn, TheirName, default));
    }

    private static IReadOnlyList<Operation> Operations(TestCatalog world, EngineWorld engine) =>
        ServerComposition.Published(world.Catalog, world.Identity, new OperationDriver.PlainPageTokens(), engine.Resolver, engine.Host, IdSource.System);

    private static IEnumerable<string> NamesOf(Operation operation) =>
        typeof(CreateHarnessRequest).Assembly.GetTypes().Single(type => type.Name == operation.Name + "Request").GetProperties()
            .Select(property => property.GetCustomAttribute<BoundToAttribute>()?.Name ?? char.ToLowerInvariant(property.Name[0]) + property.Name[1..])
            .Intersect(NamingMembers)
            .Where(member => !Fresh.Contains((operation.Name, member)));

    /// <summary>A harness with an endpoint; another account's has one version and one endpoint more than the caller's.</summary>
    private static async Task<Harness> ArrangeAsync(TestCatalog world, Scope scope, string name, int versions)
    {
        var harness = await world.Catalog.CreateAsync(scope, Named(name), default);
        await world.SettleAsync();
        for (var version = 2; version <= versions; version++)
        {
            await world.Catalog.UpdateAsync(scope, new() { HarnessId = harness.HarnessId }, default);
            await world.SettleAsync();
        }

        foreach (var endpoint in scope == Mine ? ["live", "doomed"] : new[] { "live", "doomed", TheirName })
        {
            await world.Catalog.CreateEndpointAsync(scope, new() { HarnessId = harness.HarnessId, EndpointName = endpoint, TargetVersion = "1" }, default);
        }

        await world.SettleAsync();
        await world.Catalog.PutPolicyAsync(scope, harness.Arn, """{"Statement":[]}""", default);
        await AddNamedAsync(world, scope, scope == Mine ? MyName : TheirName);
        return harness;
    }

    private static async Task AddNamedAsync(TestCatalog world, Scope scope, string name)
    {
        await AddAsync(() => world.Identity.Vault.CreateAsync(scope, new() { Name = name, ApiKey = "key" }, default));
        await AddAsync(() => world.Identity.Workloads.CreateAsync(scope, new() { Name = name }, default));

        static async Task AddAsync(Func<Task> add)
        {
            try
            {
                await add();
            }
            catch (ServiceException taken) when (taken.Code is FaultCode.ConflictException or FaultCode.ValidationException)
            {
                // One of the two is there still.
            }
        }
    }

    private static async Task RunAsync(EngineWorld engine, Scope scope, Harness harness, string session)
    {
        await using var command = await engine.Host.RunCommandAsync(new(scope, harness.HarnessId, session), harness, "echo hi", 60, CancellationToken.None);
        await foreach (var chunk in command.ReadAsync(CancellationToken.None))
        {
        }
    }

    private static JsonObject Valid(string operation, string member, Harness harness)
    {
        var members = new JsonObject { ["harnessId"] = harness.HarnessId };
        if (operation.Contains("Endpoint", StringComparison.Ordinal) && operation != "ListHarnessEndpoints")
        {
            members["endpointName"] = operation == "CreateHarnessEndpoint" ? "fresh" : "live";
        }

        return operation switch
        {
            "CreateHarness" => new() { ["harnessName"] = "other", ["executionRoleArn"] = Role },
            "ListHarnesses" => [],
            "GetHarness" => With(members, "harnessVersion", "1"),
            "CreateHarnessEndpoint" or "UpdateHarnessEndpoint" => With(members, "targetVersion", "1"),
            "TagResource" => new() { ["resourceArn"] = harness.Arn, ["tags"] = new JsonObject { ["a"] = "b" } },
            "UntagResource" => new() { ["resourceArn"] = harness.Arn, ["tagKeys"] = new JsonArray("a") },
            "PutResourcePolicy" => new() { ["resourceArn"] = harness.Arn, ["policy"] = """{"Statement":[]}""" },
            "InvokeHarness" => new()
            {
                ["harnessArn"] = harness.Arn,
                [WireServer.SessionHeader] = MySession,
                ["messages"] = JsonNode.Parse(WireServer.Invocation("Hi"))!["messages"]!.DeepClone(),
            },
            // A harness may be named by its id beside its account.
            "InvokeAgentRuntimeCommand" when member == "accountId" => new()
            {
                ["agentRuntimeArn"] = harness.HarnessId,
                ["accountId"] = Mine.Account,
                ["command"] = "echo hi",
                [WireServer.SessionHeader] = MySession,
            },
            "InvokeAgentRuntimeCommand" => new() { ["agentRuntimeArn"] = harness.Arn, ["command"] = "echo hi", [WireServer.SessionHeader] = MySession },
            "StopRuntimeSession" => new() { ["agentRuntimeArn"] = harness.Arn, [WireServer.SessionHeader] = MySession },
            "CreateApiKeyCredentialProvider" => new() { ["name"] = "other", ["apiKey"] = "key" },
            "UpdateApiKeyCredentialProvider" => new() { ["name"] = MyName, ["apiKey"] = "new" },
            "GetApiKeyCredentialProvider" or "DeleteApiKeyCredentialProvider" or "GetWorkloadIdentity" or "UpdateWorkloadIdentity" or "DeleteWorkloadIdentity" => new() { ["name"] = MyName },
            "CreateWorkloadIdentity" => new() { ["name"] = "other" },
            "GetTokenVault" => new() { ["tokenVaultId"] = TokenVault.DefaultId },
            "SetTokenVaultCMK" => new() { ["tokenVaultId"] = TokenVault.DefaultId, ["kmsConfiguration"] = new JsonObject { ["keyType"] = "ServiceManagedKey" } },
            "GetWorkloadAccessToken" => new() { ["workloadName"] = MyName },
            "GetWorkloadAccessTokenForUserId" => new() { ["workloadName"] = MyName, ["userId"] = "anna" },
            NeverServed => new() { ["workloadName"] = MyName, ["userToken"] = "e30.e30.e30" },
            "GetResourceApiKey" => new() { ["resourceCredentialProviderName"] = MyName },
            "ListTagsForResource" or "GetResourcePolicy" or "DeleteResourcePolicy" => new() { ["resourceArn"] = harness.Arn },
            _ => members,
        };
    }

    private static JsonObject With(JsonObject members, string name, string value)
    {
        members[name] = value;
        return members;
    }

    private static string Foreign(string member, Harness theirs) => member switch
    {
        "harnessId" or "accountId" => theirs.HarnessId,
        "endpointName" or "qualifier" or "name" or "workloadName" or "resourceCredentialProviderName" or "tokenVaultId" => TheirName,
        WireServer.SessionHeader => TheirSession,
        "harnessVersion" or "targetVersion" => "2",
        _ => theirs.Arn,
    };

    private static string Missing(string member, Harness mine) => member switch
    {
        "harnessId" or "accountId" => "missing-0123456789",
        "endpointName" or "qualifier" or "name" or "workloadName" or "resourceCredentialProviderName" or "tokenVaultId" => "nobodys",
        WireServer.SessionHeader => new string('n', 40),
        "harnessVersion" or "targetVersion" => "9",
        _ => mine.Arn.Replace(mine.HarnessId, "missing-0123456789", StringComparison.Ordinal),
    };

    private static async Task<string> DumpAsync(Belay.Testing.Storage.InMemoryDocumentStore store, Scope scope)
    {
        var lines = new List<string>();
        foreach (var collection in new[] { "harnesses", "harness-names", "harness-ids", "harness-ages", "harness-versions", "harness-snapshots", "harness-endpoints", "harness-tags", "harness-policies", "harness-work", "client-tokens", "api-key-credential-providers", "workload-identities", "token-vaults" })
        {
            lines.AddRange((await store.ListAsync(scope, collection, "", null, 1000, default)).Select(document => $"{document.Key} {document.Etag}"));
        }

        return string.Join('\n', lines);
    }
}
