using System.Text;
using System.Text.Json;
using Belay.Agents;
using FsCheck;
using FsCheck.Fluent;

namespace Belay.Tests.Agents;

public sealed class Utf8PiecesTests
{
    [Theory]
    [InlineData("x")]
    [InlineData("é")]
    [InlineData("語")]
    [InlineData("😀")]
    [InlineData("\u0001")]
    [InlineData("<")]
    public void Pieces_JoinToTheTextAndFitAFrame(string unit)
    {
        var text = string.Concat(Enumerable.Repeat(unit, 200_000));

        var pieces = Utf8Pieces.Split(text).ToList();

        Assert.Equal(text, string.Concat(pieces));
        Assert.All(pieces, piece =>
        {
            Assert.InRange(Encoding.UTF8.GetByteCount(piece), 1, Utf8Pieces.FrameBytes);
            Assert.True(JsonSerializer.Serialize(piece).Length < 256 * 1024);
        });
    }

    [Fact]
    public void Text_CutInTheMiddle_KeepsBothEndsAndFits() =>
        Prop.ForAll(ArbMap.Default.ArbFor<string>(), Gen.Choose(10, 60).ToArbitrary(), (text, limit) =>
        {
            var whole = string.Concat(Enumerable.Repeat((text ?? "") + "a😀é", 20));
            var cut = Utf8Pieces.CutMiddle(whole, limit);
            Assert.InRange(Encoding.UTF8.GetByteCount(cut), 0, limit + 48);
            Assert.Contains("bytes removed", cut, StringComparison.Ordinal);
            Assert.EndsWith("é", cut, StringComparison.Ordinal);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void NothingToCut_IsLeftAlone() => Assert.Equal("short", Utf8Pieces.CutMiddle("short", 5));
}
