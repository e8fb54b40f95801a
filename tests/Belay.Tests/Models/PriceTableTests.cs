using Belay.Models;

namespace Belay.Tests.Models;

public sealed class PriceTableTests
{
    [Fact]
    public void Lists_NameSourceAndDate_AndNoModelTwice()
    {
        var lists = PriceTable.Read();

        Assert.All(lists, list =>
        {
            Assert.Equal(Uri.UriSchemeHttps, list.Source.Scheme);
            Assert.True(list.Date >= new DateOnly(2026, 1, 1), list.Provider);
            Assert.NotEmpty(list.Models);
            Assert.NotNull(LiteLlmProviders.Find(list.Provider));
        });
        var names = lists.SelectMany(list => list.Models.Select(model => $"{list.Provider}/{model.Model}")).ToList();
        Assert.Equal(names.Distinct(), names);
    }

    [Fact]
    public void Prices_AreAboveNothing_AndCacheReadsCheaperThanInput() =>
        Assert.All(PriceTable.Read().SelectMany(list => list.Models), model =>
        {
            Assert.True(model is { Input: > 0, Output: > 0 } && model.Output >= model.Input, model.Model);
            Assert.True(model.CacheRead is null || (model.CacheRead > 0 && model.CacheRead < model.Input), model.Model);
            Assert.True(model.CacheWrite is null || model.CacheWrite >= model.Input, model.Model);
        });

    [Theory]
    [InlineData("openai", "gpt-4.1", 2)]
    [InlineData("openai", "gpt-4.1-2025-04-14", 2)]
    [InlineData("anthropic", "claude-sonnet-4-5-20250929", 3)]
    [InlineData("anthropic", "claude-opus-5-5", 4)]
    [InlineData("gemini", "gemini-2.5-pro", 1.25)]
    [InlineData("groq", "openai/gpt-oss-120b", 0.15)]
    public void Model_IsFoundByNameAndBySnapshot(string provider, string modelId, double input) =>
        Assert.Equal((decimal)input, new ModelPrices().Find(provider, modelId)?.Input);

    [Theory]
    [InlineData("openai", "gpt-4.1-maxi")] // Resembles one that has a price.
    [InlineData("openai", "gpt-4.1-20")]
    [InlineData("azure", "gpt-4.1")] // A deployment's name says nothing.
    [InlineData("ollama", "qwen3")]
    [InlineData("openrouter", "openai/gpt-4.1")]
    [InlineData("bedrock", "eu.anthropic.claude-sonnet-4-6")]
    public void Model_ThatIsNotNamed_HasNoPrice(string provider, string modelId) => Assert.Null(new ModelPrices().Find(provider, modelId));

    [Fact]
    public void OperatorsPrices_Win_AndTheListCanBeSwitchedOff()
    {
        var mine = new Dictionary<string, ModelPrice> { ["gpt-*"] = new(7, 7) };

        Assert.Equal(7, new ModelPrices { ByModel = mine }.Find("openai", "gpt-4.1")?.Input);
        Assert.Null(new ModelPrices { Shipped = false }.Find("openai", "gpt-4.1"));
        Assert.Null(new ModelPrices { Currency = "EUR" }.Find("openai", "gpt-4.1"));
    }
}
