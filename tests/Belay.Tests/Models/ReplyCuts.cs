using Belay.Models;
using Belay.Testing.Models;

namespace Belay.Tests.Models;

/// <summary>Feeds a parser as the connection does, cutting the bytes where a test wants.</summary>
internal static class ReplyCuts
{
    /// <summary>The events of a reply in one piece, and the failure if there is one, as lines.</summary>
    public static string Print(IReplyParser parser, byte[] bytes) => Print(parser, bytes, bytes.Length, joined: true);

    /// <summary>Asserts that the events are the same wherever the bytes are cut.</summary>
    public static void AssertSame(Func<IReplyParser> parser, byte[] bytes)
    {
        var whole = Print(parser(), bytes, bytes.Length, joined: false);
        Assert.Equal(whole, Print(parser(), bytes, 1, joined: false));
        for (var cut = 1; cut < bytes.Length; cut++)
        {
            Assert.Equal(whole, Print(parser(), bytes, cut, joined: false));
        }
    }

    private static string Print(IReplyParser parser, byte[] bytes, int piece, bool joined)
    {
        var events = new List<ModelEvent>();
        try
        {
            for (var at = 0; at < bytes.Length && !parser.Ended; at += piece)
            {
                parser.Feed(bytes.AsSpan(at, Math.Min(piece, bytes.Length - at)), events);
            }

            parser.End(events);
        }
        catch (ModelException exception)
        {
            return $"{ModelEventText.Print(events, joined)}\n! {exception.Failure}: {exception.Message}".TrimStart('\n');
        }

        ModelContract.AssertWellFormed(events);
        return ModelEventText.Print(events, joined);
    }
}
