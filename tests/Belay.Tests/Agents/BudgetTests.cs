using Belay.Agents;
using Belay.Contracts.Invocations;
using FsCheck;
using FsCheck.Fluent;

namespace Belay.Tests.Agents;

public sealed class BudgetTests
{
    [Theory]
    [InlineData(0, 0, null)]
    [InlineData(2, 9, null)]
    [InlineData(3, 0, HarnessStopReason.MaxIterationsExceeded)]
    [InlineData(1, 10, HarnessStopReason.MaxOutputTokensExceeded)]
    [InlineData(3, 10, HarnessStopReason.MaxIterationsExceeded)]
    public void Exceeded_SaysWhichLimit(int iterations, int tokens, HarnessStopReason? expected) =>
        Assert.Equal(expected, Budget.Exceeded(new(3, 10, 60), iterations, tokens));

    [Fact]
    public void AnyRun_StaysWithinItsLimits() =>
        Prop.ForAll(Gen.Choose(1, 20).ToArbitrary(), Gen.Choose(1, 100).ToArbitrary(), Gen.Choose(0, 30).ListOf(40).ToArbitrary(), (iterations, tokens, calls) =>
        {
            var limits = new InvocationLimits(iterations, tokens, 60);
            int made = 0, used = 0, before = 0;
            while (Budget.Exceeded(limits, made, used) is null)
            {
                before = used;
                used += calls[made++];
            }

            Assert.InRange(made, 1, iterations);
            Assert.True(before < tokens);
        }).QuickCheckThrowOnFailure();
}
