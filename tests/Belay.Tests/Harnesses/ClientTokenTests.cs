using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using static Belay.Tests.Harnesses.TestCatalog;

namespace Belay.Tests.Harnesses;

public sealed class ClientTokenTests
{
    private const string Token = "8ec4ad27-278f-48c3-ba03-f8bc49212a83";

    private readonly TestCatalog _world = new();

    private static CreateHarnessRequest Request => Named("agent") with { ClientToken = Token };

    [Fact]
    public async Task SameRequestTwice_OneHarness_InItsCurrentState()
    {
        var first = await _world.CreateAsync(Request with { EnvironmentVariables = new Dictionary<string, string> { ["A"] = "1", ["B"] = "2" } });
        await _world.SettleAsync();
        var second = await _world.CreateAsync(Request with { EnvironmentVariables = new Dictionary<string, string> { ["B"] = "2", ["A"] = "1" } });

        Assert.Equal((first.HarnessId, HarnessStatus.Ready), (second.HarnessId, second.Status));
        Assert.Single((await _world.Catalog.ListAsync(Mine, 10, null, default)).Items);
    }

    [Fact]
    public async Task OtherParameters_Mismatch()
    {
        await _world.CreateAsync(Request);

        var fault = await RefusedAsync(FaultCode.ValidationException, () => _world.CreateAsync(Request with { MaxIterations = 9 }));
        Assert.Equal(ValidationReason.IdempotentParameterMismatchException, fault.Reason);
    }

    [Fact]
    public async Task AnotherAccount_AnotherOperation_AnotherRequest()
    {
        var harness = await _world.ReadyAsync(Request);
        Assert.NotEqual(harness.HarnessId, (await _world.Catalog.CreateAsync(Theirs, Request, default)).HarnessId);
        Assert.Equal("2", (await _world.UpdateAsync(new() { HarnessId = harness.HarnessId, ClientToken = Token })).HarnessVersion);
    }

    [Fact]
    public async Task AfterADay_TheTokenIsFree()
    {
        await _world.ReadyAsync(Request);
        _world.Time.Advance(TimeSpan.FromHours(24));

        await RefusedAsync(FaultCode.ConflictException, () => _world.CreateAsync(Request));
        Assert.NotNull(await _world.CreateAsync(Request with { HarnessName = "other" }));
    }

    [Fact]
    public async Task Sweep_RemovesOnlyWhatExpired()
    {
        await _world.CreateAsync(Request);
        _world.Time.Advance(TimeSpan.FromHours(23));
        await _world.CreateAsync(Named("other") with { ClientToken = Token.Replace('8', '9') });
        _world.Time.Advance(TimeSpan.FromHours(1));

        Assert.Equal(1, await _world.Catalog.Tokens.SweepAsync(default));
        Assert.Single(await _world.Store.ListAsync(Mine, "client-tokens", "", null, 10, default));
    }

    [Fact]
    public async Task Update_Repeated_MakesOneVersion()
    {
        var harness = await _world.ReadyAsync();
        var request = new UpdateHarnessRequest { HarnessId = harness.HarnessId, MaxIterations = 3, ClientToken = Token };
        await _world.UpdatedAsync(request);

        Assert.Equal(("2", HarnessStatus.Ready), (await _world.UpdateAsync(request)) is { } again ? (again.HarnessVersion, again.Status) : default);
    }

    [Fact]
    public async Task Deletion_Repeated_SucceedsAlsoWhenAllIsGone()
    {
        var harness = await _world.ReadyAsync(Request);
        var request = new DeleteHarnessRequest { HarnessId = harness.HarnessId, ClientToken = Token };
        Assert.Equal(HarnessStatus.Deleting, (await _world.Catalog.DeleteAsync(Mine, request, default))!.Status);
        Assert.Equal(HarnessStatus.Deleting, (await _world.Catalog.DeleteAsync(Mine, request, default))!.Status);
        await _world.SettleAsync();

        Assert.Null(await _world.Catalog.DeleteAsync(Mine, request, default));
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => _world.Catalog.DeleteAsync(Mine, request with { ClientToken = null }, default));
        await RefusedAsync(FaultCode.ConflictException, () => _world.CreateAsync(Request));
    }

    [Fact]
    public async Task EndpointOperations_Repeated()
    {
        var harness = await _world.ReadyAsync();
        var create = new CreateHarnessEndpointRequest { HarnessId = harness.HarnessId, EndpointName = "live", ClientToken = Token };
        await _world.Catalog.CreateEndpointAsync(Mine, create, default);
        await _world.SettleAsync();
        Assert.Equal(HarnessStatus.Ready, (await _world.Catalog.CreateEndpointAsync(Mine, create, default)).Status);

        var update = new UpdateHarnessEndpointRequest { HarnessId = harness.HarnessId, EndpointName = "live", Description = "d", ClientToken = Token };
        await _world.Catalog.UpdateEndpointAsync(Mine, update, default);
        await _world.SettleAsync();
        Assert.Equal(HarnessStatus.Ready, (await _world.Catalog.UpdateEndpointAsync(Mine, update, default)).Status);

        var delete = new DeleteHarnessEndpointRequest { HarnessId = harness.HarnessId, EndpointName = "live", ClientToken = Token };
        Assert.Equal(HarnessStatus.Deleting, (await _world.Catalog.DeleteEndpointAsync(Mine, delete, default)).Status);
        await _world.SettleAsync();
        Assert.Equal(("live", HarnessStatus.Deleting), await _world.Catalog.DeleteEndpointAsync(Mine, delete, default) is { } again ? (again.EndpointName, again.Status) : default);
        await RefusedAsync(FaultCode.ConflictException, () => _world.Catalog.CreateEndpointAsync(Mine, create, default));
    }

    [Fact]
    public async Task RefusedRequest_LeavesTheTokenFree()
    {
        await RefusedAsync(FaultCode.ValidationException, () => _world.CreateAsync(Request with { MaxIterations = 0 }));

        Assert.NotNull(await _world.CreateAsync(Request));
    }

    [Fact]
    public async Task TwiceAtOnce_OneHarness()
    {
        var harnesses = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Task.Run(() => _world.CreateAsync(Request))));

        Assert.Single(harnesses.Select(harness => harness.HarnessId).Distinct());
    }

    [Fact]
    public async Task TwiceAtOnce_OnTwoServers_OneHarness()
    {
        // The second server's create runs completely between what the first one read and what it writes.
        var other = new TestCatalog(null, _world.Store, _world.Time);
        Harness? second = null;
        _world.Store.BeforeWrite = async (_, _) =>
        {
            _world.Store.BeforeWrite = null;
            second = await other.CreateAsync(Request);
        };
        var first = await _world.CreateAsync(Request);

        Assert.Equal(second!.HarnessId, first.HarnessId);
    }
}
