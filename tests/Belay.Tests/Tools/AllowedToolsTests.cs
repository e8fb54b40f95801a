using Belay.Tools;

namespace Belay.Tests.Tools;

public sealed class AllowedToolsTests
{
    private static readonly (string Server, string Tool)[] Tools =
        [("builtin", "shell"), ("builtin", "file_operations"), ("search", "web_find"), ("approve", "approve"), ("browser", "browser")];

    [Theory]
    [InlineData("*", "11111")]
    [InlineData("shell", "10000")]
    [InlineData("file_*", "01000")]
    [InlineData("@builtin", "11000")]
    [InlineData("@builtin/shell", "10000")]
    [InlineData("@search", "00100")]
    [InlineData("@search/web_*", "00100")]
    [InlineData("@search/search_web_find", "00100")]
    [InlineData("@*/web_find", "00100")]
    [InlineData("approve", "00000")]
    [InlineData("@approve", "00010")]
    [InlineData("@browser/browser", "00001")]
    [InlineData("@browser/*", "00001")]
    [InlineData("none", "00000")]
    [InlineData("Shell", "00000")]
    [InlineData("sh?ll", "10000")]
    [InlineData("sh?l", "00000")]
    [InlineData("@*", "11111")]
    [InlineData("**l*l", "10000")]
    public void Pattern_MatchesAsTheTableSays(string pattern, string expected)
    {
        var allowed = new AllowedTools([pattern]);

        Assert.Equal(expected, string.Concat(Tools.Select(tool => allowed.Permits(tool.Server, tool.Tool) ? '1' : '0')));
    }

    [Fact]
    public void List_IsAUnion_AndAnEmptyOneAllowsNothing()
    {
        Assert.All(Tools, tool => Assert.False(new AllowedTools([]).Permits(tool.Server, tool.Tool)));
        Assert.True(new AllowedTools(["none", "@search"]).Permits("search", "web_find"));
    }

    [Theory]
    [InlineData("*", true)]
    [InlineData("@search/x", true)]
    [InlineData("@se*", true)]
    [InlineData("shell", false)]
    [InlineData("@other", false)]
    public void Server_OfWhichNoToolCanMatch_IsLeftAlone(string pattern, bool expected) =>
        Assert.Equal(expected, new AllowedTools([pattern]).CanPermitServer("search"));

    [Fact]
    public void HostilePattern_TakesNoTime()
    {
        var allowed = new AllowedTools([string.Concat(Enumerable.Repeat("*a", 32))]);

        Assert.False(allowed.Permits("builtin", new string('a', 63) + "b"));
    }
}
