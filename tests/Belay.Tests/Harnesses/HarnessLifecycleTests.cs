using System.Text;
using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Harnesses;
using Belay.Storage;
using static Belay.Tests.Harnesses.TestCatalog;

namespace Belay.Tests.Harnesses;

public sealed class HarnessLifecycleTests
{
    private const string EfsPoint = "arn:aws:elasticfilesystem:us-west-2:123456789012:access-point/fsap-0123456789abcdef0";

    private readonly TestCatalog _world = new();

    [Fact]
    public async Task MinimalCreate_EveryDefaultInTheAnswer()
    {
        var harness = await _world.CreateAsync(Named("MyHarness"));

        Assert.Matches("^MyHarness-[A-Za-z0-9]{10}$", harness.HarnessId);
        var json = JsonSerializer.SerializeToNode(harness, BelayJson.Default.Harness)!;
        var runtime = (string)json["environment"]!["agentCoreRuntimeEnvironment"]!["agentRuntimeId"]!;
        Assert.Matches("^harness_MyHarness-[A-Za-z0-9]{10}$", runtime);
        Assert.Equal(
            $$$$"""
            {"harnessId":"{{{{harness.HarnessId}}}}","harnessName":"MyHarness","arn":"arn:aws:bedrock-agentcore:us-west-2:123456789012:harness/{{{{harness.HarnessId}}}}",
            "status":"CREATING","harnessVersion":"1","executionRoleArn":"arn:aws:iam::123456789012:role/HarnessRole",
            "createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z",
            "model":{"bedrockModelConfig":{"modelId":"belay/scripted","apiFormat":"converse_stream"}},
            "systemPrompt":[],"tools":[],"skills":[],"allowedTools":["*"],
            "truncation":{"strategy":"sliding_window","config":{"slidingWindow":{"messagesCount":150}}},
            "environment":{"agentCoreRuntimeEnvironment":{
            "agentRuntimeArn":"arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/{{{{runtime}}}}","agentRuntimeName":"harness_MyHarness","agentRuntimeId":"{{{{runtime}}}}",
            "lifecycleConfiguration":{"idleRuntimeSessionTimeout":900,"maxLifetime":28800},
            "networkConfiguration":{"networkMode":"PUBLIC"}}},
            "maxIterations":75,"timeoutSeconds":3600}
            """.ReplaceLineEndings(""),
            json.ToJsonString());
    }

    [Fact]
    public async Task DefaultModel_IsWrittenIntoTheVersion()
    {
        var first = new TestCatalog(new CatalogSettings { DefaultModel = CatalogSettings.BedrockModel });
        var harness = await first.ReadyAsync();

        var later = new TestCatalog(new CatalogSettings(), first.Store, first.Time);

        Assert.Equal("global.anthropic.claude-sonnet-4-6", (await later.GetAsync(harness.HarnessId)).Model.BedrockModelConfig?.ModelId);
    }

    [Fact]
    public async Task Create_BecomesReady_AndUpdatedAtMoves()
    {
        var created = await _world.CreateAsync(Named("agent"));
        await _world.SettleAsync();
        var ready = await _world.GetAsync(created.HarnessId);

        Assert.Equal(HarnessStatus.Ready, ready.Status);
        Assert.Equal(created.CreatedAt, ready.CreatedAt);
        Assert.True(ready.UpdatedAt > created.UpdatedAt);
    }

    [Fact]
    public async Task Reconciler_MakesReadyBySelf()
    {
        await _world.Reconciler.StartAsync(default);
        var harness = await _world.CreateAsync(Named("agent"));

        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while ((await _world.GetAsync(harness.HarnessId)).Status != HarnessStatus.Ready)
        {
            deadline.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }

        await _world.Reconciler.StopAsync(default);
    }

    [Fact]
    public async Task RestartedServer_FinishesWhatWasBegun()
    {
        var created = await _world.CreateAsync(Named("created"));
        var updated = await _world.ReadyAsync("updated");
        await _world.UpdateAsync(new() { HarnessId = updated.HarnessId, MaxIterations = 3 });
        var deleted = await _world.ReadyAsync("deleted");
        await _world.UpdateAsync(new() { HarnessId = updated.HarnessId, MaxIterations = 4 });
        await _world.Catalog.DeleteAsync(Mine, new() { HarnessId = deleted.HarnessId }, default);

        var restarted = new TestCatalog(null, _world.Store, _world.Time);
        await restarted.SettleAsync();

        Assert.Equal(HarnessStatus.Ready, (await restarted.GetAsync(created.HarnessId)).Status);
        var harness = await restarted.GetAsync(updated.HarnessId);
        Assert.Equal((HarnessStatus.Ready, "3", 4), (harness.Status, harness.HarnessVersion, harness.MaxIterations));
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => restarted.GetAsync(deleted.HarnessId));
    }

    [Fact]
    public async Task FailedCreation_SaysWhy_AndAnUpdateRepairsIt()
    {
        var harness = await _world.ReadyAsync(Named("agent") with { Environment = WithEfs() });

        Assert.Equal(HarnessStatus.CreateFailed, harness.Status);
        Assert.Contains(EfsPoint, harness.FailureReason, StringComparison.Ordinal);
        Assert.Contains("subnet-12345678", harness.FailureReason, StringComparison.Ordinal);
        var endpoint = await _world.EndpointAsync(harness.HarnessId);
        Assert.Equal((HarnessStatus.CreateFailed, null, "1"), (endpoint.Status, endpoint.LiveVersion, endpoint.TargetVersion));
        await RefusedServeAsync(harness, $"Harness {harness.HarnessId} is not ready: CREATE_FAILED");

        var updating = await _world.UpdateAsync(new() { HarnessId = harness.HarnessId, Environment = new() { AgentCoreRuntimeEnvironment = new() } });
        Assert.Equal((HarnessStatus.Updating, null), (updating.Status, updating.FailureReason));
        Assert.Equal(HarnessStatus.Creating, (await _world.EndpointAsync(harness.HarnessId)).Status);
        await RefusedServeAsync(harness, $"Endpoint DEFAULT of harness {harness.HarnessId} is not ready: CREATING");
        await _world.SettleAsync();

        Assert.Equal(HarnessStatus.Ready, (await _world.GetAsync(harness.HarnessId)).Status);
        Assert.Equal("2", (await _world.Catalog.ServeAsync(Mine, harness.Arn, null, default)).Harness.HarnessVersion);
    }

    [Fact]
    public async Task MappedMountAndNetwork_AreReady()
    {
        var world = new TestCatalog(new CatalogSettings
        {
            Mounts = new Dictionary<string, string> { [EfsPoint] = "/srv/shared" },
            Networks = new Dictionary<string, string> { ["subnet-12345678"] = "lab" },
        });

        Assert.Equal(HarnessStatus.Ready, (await world.ReadyAsync(Named("agent") with { Environment = WithEfs() })).Status);
    }

    [Fact]
    public async Task FailedUpdate_OldVersionServes_NextUpdateTakesNextNumber()
    {
        var harness = await _world.ReadyAsync();
        var failed = await _world.UpdatedAsync(new() { HarnessId = harness.HarnessId, Environment = WithEfs() });

        Assert.Equal((HarnessStatus.UpdateFailed, "2"), (failed.Status, failed.HarnessVersion));
        Assert.NotNull(failed.FailureReason);
        var endpoint = await _world.EndpointAsync(harness.HarnessId);
        Assert.Equal((HarnessStatus.UpdateFailed, "1", "2"), (endpoint.Status, endpoint.LiveVersion, endpoint.TargetVersion));
        Assert.Equal("1", (await _world.Catalog.ServeAsync(Mine, harness.Arn, null, default)).Harness.HarnessVersion);

        var repaired = await _world.UpdatedAsync(new() { HarnessId = harness.HarnessId, Environment = new() { AgentCoreRuntimeEnvironment = new() } });
        Assert.Equal((HarnessStatus.Ready, "3", null), (repaired.Status, repaired.HarnessVersion, repaired.FailureReason));
        var versions = await _world.Catalog.ListVersionsAsync(Mine, harness.HarnessId, 10, null, default);
        Assert.Equal(
            [("3", HarnessStatus.Ready), ("2", HarnessStatus.UpdateFailed), ("1", HarnessStatus.Ready)],
            versions.Items.Select(version => (version.HarnessVersion, version.Status)));
        Assert.Equal((HarnessStatus.UpdateFailed, true), await VersionOf(harness, "2"));
    }

    [Theory]
    [InlineData(HarnessStatus.Creating)]
    [InlineData(HarnessStatus.Updating)]
    [InlineData(HarnessStatus.Deleting)]
    public async Task UpdateAndDelete_InTransition_Conflict(HarnessStatus status)
    {
        var harness = await InAsync(status);

        await RefusedAsync(FaultCode.ConflictException, () => _world.UpdateAsync(new() { HarnessId = harness.HarnessId }));
        if (status == HarnessStatus.Deleting)
        {
            Assert.Equal(harness, await _world.Catalog.DeleteAsync(Mine, new() { HarnessId = harness.HarnessId }, default) is { } again ? again with { UpdatedAt = harness.UpdatedAt } : null, Same);
        }
        else
        {
            await RefusedAsync(FaultCode.ConflictException, () => _world.Catalog.DeleteAsync(Mine, new() { HarnessId = harness.HarnessId }, default));
        }
    }

    [Fact]
    public async Task Delete_Cascades_StopsSessions_AndFreesTheName()
    {
        var stopped = new List<string>();
        _world.StopSessions = (_, id, _) =>
        {
            stopped.Add(id);
            return Task.CompletedTask;
        };
        var harness = await _world.ReadyAsync(Named("agent") with { Tags = new Dictionary<string, string> { ["team"] = "lab" } });
        await _world.Catalog.PutPolicyAsync(Mine, harness.Arn, """{"Statement":[]}""", default);
        await _world.Catalog.CreateEndpointAsync(Mine, new() { HarnessId = harness.HarnessId, EndpointName = "live", Tags = new Dictionary<string, string> { ["a"] = "b" } }, default);
        await _world.SettleAsync();
        for (var version = 2; version < 130; version++)
        {
            await _world.UpdatedAsync(new() { HarnessId = harness.HarnessId, MaxIterations = version });
        }

        var deleting = await _world.Catalog.DeleteAsync(Mine, new() { HarnessId = harness.HarnessId }, default);
        Assert.Equal(HarnessStatus.Deleting, deleting!.Status);
        await RefusedServeAsync(harness, $"Harness {harness.HarnessId} is not ready: DELETING");
        await _world.SettleAsync();

        Assert.Equal([harness.HarnessId], stopped);
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => _world.GetAsync(harness.HarnessId));
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => _world.Catalog.TagsAsync(Mine, harness.Arn, default));
        foreach (var collection in new[] { "harnesses", "harness-names", "harness-ages", "harness-versions", "harness-snapshots", "harness-endpoints", "harness-tags", "harness-policies", "harness-work" })
        {
            Assert.Empty(await _world.Store.ListAsync(Mine, collection, "", null, 1000, default));
        }

        Assert.NotEqual(harness.HarnessId, (await _world.ReadyAsync()).HarnessId);
    }

    [Fact]
    public async Task SessionsDoNotStop_DeleteFails_AndCanBeRepeated()
    {
        var harness = await _world.ReadyAsync();
        _world.StopSessions = (_, _, _) => throw new IOException("no answer");
        await _world.Catalog.DeleteAsync(Mine, new() { HarnessId = harness.HarnessId }, default);
        await _world.SettleAsync();

        var failed = await _world.GetAsync(harness.HarnessId);
        Assert.Equal(HarnessStatus.DeleteFailed, failed.Status);
        Assert.NotNull(failed.FailureReason);
        Assert.Equal("1", (await _world.Catalog.ServeAsync(Mine, harness.Arn, null, default)).Harness.HarnessVersion);
        await RefusedAsync(FaultCode.ConflictException, () => _world.UpdateAsync(new() { HarnessId = harness.HarnessId }));

        _world.StopSessions = (_, _, _) => Task.CompletedTask;
        await _world.Catalog.DeleteAsync(Mine, new() { HarnessId = harness.HarnessId }, default);
        await _world.SettleAsync();
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => _world.GetAsync(harness.HarnessId));
    }

    [Fact]
    public async Task SessionsTakeTooLong_DeleteFails()
    {
        var harness = await _world.ReadyAsync();
        _world.StopSessions = async (_, _, token) =>
        {
            _world.Time.Advance(TimeSpan.FromSeconds(31));
            await Task.Delay(Timeout.Infinite, token);
        };
        await _world.Catalog.DeleteAsync(Mine, new() { HarnessId = harness.HarnessId }, default);
        await _world.SettleAsync();

        Assert.Equal(HarnessStatus.DeleteFailed, (await _world.GetAsync(harness.HarnessId)).Status);
    }

    [Fact]
    public async Task NameTaken_Conflict_UntilDeletionIsOver()
    {
        var harness = await _world.ReadyAsync();
        await RefusedAsync(FaultCode.ConflictException, () => _world.CreateAsync(Named("agent")));
        await _world.Catalog.DeleteAsync(Mine, new() { HarnessId = harness.HarnessId }, default);
        await RefusedAsync(FaultCode.ConflictException, () => _world.CreateAsync(Named("agent")));

        Assert.NotNull(await _world.Catalog.CreateAsync(Theirs, Named("agent"), default));
        Assert.NotNull(await _world.Catalog.CreateAsync(Mine with { Region = "eu-west-1" }, Named("agent"), default));
    }

    [Fact]
    public async Task Quotas_AreKept()
    {
        var world = new TestCatalog(new CatalogSettings { MaxHarnesses = 2, MaxVersions = 2, MaxEndpoints = 2 });
        var harness = await world.ReadyAsync("a");
        await world.ReadyAsync("b");
        await RefusedAsync(FaultCode.ServiceQuotaExceededException, () => world.CreateAsync(Named("c")));
        await world.UpdatedAsync(new() { HarnessId = harness.HarnessId });
        await RefusedAsync(FaultCode.ConflictException, () => world.UpdateAsync(new() { HarnessId = harness.HarnessId }));
        await world.Catalog.CreateEndpointAsync(Mine, new() { HarnessId = harness.HarnessId, EndpointName = "one" }, default);
        var fault = await RefusedAsync(
            FaultCode.ServiceQuotaExceededException,
            () => world.Catalog.CreateEndpointAsync(Mine, new() { HarnessId = harness.HarnessId, EndpointName = "two" }, default));
        Assert.Equal("The limit of 2 endpoints per harness has been reached.", fault.Message);
    }

    [Fact]
    public async Task ManyAtOnce_OneNameOneHarness_AllUpdatesCount()
    {
        var creations = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(async () =>
        {
            try
            {
                return await _world.CreateAsync(Named("agent"));
            }
            catch (ServiceException fault) when (fault.Code == FaultCode.ConflictException)
            {
                return null;
            }
        })));

        var harness = Assert.Single(creations, harness => harness is not null)!;
        await Task.WhenAll(Enumerable.Range(0, 40).Select(number => Task.Run(() =>
            _world.Catalog.TagAsync(Mine, harness.Arn, new Dictionary<string, string> { [$"key{number}"] = "x" }, default))));
        Assert.Equal(40, (await _world.Catalog.TagsAsync(Mine, harness.Arn, default)).Count);
    }

    [Fact]
    public async Task DeepestJsonThatEnters_IsStoredAndReturned()
    {
        // The request is as deep as the wire allows: root, tools, entry, config, inlineFunction, then the schema.
        const int Schema = BelayJson.MaxDepth - 5;
        var schema = string.Concat(Enumerable.Repeat("{\"a\":", Schema - 1)) + "{}" + new string('}', Schema - 1);
        var request = JsonSerializer.Deserialize(
            $$$$"""
            {"harnessName":"agent","executionRoleArn":"{{{{Role}}}}","clientToken":"8ec4ad27-278f-48c3-ba03-f8bc49212a83",
             "tools":[{"type":"inline_function","name":"f","config":{"inlineFunction":{"description":"d","inputSchema":{{{{schema}}}}}}}]}
            """,
            BelayJson.Default.CreateHarnessRequest)!;
        var harness = await _world.ReadyAsync(request);

        var reread = await new TestCatalog(null, _world.Store, _world.Time).GetAsync(harness.HarnessId);
        Assert.Equal(schema, reread.Tools[0].Config!.InlineFunction!.InputSchema.GetRawText());
    }

    [Fact]
    public async Task StoreThatFailsForAMoment_IsTriedAgain()
    {
        var harness = await _world.CreateAsync(Named("agent"));
        _world.Store.BeforeWrite = (_, _) =>
        {
            _world.Store.BeforeWrite = null;
            throw new StorageException("The disk is full.");
        };
        await _world.SettleAsync();
        Assert.Equal(HarnessStatus.Creating, (await _world.GetAsync(harness.HarnessId)).Status);
        await _world.SettleAsync();
        Assert.Equal(HarnessStatus.Ready, (await _world.GetAsync(harness.HarnessId)).Status);
    }

    [Fact]
    public async Task OneDamagedHarness_DoesNotKeepOthersWaiting()
    {
        var (damaged, sound) = (await _world.CreateAsync(Named("a")), await _world.CreateAsync(Named("b")));
        var snapshot = Assert.Single(await _world.Store.ListAsync(Mine, "harness-snapshots", damaged.HarnessId, null, 2, default));
        await _world.Store.WriteAsync(Mine, [new(snapshot.Key, new byte[100], null)], default);
        await _world.SettleAsync();

        Assert.Equal(HarnessStatus.Ready, (await _world.GetAsync(sound.HarnessId)).Status);
        Assert.Equal(
            HarnessStatus.Creating,
            (await _world.Catalog.ListAsync(Mine, 10, null, default)).Items.Single(item => item.HarnessId == damaged.HarnessId).Status);
    }

    [Fact]
    public async Task SensitiveMembers_AreSealedAtRest()
    {
        const string Secret = "canary-5f2d";
        var request = Named("agent") with
        {
            SystemPrompt = [new() { Text = Secret }],
            EnvironmentVariables = new Dictionary<string, string> { ["TOKEN"] = Secret },
            ClientToken = "8ec4ad27-278f-48c3-ba03-f8bc49212a83",
        };
        var seen = new List<string>();
        _world.Store.BeforeWrite = (_, writes) =>
        {
            seen.AddRange(writes.Select(write => Encoding.UTF8.GetString(write.Body.GetValueOrDefault().Span)));
            return Task.CompletedTask;
        };
        var harness = await _world.ReadyAsync(request);

        Assert.Equal(Secret, harness.SystemPrompt[0].Text);
        Assert.NotEmpty(seen);
        Assert.DoesNotContain(seen, body => body.Contains(Secret, StringComparison.Ordinal));
    }

    private static bool Same(Harness? a, Harness? b) =>
        JsonSerializer.Serialize(a, BelayJson.Default.Harness) == JsonSerializer.Serialize(b, BelayJson.Default.Harness);

    private static HarnessEnvironmentProviderRequest WithEfs() => new()
    {
        AgentCoreRuntimeEnvironment = new()
        {
            NetworkConfiguration = new()
            {
                NetworkMode = NetworkMode.Vpc,
                NetworkModeConfig = new() { SecurityGroups = ["sg-12345678"], Subnets = ["subnet-12345678"] },
            },
            FilesystemConfigurations = [new() { EfsAccessPoint = new() { AccessPointArn = EfsPoint, MountPath = "/mnt/shared" } }],
        },
    };

    private async Task<Harness> InAsync(HarnessStatus status)
    {
        if (status == HarnessStatus.Creating)
        {
            return await _world.CreateAsync(Named("agent"));
        }

        var harness = await _world.ReadyAsync();
        return status == HarnessStatus.Updating
            ? await _world.UpdateAsync(new() { HarnessId = harness.HarnessId })
            : (await _world.Catalog.DeleteAsync(Mine, new() { HarnessId = harness.HarnessId }, default))!;
    }

    private async Task<(HarnessStatus Status, bool HasReason)> VersionOf(Harness harness, string version)
    {
        var found = await _world.GetAsync(harness.HarnessId, version);
        return (found.Status, found.FailureReason is not null);
    }

    private async Task RefusedServeAsync(Harness harness, string message)
    {
        var fault = await RefusedAsync(FaultCode.ValidationException, () => _world.Catalog.ServeAsync(Mine, harness.Arn, null, default));
        Assert.Equal((ValidationReason.ResourceConflict, message), (fault.Reason, fault.Message));
    }
}
