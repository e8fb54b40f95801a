using System.Text;
using Belay.Sandboxes;
using FsCheck;
using FsCheck.Fluent;

namespace Belay.Tests.Sandboxes;

public sealed class Utf8ChunkerTests
{
    [Fact]
    public void AnyBytes_CutAnywhere_GiveTheSameText() => Prop.ForAll(
        ArbMap.Default.ArbFor<(byte[], int)>(),
        sample =>
        {
            var (bytes, seed) = sample;
            var random = new Random(seed);
            var text = new StringBuilder();
            var chunker = new Utf8Chunker();
            for (ReadOnlyMemory<byte> rest = bytes; !rest.IsEmpty;)
            {
                var length = random.Next(1, rest.Length + 1);
                text.AppendJoin("", chunker.Take(rest[..length]));
                rest = rest[length..];
            }

            text.Append(chunker.End());
            return text.ToString() == Encoding.UTF8.GetString(bytes);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void SplitCharacter_WaitsForItsRest()
    {
        var chunker = new Utf8Chunker();
        var bytes = Encoding.UTF8.GetBytes("a😀b");

        Assert.Equal(["a"], chunker.Take(bytes.AsMemory(0, 3)));
        Assert.Equal(["😀b"], chunker.Take(bytes.AsMemory(3)));
        Assert.Equal("", chunker.End());
    }

    [Fact]
    public void InvalidBytes_AreReplaced_AndNoTextIsLongerThan64KiB()
    {
        var chunker = new Utf8Chunker();
        var texts = chunker.Take(Enumerable.Repeat((byte)0xFF, 100_000).ToArray()).ToList();

        Assert.Equal(100_000, texts.Sum(text => text.Length));
        Assert.All(texts, text => Assert.InRange(Encoding.UTF8.GetByteCount(text), 1, 65_536));
    }
}
