using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using static Belay.Tests.Harnesses.TestCatalog;

namespace Belay.Tests.Harnesses;

public sealed class HarnessEndpointTests
{
    private readonly TestCatalog _world = new();

    [Fact]
    public async Task LifeCycle_ShowsExactlyTheVersionsOfTheTable()
    {
        var harness = await _world.ReadyAsync();
        await _world.UpdatedAsync(new() { HarnessId = harness.HarnessId, MaxIterations = 2 });

        var creating = await CreateAsync(harness, "live", "1");
        Assert.Equal((HarnessStatus.Creating, null, "1"), Row(creating));
        Assert.Equal($"{harness.Arn}/harness-endpoint/live", creating.Arn);
        await _world.SettleAsync();
        Assert.Equal((HarnessStatus.Ready, "1", null), Row(await _world.EndpointAsync(harness.HarnessId, "live")));

        var updating = await UpdateAsync(harness, "live", "2");
        Assert.Equal((HarnessStatus.Updating, "1", "2"), Row(updating));
        Assert.Equal("1", await ServedAsync(harness, "live"));
        await _world.SettleAsync();
        Assert.Equal((HarnessStatus.Ready, "2", null), Row(await _world.EndpointAsync(harness.HarnessId, "live")));
        Assert.Equal("2", await ServedAsync(harness, "live"));

        // Rolling back is the same call.
        await UpdateAsync(harness, "live", "1");
        await _world.SettleAsync();
        Assert.Equal("1", await ServedAsync(harness, "live"));

        var deleting = await _world.Catalog.DeleteEndpointAsync(Mine, new() { HarnessId = harness.HarnessId, EndpointName = "live" }, default);
        Assert.Equal((HarnessStatus.Deleting, "1", null), Row(deleting));
        var fault = await RefusedAsync(FaultCode.ValidationException, () => ServedAsync(harness, "live"));
        Assert.Equal(ValidationReason.ResourceConflict, fault.Reason);
        await _world.SettleAsync();
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => _world.EndpointAsync(harness.HarnessId, "live"));
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => ServedAsync(harness, "live"));
    }

    [Fact]
    public async Task Default_FollowsNewestReadyVersion_OthersStay()
    {
        var harness = await _world.ReadyAsync();
        await CreateAsync(harness, "pinned", null);
        await _world.SettleAsync();
        await _world.UpdateAsync(new() { HarnessId = harness.HarnessId, MaxIterations = 2 });

        Assert.Equal((HarnessStatus.Updating, "1", "2"), Row(await _world.EndpointAsync(harness.HarnessId)));
        Assert.Equal("1", await ServedAsync(harness, null));
        await _world.SettleAsync();
        Assert.Equal((HarnessStatus.Ready, "2", null), Row(await _world.EndpointAsync(harness.HarnessId)));
        Assert.Equal("2", await ServedAsync(harness, null));
        Assert.Equal("1", await ServedAsync(harness, "pinned"));
    }

    [Fact]
    public async Task WithoutTarget_TheLatestVersion_EvenWhileItIsMade()
    {
        var harness = await _world.ReadyAsync();
        await _world.UpdateAsync(new() { HarnessId = harness.HarnessId });

        Assert.Equal("2", (await CreateAsync(harness, "live", null)).TargetVersion);
        await _world.SettleAsync();
        Assert.Equal((HarnessStatus.Ready, "2", null), Row(await _world.EndpointAsync(harness.HarnessId, "live")));
    }

    [Fact]
    public async Task TargetThatFails_LeavesTheEndpointWhereItWas()
    {
        var harness = await _world.ReadyAsync();
        await CreateAsync(harness, "live", "1");
        await _world.SettleAsync();
        await _world.UpdateAsync(new()
        {
            HarnessId = harness.HarnessId,
            Environment = new()
            {
                AgentCoreRuntimeEnvironment = new()
                {
                    NetworkConfiguration = new() { NetworkMode = NetworkMode.Vpc, NetworkModeConfig = new() { SecurityGroups = ["sg-12345678"], Subnets = ["subnet-12345678"] } },
                },
            },
        });
        await UpdateAsync(harness, "live", "2");
        await _world.SettleAsync();

        var live = await _world.EndpointAsync(harness.HarnessId, "live");
        Assert.Equal((HarnessStatus.UpdateFailed, "1", "2"), Row(live));
        Assert.StartsWith("Version 2 failed: ", live.FailureReason, StringComparison.Ordinal);
        Assert.Equal("1", await ServedAsync(harness, "live"));
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => CreateAsync(harness, "other", "2"));
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => UpdateAsync(harness, "live", "2"));

        await UpdateAsync(harness, "live", "1");
        await _world.SettleAsync();
        var repaired = await _world.EndpointAsync(harness.HarnessId, "live");
        Assert.Equal((HarnessStatus.Ready, "1", null), Row(repaired));
        Assert.Null(repaired.FailureReason);
    }

    [Fact]
    public async Task Update_KeepsWhatIsAbsent()
    {
        var harness = await _world.ReadyAsync();
        await _world.Catalog.CreateEndpointAsync(Mine, new() { HarnessId = harness.HarnessId, EndpointName = "live", Description = "first" }, default);
        await _world.SettleAsync();
        await _world.UpdatedAsync(new() { HarnessId = harness.HarnessId });

        await UpdateAsync(harness, "live", "2");
        await _world.SettleAsync();
        Assert.Equal("first", (await _world.EndpointAsync(harness.HarnessId, "live")).Description);

        await _world.Catalog.UpdateEndpointAsync(Mine, new() { HarnessId = harness.HarnessId, EndpointName = "live", Description = "second" }, default);
        await _world.SettleAsync();
        var endpoint = await _world.EndpointAsync(harness.HarnessId, "live");
        Assert.Equal(("2", "second"), (endpoint.LiveVersion, endpoint.Description));
        var fault = await RefusedAsync(FaultCode.ValidationException, () => UpdateAsync(harness, "live", null));
        Assert.Equal("targetVersion", Assert.Single(fault.Fields).Name);
    }

    [Fact]
    public async Task Default_IsReserved()
    {
        var harness = await _world.ReadyAsync();
        foreach (var call in new Func<Task>[]
        {
            () => CreateAsync(harness, "DEFAULT", "1"),
            () => UpdateAsync(harness, "DEFAULT", "1"),
            () => _world.Catalog.DeleteEndpointAsync(Mine, new() { HarnessId = harness.HarnessId, EndpointName = "DEFAULT" }, default),
        })
        {
            var fault = await RefusedAsync(FaultCode.ValidationException, call);
            Assert.Equal("endpointName", Assert.Single(fault.Fields).Name);
        }
    }

    [Fact]
    public async Task TakenName_UnknownVersion_AndTransition_AreRefused()
    {
        var harness = await _world.ReadyAsync();
        await CreateAsync(harness, "live", "1");
        await RefusedAsync(FaultCode.ConflictException, () => CreateAsync(harness, "live", "1"));
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => CreateAsync(harness, "other", "9"));
        await RefusedAsync(FaultCode.ConflictException, () => UpdateAsync(harness, "live", "1"));
        await RefusedAsync(FaultCode.ConflictException, () => _world.Catalog.DeleteEndpointAsync(Mine, new() { HarnessId = harness.HarnessId, EndpointName = "live" }, default));
        await _world.SettleAsync();
        await _world.Catalog.DeleteAsync(Mine, new() { HarnessId = harness.HarnessId }, default);
        await RefusedAsync(FaultCode.ConflictException, () => CreateAsync(harness, "late", "1"));
        await RefusedAsync(FaultCode.ConflictException, () => UpdateAsync(harness, "live", "1"));
    }

    [Fact]
    public async Task List_DefaultFirst_ThenByName_InPages()
    {
        var harness = await _world.ReadyAsync();
        foreach (var name in new[] { "zeta", "Alpha", "beta" })
        {
            await CreateAsync(harness, name, "1");
        }

        var first = await _world.Catalog.ListEndpointsAsync(Mine, harness.HarnessId, 2, null, default);
        var second = await _world.Catalog.ListEndpointsAsync(Mine, harness.HarnessId, 2, first.Next, default);

        Assert.Equal(["DEFAULT", "Alpha", "beta", "zeta"], first.Items.Concat(second.Items).Select(endpoint => endpoint.EndpointName));
        Assert.Null(second.Next);
    }

    private static (HarnessStatus Status, string? Live, string? Target) Row(HarnessEndpoint endpoint) => (endpoint.Status, endpoint.LiveVersion, endpoint.TargetVersion);

    private Task<HarnessEndpoint> CreateAsync(Harness harness, string name, string? version) =>
        _world.Catalog.CreateEndpointAsync(Mine, new() { HarnessId = harness.HarnessId, EndpointName = name, TargetVersion = version }, default);

    private Task<HarnessEndpoint> UpdateAsync(Harness harness, string name, string? version) =>
        _world.Catalog.UpdateEndpointAsync(Mine, new() { HarnessId = harness.HarnessId, EndpointName = name, TargetVersion = version }, default);

    private async Task<string?> ServedAsync(Harness harness, string? qualifier)
    {
        var served = await _world.Catalog.ServeAsync(Mine, harness.Arn, qualifier, default);
        Assert.Equal(qualifier ?? "DEFAULT", served.Endpoint);
        return served.Harness.HarnessVersion;
    }
}
