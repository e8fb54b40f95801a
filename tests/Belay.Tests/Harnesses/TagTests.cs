using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using static Belay.Tests.Harnesses.TestCatalog;

namespace Belay.Tests.Harnesses;

public sealed class TagTests
{
    private readonly TestCatalog _world = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Tags_Merge_AndUntagIgnoresTheAbsent(bool ofEndpoint)
    {
        var arn = await ResourceAsync(ofEndpoint);
        Assert.Equal([new("first", "1")], await _world.Catalog.TagsAsync(Mine, arn, default));
        await TagAsync(arn, ("first", "one"), ("second", ""));
        Assert.Equal([new("first", "one"), new("second", "")], (await _world.Catalog.TagsAsync(Mine, arn, default)).OrderBy(tag => tag.Key));
        await _world.Catalog.UntagAsync(Mine, arn, ["first", "absent"], default);
        Assert.Equal([new("second", "")], await _world.Catalog.TagsAsync(Mine, arn, default));
    }

    [Fact]
    public async Task FiftyFirstTag_Refused_AndNothingChanges()
    {
        var arn = await ResourceAsync(ofEndpoint: false);
        await TagAsync(arn, [.. Enumerable.Range(0, 49).Select(number => ($"k{number}", "v"))]);

        await RefusedAsync(FaultCode.ServiceQuotaExceededException, () => TagAsync(arn, ("k0", "new"), ("k50", "v")));
        var tags = await _world.Catalog.TagsAsync(Mine, arn, default);
        Assert.Equal((50, "v"), (tags.Count, tags["k0"]));
        await TagAsync(arn, ("k0", "new"));
    }

    [Fact]
    public async Task ReservedPrefix_Refused()
    {
        var arn = await ResourceAsync(ofEndpoint: false);

        var fault = await RefusedAsync(FaultCode.ValidationException, () => TagAsync(arn, ("aws:a", "x"), ("b", "x"), ("aws:c", "x")));
        Assert.Equal(["tags.aws:a", "tags.aws:c"], fault.Fields.Select(field => field.Name));
    }

    [Fact]
    public async Task DeletedEndpoint_TakesItsTagsAndPolicyAlong()
    {
        var arn = await ResourceAsync(ofEndpoint: true);
        var harnessId = arn.Split('/')[1];
        await _world.Catalog.PutPolicyAsync(Mine, arn, """{"Statement":[]}""", default);
        await _world.Catalog.DeleteEndpointAsync(Mine, new() { HarnessId = harnessId, EndpointName = "live" }, default);
        await _world.SettleAsync();
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => _world.Catalog.TagsAsync(Mine, arn, default));

        await _world.Catalog.CreateEndpointAsync(Mine, new() { HarnessId = harnessId, EndpointName = "live" }, default);
        Assert.Empty(await _world.Catalog.TagsAsync(Mine, arn, default));
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => _world.Catalog.GetPolicyAsync(Mine, arn, default));
    }

    [Fact]
    public async Task Policy_PutGetReplaceDelete()
    {
        const string Policy = """{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}""";
        var arn = await ResourceAsync(ofEndpoint: false);
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => _world.Catalog.GetPolicyAsync(Mine, arn, default));
        Assert.Equal(Policy, await _world.Catalog.PutPolicyAsync(Mine, arn, Policy, default));
        Assert.Equal(Policy, await _world.Catalog.GetPolicyAsync(Mine, arn, default));
        await _world.Catalog.PutPolicyAsync(Mine, arn, """{"Statement":{}}""", default);
        Assert.Equal("""{"Statement":{}}""", await _world.Catalog.GetPolicyAsync(Mine, arn, default));
        await _world.Catalog.DeletePolicyAsync(Mine, arn, default);
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => _world.Catalog.DeletePolicyAsync(Mine, arn, default));
    }

    [Theory]
    [InlineData("")]
    [InlineData("no json")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"Statement":"x"}""")]
    [InlineData("""{"Statement":[]} trailing""")]
    public async Task PolicyThatIsNone_Refused(string policy)
    {
        var arn = await ResourceAsync(ofEndpoint: false);

        var fault = await RefusedAsync(FaultCode.ValidationException, () => _world.Catalog.PutPolicyAsync(Mine, arn, policy, default));
        Assert.Equal("policy", Assert.Single(fault.Fields).Name);
    }

    private Task TagAsync(string arn, params (string Key, string Value)[] tags) =>
        _world.Catalog.TagAsync(Mine, arn, tags.ToDictionary(tag => tag.Key, tag => tag.Value), default);

    private async Task<string> ResourceAsync(bool ofEndpoint)
    {
        var tags = new Dictionary<string, string> { ["first"] = "1" };
        var harness = await _world.ReadyAsync(Named("agent") with { Tags = ofEndpoint ? null : tags });
        if (!ofEndpoint)
        {
            return harness.Arn;
        }

        var endpoint = await _world.Catalog.CreateEndpointAsync(Mine, new CreateHarnessEndpointRequest { HarnessId = harness.HarnessId, EndpointName = "live", Tags = tags }, default);
        await _world.SettleAsync();
        return endpoint.Arn;
    }
}
