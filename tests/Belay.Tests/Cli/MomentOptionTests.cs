using System.Globalization;
using Belay.Cli.CommandLine;

namespace Belay.Tests.Cli;

public sealed class MomentOptionTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 8, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("90s", "2026-11-21T07:58:30Z")]
    [InlineData("30m", "2026-11-21T07:30:00Z")]
    [InlineData("12h", "2026-11-20T20:00:00Z")]
    [InlineData("2d", "2026-11-19T08:00:00Z")]
    [InlineData("1w", "2026-11-14T08:00:00Z")]
    [InlineData("0s", "2026-11-21T08:00:00Z")]
    [InlineData("999999999w", "1970-01-01T00:00:00Z")]
    [InlineData("2026-11-21", "2026-11-21T00:00:00Z")]
    [InlineData("2026-11-21T08:15", "2026-11-21T08:15:00Z")]
    [InlineData("2026-11-21 08:15", "2026-11-21T08:15:00Z")]
    [InlineData("2026-11-21T08:15:30Z", "2026-11-21T08:15:30Z")]
    [InlineData("2026-11-21T08:15:30+02:00", "2026-11-21T06:15:30Z")]
    [InlineData("2026-11-21T08:15:30.250Z", "2026-11-21T08:15:30.250Z")]
    public void Moment_IsRead(string text, string expected) =>
        Assert.Equal(DateTimeOffset.Parse(expected, CultureInfo.InvariantCulture), MomentOption.Parse(text, Now));

    [Theory]
    [InlineData("")]
    [InlineData("yesterday")]
    [InlineData("1y")]
    [InlineData("-1h")]
    [InlineData("1.5h")]
    [InlineData("1h ")]
    [InlineData("9999999999h")]
    [InlineData("2026-02-30")]
    [InlineData("21.11.2026")]
    public void OtherText_IsNoMoment(string text) => Assert.Null(MomentOption.Parse(text, Now));

    [Fact]
    public async Task OtherText_IsAnsweredWithTheRule()
    {
        using var run = new CliRun().WithKey();

        Assert.Equal(2, await run.RunAsync("logs", "--since", "yesterday"));
        Assert.Equal(
            """
            belay logs: --since is "yesterday", which is no time: give a time ago such as 30m, 12h or 2d (units s, m, h, d, w), or a date or time of ISO 8601 such as 2026-11-21 or 2026-11-21T08:00:00Z.
            See: belay logs --help

            """,
            run.Error);
    }
}
