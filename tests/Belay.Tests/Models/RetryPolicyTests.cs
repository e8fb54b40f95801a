using Belay.Models;

namespace Belay.Tests.Models;

public sealed class RetryPolicyTests
{
    private static readonly RetryPolicy Default = new(RetryPolicy.DefaultBaseSeconds);

    [Theory]
    [InlineData(ModelFailure.Throttled, 1, null, 4.0)]
    [InlineData(ModelFailure.Throttled, 2, null, 8.0)]
    [InlineData(ModelFailure.Throttled, 3, null, 16.0)]
    [InlineData(ModelFailure.Throttled, 4, null, 32.0)]
    [InlineData(ModelFailure.Throttled, 5, null, 64.0)]
    [InlineData(ModelFailure.Throttled, 6, null, null)]
    [InlineData(ModelFailure.Throttled, 1, 3.0, 4.0)]
    [InlineData(ModelFailure.Throttled, 1, 20.0, 20.0)]
    [InlineData(ModelFailure.Throttled, 1, 3600.0, 60.0)]
    [InlineData(ModelFailure.Throttled, 5, 3600.0, 64.0)]
    [InlineData(ModelFailure.Broken, 1, null, 4.0)]
    [InlineData(ModelFailure.Broken, 6, null, null)]
    [InlineData(ModelFailure.Unreachable, 1, null, 0.5)]
    [InlineData(ModelFailure.Unreachable, 2, null, 1.0)]
    [InlineData(ModelFailure.Unreachable, 3, null, null)]
    [InlineData(ModelFailure.Malformed, 1, null, null)]
    [InlineData(ModelFailure.ContextTooLong, 1, null, null)]
    [InlineData(ModelFailure.Refused, 1, 1.0, null)]
    [InlineData(ModelFailure.Unavailable, 1, 1.0, null)]
    [InlineData(ModelFailure.CircuitOpen, 1, 1.0, null)]
    public void Delay_FollowsTheFailureAndTheAttempt(ModelFailure failure, int attempt, double? retryAfter, double? delay)
    {
        var exception = new ModelException(failure, "x", retryAfter is { } seconds ? TimeSpan.FromSeconds(seconds) : null);

        Assert.Equal(delay, Default.Next(exception, attempt, deltaSent: false, TimeSpan.FromHours(1))?.TotalSeconds);
        Assert.Null(Default.Next(exception, attempt, deltaSent: true, TimeSpan.FromHours(1)));
    }

    [Theory]
    [InlineData(ModelFailure.Throttled, 1, null, 0.5)]
    [InlineData(ModelFailure.Throttled, 3, null, 2.0)]
    [InlineData(ModelFailure.Throttled, 1, 20.0, 20.0)]
    [InlineData(ModelFailure.Unreachable, 2, null, 0.125)]
    public void Delay_ScalesWithTheBase_ExceptWhatTheProviderAsks(ModelFailure failure, int attempt, double? retryAfter, double delay)
    {
        var exception = new ModelException(failure, "x", retryAfter is { } seconds ? TimeSpan.FromSeconds(seconds) : null);

        Assert.Equal(delay, new RetryPolicy(0.5).Next(exception, attempt, deltaSent: false, TimeSpan.FromHours(1))?.TotalSeconds);
    }

    [Theory]
    [InlineData(4, false)]
    [InlineData(4.1, true)]
    public void Retry_MustFitIntoTheTimeThatIsLeft(double remaining, bool retried) =>
        Assert.Equal(retried, Default.Next(new ModelException(ModelFailure.Throttled, "x"), 1, deltaSent: false, TimeSpan.FromSeconds(remaining)) is not null);

    [Theory]
    [InlineData(ModelFailure.Throttled, true)]
    [InlineData(ModelFailure.Unreachable, true)]
    [InlineData(ModelFailure.Broken, true)]
    [InlineData(ModelFailure.Malformed, true)]
    [InlineData(ModelFailure.Unavailable, true)]
    [InlineData(ModelFailure.CircuitOpen, true)]
    [InlineData(ModelFailure.ContextTooLong, false)]
    [InlineData(ModelFailure.Refused, false)]
    public void AnotherModel_TakesOverFromAProviderThatFails_UnlessSomethingWasShown(ModelFailure failure, bool switches)
    {
        Assert.Equal(switches, Default.Switches(new(failure, "x"), deltaSent: false));
        Assert.False(Default.Switches(new(failure, "x"), deltaSent: true));
    }
}
