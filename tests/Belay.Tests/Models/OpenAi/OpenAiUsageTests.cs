using System.Text;
using Belay.Models;
using Belay.Models.OpenAi;
using Belay.Sessions;
using Belay.Testing.Models;

namespace Belay.Tests.Models.OpenAi;

/// <summary>How tokens from a provider's cache are counted, from the wire to the journal.</summary>
public sealed class OpenAiUsageTests
{
    [Theory]
    [InlineData("""{"prompt_tokens":9,"completion_tokens":3}""", 9, 0, 0, false, 9)]
    [InlineData("""{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}""", 9, 4, 0, true, 5)]
    [InlineData("""{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":3}}""", 9, 4, 3, true, 2)]
    [InlineData("""{"prompt_tokens":9,"completion_tokens":3,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":5}""", 9, 4, 0, true, 5)]
    [InlineData("""{"prompt_tokens":3,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}""", 3, 4, 0, true, 0)]
    public void CachedTokens_AreAmongTheInput_WhoeverSpeaksTheFormat(string usage, int input, int read, int write, bool within, int fresh)
    {
        var events = new List<ModelEvent>();
        var stream = new OpenAiStream(streamed: true);
        stream.Feed(ProviderBytes.Events(ProviderBytes.Chunk("""{"content":"a"}""", "stop"), $$"""{"choices":[],"usage":{{usage}}}""", "[DONE]"), events);
        stream.End(events);

        var tokens = events.OfType<ModelEvent.Usage>().Single().Tokens;
        Assert.Equal(new TokenUsage(input, 3, read, write, within), tokens);
        Assert.Equal((fresh, within ? fresh : input), (tokens.Fresh("groq"), tokens.Fresh("bedrock")));
    }

    [Fact]
    public void Journal_SaysItWhereItMatters_AndReadsWhatDoesNotSayIt()
    {
        var outcome = new ModelOutcome("inv", 1, null, null, new(9, 3, 4, CacheWithin: true), [], 1, 1, null, null);
        var (said, silent) = (Encoding.UTF8.GetString(JournalJson.Serialize(outcome)), Encoding.UTF8.GetString(JournalJson.Serialize(outcome with { Usage = new(9, 3) })));

        Assert.Contains("\"cacheWithin\":true", said, StringComparison.Ordinal);
        Assert.DoesNotContain("cacheWithin", silent, StringComparison.Ordinal);
        Assert.Equal(outcome.Usage, ((ModelOutcome)JournalJson.Deserialize(JournalJson.KindOf(outcome), Encoding.UTF8.GetBytes(said))!).Usage);
        Assert.Equal(new TokenUsage(9, 3), ((ModelOutcome)JournalJson.Deserialize(JournalJson.KindOf(outcome), Encoding.UTF8.GetBytes(silent))!).Usage);
    }
}
