using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Testing.Sessions;

namespace Belay.Tests.Agents;

public sealed class InvocationResolverTests
{
    [Fact]
    public async Task Overrides_ReplaceWholeFields_AndLeaveTheHarnessAlone()
    {
        await using var world = new EngineWorld();
        world.Harness = world.Harness with { SystemPrompt = [new() { Text = "Old." }], Tools = [EngineWorld.Inline("ask")], MaxTokens = 9 };

        var plain = Resolve(world, world.Request(EngineWorld.User("Hi")));
        var changed = Resolve(world, world.Request(EngineWorld.User("Hi")) with
        {
            SystemPrompt = [],
            Tools = [],
            AllowedTools = ["none"],
            MaxIterations = 100,
            TimeoutSeconds = 9999,
        });

        Assert.Equal(["Old."], plain.System);
        Assert.Equal((75, 9, 3600), (plain.Limits.MaxIterations, plain.Limits.MaxTokens, plain.Limits.TimeoutSeconds));
        Assert.Equal("default-user", plain.DefaultActorId);
        Assert.Empty(changed.System);
        Assert.Empty(changed.Tools);
        Assert.Equal(["none"], changed.AllowedTools);
        Assert.Equal((100, 9, 9999), (changed.Limits.MaxIterations, changed.Limits.MaxTokens, changed.Limits.TimeoutSeconds));
    }

    [Fact]
    public async Task AllowedToolsNone_ShowsNoTool_AndACallIsUnknown()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", """{"command":"effect X"}""")).Say("Ok.");

        await world.InvokeAsync(world.Request(EngineWorld.User("Go")) with { AllowedTools = ["none"] });

        Assert.Empty(world.Model.Requests[0].Tools);
        var result = Assert.IsType<Block.ToolResult>(world.Model.Requests[1].Messages[2].Blocks[0]);
        Assert.Equal("Unknown tool: shell", Assert.IsType<ToolContent.Text>(result.Content[0]).Value);
        Assert.Empty(world.Disk.Effects);
    }

    [Fact]
    public async Task ArgumentsThatAreNotJson_AreAnErrorResultAndTheToolDoesNotRun()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", """{"command": effect X""")).Say("Ok.");

        await world.InvokeAsync(EngineWorld.User("Go"));

        var result = Assert.IsType<Block.ToolResult>(world.Model.Requests[1].Messages[2].Blocks[0]);
        Assert.Equal(HarnessToolUseStatus.Error, result.Status);
        Assert.StartsWith("Error: the arguments of shell are not valid JSON", Assert.IsType<ToolContent.Text>(result.Content[0]).Value, StringComparison.Ordinal);
        Assert.Empty(world.Disk.Effects);
    }

    [Fact]
    public async Task WhatIsNotBuilt_IsRefusedByName_AllAtOnce()
    {
        await using var world = new EngineWorld();
        world.Harness = world.Harness with
        {
            Tools =
            [
                new() { Type = HarnessToolType.RemoteMcp, Name = "search", Config = new() { RemoteMcp = new() { Url = "https://example.com/mcp" } } },
                new() { Type = HarnessToolType.AgentCoreBrowser, Name = "browser" },
            ],
            Skills = [new() { Path = "/skills" }],
            Memory = new() { ManagedMemoryConfiguration = new() },
        };

        var fault = Assert.Throws<ServiceException>(() => Resolve(world, world.Request(EngineWorld.User("Hi")) with { MaxIterations = 0 }));

        Assert.Equal(["maxIterations", "tools[0]", "tools[1]", "skills", "memory.managedMemoryConfiguration"], fault.Fields.Select(field => field.Name));
        Assert.Contains("search", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ToolThatNoPatternCanMatch_IsNotInTheWay()
    {
        await using var world = new EngineWorld();
        world.Harness = world.Harness with
        {
            Tools = [new() { Type = HarnessToolType.RemoteMcp, Name = "search", Config = new() { RemoteMcp = new() { Url = "https://example.com/mcp" } } }],
            Memory = new() { Disabled = new() },
        };

        Assert.NotNull(Resolve(world, world.Request(EngineWorld.User("Hi")) with { AllowedTools = ["@builtin"] }));
    }

    [Fact]
    public async Task ImageAndAuthorizer_AreRefused()
    {
        await using var world = new EngineWorld();
        var image = world.Harness with { EnvironmentArtifact = new() { ContainerConfiguration = new() { ContainerUri = "a/b" } } };
        var jwt = world.Harness with { AuthorizerConfiguration = new() { CustomJwtAuthorizer = new() { DiscoveryUrl = "https://a/.well-known/openid-configuration" } } };

        Assert.Equal("environmentArtifact.containerConfiguration", Assert.Single(Assert.Throws<ServiceException>(() => InvocationResolver.ThrowIfUnservable(image)).Fields).Name);
        Assert.Equal(FaultCode.AccessDeniedException, Assert.Throws<ServiceException>(() => InvocationResolver.ThrowIfUnservable(jwt)).Code);
    }

    [Fact]
    public async Task OverridesThatTheOperatorForbids_AreDenied()
    {
        await using var world = new EngineWorld { Invocations = new() { AllowedOverrides = ["maxTokens"] } };

        var fault = Assert.Throws<ServiceException>(() => Resolve(world, world.Request(EngineWorld.User("Hi")) with { MaxTokens = 1, Tools = [], ActorId = "a" }));

        Assert.Equal((FaultCode.AccessDeniedException, "An invocation may not override tools, actorId here."), (fault.Code, fault.Message));
    }

    [Fact]
    public async Task Messages_AreCheckedAllAtOnce()
    {
        await using var world = new EngineWorld();
        var use = new HarnessContentBlock { ToolUse = new() { Name = "x", ToolUseId = "a", Input = Belay.Tools.ToolArguments.Empty } };

        Assert.Equal(["messages"], Fields(world));
        Assert.Equal(["messages[0].content"], Fields(world, new HarnessMessage { Role = HarnessConversationRole.User, Content = [] }));
        Assert.Equal(["messages"], Fields(world, EngineWorld.User("a"), new HarnessMessage { Role = HarnessConversationRole.Assistant, Content = [new() { Text = "b" }] }));
        Assert.Equal(["messages[0].content[1].toolUse.toolUseId", "messages"], Fields(world, new HarnessMessage { Role = HarnessConversationRole.Assistant, Content = [use, use] }));
        Assert.Equal(["messages[0].content[0]"], Fields(world, new HarnessMessage { Role = HarnessConversationRole.User, Content = [use, new() { Text = "x" }] }));
        Assert.Empty(Fields(world, EngineWorld.User("a"), new HarnessMessage { Role = HarnessConversationRole.Assistant, Content = [use] }));
    }

    private static IEnumerable<string> Fields(EngineWorld world, params HarnessMessage[] messages)
    {
        try
        {
            Resolve(world, world.Request(messages));
            return [];
        }
        catch (ServiceException fault)
        {
            return fault.Fields.Select(field => field.Name);
        }
    }

    private static Invocation Resolve(EngineWorld world, InvokeHarnessRequest request) => world.Resolver.Resolve(new(world.Harness, "DEFAULT", world.Belay), request);
}
