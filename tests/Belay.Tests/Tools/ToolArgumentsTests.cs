using Belay.Agents;
using Belay.Testing.Sessions;
using Belay.Tests.Sessions;
using Belay.Tools;

namespace Belay.Tests.Tools;

public sealed class ToolArgumentsTests
{
    [Theory]
    [InlineData("""{"a":"\ud83d"}""")]
    [InlineData("""{"a":["\ude00"]}""")]
    [InlineData("""{"\ud83d":1}""")]
    [InlineData("""{"a":1}{"b":2}""")]
    [InlineData("""["a"]""")]
    public void WhatNoProviderWouldTakeBack_IsNoArguments(string text)
    {
        Assert.Null(ToolArguments.Parse(text));
        Assert.NotEmpty(ToolArguments.Problem(text));
    }

    [Theory]
    [InlineData("", "{}")]
    [InlineData("  ", "{}")]
    [InlineData("""{"a":"\ud83d\ude00"}""", """{"a":"\ud83d\ude00"}""")]
    public void Objects_AreArguments(string text, string expected) => Assert.Equal(expected, ToolArguments.Parse(text)!.Value.GetRawText());

    [Fact]
    public async Task HalfASurrogatePair_IsForTheModelToCorrect()
    {
        await using var world = new EngineWorld();
        world.Model.Call(("a1", "shell", """{"command":"echo \ud83d"}""")).Say("Sorry.");

        var events = await world.InvokeAsync(EngineWorld.User("Go"));

        Assert.Equal("messageStop EndTurn", Shown.Of(events[^2]));
        var result = Assert.IsType<Block.ToolResult>(Assert.Single(world.Model.Requests[1].Messages[2].Blocks));
        Assert.Contains("half a surrogate pair", Assert.IsType<ToolContent.Text>(Assert.Single(result.Content)).Value, StringComparison.Ordinal);
        Assert.Equal("{}", Assert.IsType<Block.ToolUse>(world.Model.Requests[1].Messages[1].Blocks[0]).Input.GetRawText());
    }
}
