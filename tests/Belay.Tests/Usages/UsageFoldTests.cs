using Belay.Contracts.Sessions;
using Belay.Contracts.Usages;
using Belay.Models;
using Belay.Sessions;
using Belay.Usages;

namespace Belay.Tests.Usages;

public sealed class UsageFoldTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 22, 30, 0, TimeSpan.Zero);

    private static readonly ModelPrices Prices = new()
    {
        ByModel = new Dictionary<string, ModelPrice> { ["gpt-*"] = new(2, 10), ["gpt-4*"] = new(4, 20, 1), ["bedrock/claude"] = new(3, 15, 0.3m, 3.75m) },
    };

    [Theory]
    [InlineData("3/15", 3, 15, null, null)]
    [InlineData("0.25/1.5/0.025", 0.25, 1.5, 0.025, null)]
    [InlineData("3/15/0.30/3.75", 3, 15, 0.30, 3.75)]
    public void Price_IsRead(string text, double input, double output, double? read, double? write) =>
        Assert.Equal(new ModelPrice((decimal)input, (decimal)output, (decimal?)read, (decimal?)write), ModelPrice.TryParse(text));

    [Theory]
    [InlineData("")]
    [InlineData("3")]
    [InlineData("3/x")]
    [InlineData("-3/15")]
    [InlineData("3/15/1/1/1")]
    [InlineData("3,5/15")]
    [InlineData("99999999999/1")]
    public void Price_OfAnotherForm_IsNone(string text) => Assert.Null(ModelPrice.TryParse(text));

    [Theory]
    [InlineData("openai", "gpt-5", 1_000_000, 100_000, 0, 0, "3")]
    [InlineData("openai", "gpt-4o", 1_000_000, 100_000, 400_000, 0, "4.8")] // The cached ones are among the input: 0.6 * 4 + 0.1 * 20 + 0.4 * 1.
    [InlineData("gemini", "gpt-4o", 1_000_000, 100_000, 400_000, 0, "4.8")]
    [InlineData("bedrock", "claude", 1_000_000, 100_000, 400_000, 200_000, "5.37")] // They are beside it: 3 + 1.5 + 0.12 + 0.75.
    [InlineData("bedrock", "claude", 1, 0, 0, 0, "0.000003")]
    [InlineData("belay", "belay/scripted", 1_000_000, 1_000_000, 0, 0, "0")]
    [InlineData("groq", "gpt-4o", 1_000_000, 100_000, 400_000, 0, "4.8")] // As everybody who speaks that format.
    [InlineData("wizard", "gpt-4o", 1_000_000, 100_000, 400_000, 0, "4.8")]
    [InlineData("anthropic", "gpt-4o", 1_000_000, 100_000, 400_000, 0, "6.4")]
    [InlineData("openai", "gpt-4o", 100, 0, 400, 0, "0.0004")] // Never less than nothing.
    [InlineData("openai", "claude", 1, 1, 0, 0, null)]
    [InlineData("bedrock", "nova", 1, 1, 0, 0, null)]
    [InlineData("bedrock", "nova", 0, 0, 0, 0, "0")]
    public void Cost_IsExact(string provider, string model, int input, int output, int read, int write, string? amount)
    {
        var total = Total(provider, model, new TokenUsage(input, output, read, write));
        var unknown = Total("bedrock", "nova", new TokenUsage(1, 1));

        Assert.Equal(amount, Shown(SessionView.CostOf([total], Prices)));
        Assert.Null(SessionView.CostOf([total, unknown], Prices));
        Assert.Null(SessionView.CostOf([], Prices));
        Assert.Equal(amount is null ? [$"{provider}/{model}"] : null, SessionView.UnpricedOf([total], Prices));
    }

    [Fact]
    public void CachedTokens_AreCountedAsTheirFormatSays_WhoeverSpokeIt()
    {
        // Bedrock's own format counts them beside the input, the formats of OpenAI that it serves too among it.
        Assert.Equal("3.12", Shown(SessionView.CostOf([Total("bedrock", "claude", new TokenUsage(1_000_000, 0, 400_000))], Prices)));
        Assert.Equal("1.92", Shown(SessionView.CostOf([Total("bedrock", "claude", new TokenUsage(1_000_000, 0, 400_000, CacheWithin: true))], Prices)));
        Assert.Equal("5.04", Shown(SessionView.CostOf([Total("bedrock", "claude", new TokenUsage(1_000_000, 0, 400_000), new TokenUsage(1_000_000, 0, 400_000, CacheWithin: true))], Prices)));
    }

    [Fact]
    public void ModelsWithoutAPrice_AreNamedTenAtMost()
    {
        var totals = Enumerable.Range(10, 20).Select(index => Total("ollama", $"m{index}", new TokenUsage(1, 1))).Append(Total("openai", "gpt-5", new TokenUsage(1, 1)));

        Assert.Equal(Enumerable.Range(10, 10).Select(index => $"ollama/m{index}"), SessionView.UnpricedOf(totals, Prices));
    }

    [Theory]
    [InlineData(null, false, false, false, "- - - - 3 inv 4 calls 2 tools 31/20")]
    [InlineData(UsageInterval.Hour, false, false, false, "01T22 - - - 2 inv 2 calls 1 tools 20/10;01T23 - - - 1 inv 1 calls 1 tools 10/5;02T00 - - - 0 inv 1 calls 0 tools 1/5")]
    [InlineData(UsageInterval.Day, false, false, true, "01T00 - - big ? inv 1 calls ? tools 10/5;01T00 - - small ? inv 2 calls ? tools 20/10;02T00 - - big ? inv 1 calls ? tools 1/5")]
    [InlineData(null, true, false, false, "- h1 - - 2 inv 3 calls 2 tools 21/15;- h2 - - 1 inv 1 calls 0 tools 10/5")]
    [InlineData(null, false, true, false, "- - - - 1 inv 1 calls 0 tools 10/5;- - ada - 2 inv 3 calls 2 tools 21/15")]
    public void Rows_AreToldApart(UsageInterval? interval, bool byHarness, bool byActor, bool byModel, string expected)
    {
        var fold = new UsageFold(new(Start, Start.AddHours(3), interval, byHarness, byActor, byModel));
        fold.Add("h1", Fold("ada", (0, "small", 10), (40, "big", 10), (120, "big", 1)));
        fold.Add("h2", Fold(null, (-60, "small", 1000), (10, "small", 10), (180, "small", 1000)));

        Assert.Equal(expected, string.Join(';', fold.Rows(new()).Select(Shown)));
    }

    [Fact]
    public void Nothing_IsOneRowOfNothing_UnlessRowsAreToldApart()
    {
        Assert.Equal("- - - - 0 inv 0 calls 0 tools 0/0", Shown(Assert.Single(new UsageFold(new(Start, Start.AddHours(1), null, false, false, false)).Rows(new()))));
        Assert.Empty(new UsageFold(new(Start, Start.AddHours(1), UsageInterval.Hour, false, false, false)).Rows(new()));
    }

    private static ModelTotal Total(string provider, string model, params TokenUsage[] calls) =>
        calls.Aggregate(new ModelTotal(provider, model), (total, usage) => total.With(usage));

    private static string? Shown(Cost? cost) => cost?.Amount.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static string Shown(UsageRow row) =>
        $"{row.Start?.ToString("dd'T'HH", System.Globalization.CultureInfo.InvariantCulture) ?? "-"} {row.HarnessId ?? "-"} {row.ActorId ?? "-"} {row.ModelId ?? "-"} "
        + $"{row.Invocations?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "?"} inv {row.ModelCalls} calls {row.ToolCalls?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "?"} tools {row.Usage.Input}/{row.Usage.Output}";

    /// <summary>A session with an invocation at minutes 0 and 40 where it has calls there, and a tool call after each of the named actor's calls but the last.</summary>
    private static SessionFold Fold(string? actor, params (int Minute, string Model, int Input)[] calls)
    {
        var fold = new SessionFold();
        var sequence = 0L;
        foreach (var (index, (minute, model, input)) in calls.Index())
        {
            var at = Start.AddMinutes(minute);
            if (index < 2)
            {
                Take(at, new InvocationStarted($"inv-{index}", "DEFAULT", "1", [], [], [], new(1, 1, 1), null, actor));
            }

            Take(at, new ModelIntent("inv", 1, "fake", model, 1));
            Take(at, new ModelOutcome("inv", 1, null, null, new(input, 5), [], 1, 1, null, null));
            if (actor is not null && index < 2)
            {
                Take(at, new ToolIntent("inv", $"use-{index}", "shell", "", default, "run"));
            }
        }

        return fold;

        void Take(DateTimeOffset at, EntryBody body) => fold.Apply(new(++sequence, at, body));
    }
}
