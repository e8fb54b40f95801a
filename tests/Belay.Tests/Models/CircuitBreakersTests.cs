using Belay.Models;
using Belay.Testing;
using Belay.Testing.Models;

namespace Belay.Tests.Models;

/// <summary>Given these calls of an endpoint, these are let through.</summary>
public sealed class CircuitBreakersTests
{
    private static readonly Uri Endpoint = new("http://provider/v1/chat/completions");
    private static readonly TimeSpan BreakTime = new BreakerSettings().BreakTime;
    private static readonly ModelException Throttled = new(ModelFailure.Throttled, "no");

    private readonly ManualTime _time = new();
    private readonly FakeModel _model = new();
    private readonly CircuitBreakers _breakers;

    public CircuitBreakersTests() => _breakers = new(new(), _time);

    [Fact]
    public void ThreeFailuresInARow_OpenIt_AndTheMessageSaysUntilWhen()
    {
        Fail(2);
        Assert.False(Enter().IsProbe);
        Fail(1);

        var refused = Assert.Throws<ModelException>(() => Enter());

        Assert.Equal(ModelFailure.CircuitOpen, refused.Failure);
        Assert.Equal("fake: fake-1 is not asked now, because its last calls failed; it is tried again in 30 s, at 00:00:30 UTC.", refused.Message);
        Assert.Equal([new OpenCircuit("fake", "fake-1")], _breakers.Open(null));
    }

    [Fact]
    public void ASuccessBetween_BeginsTheCountAnew()
    {
        for (var i = 0; i < 10; i++)
        {
            Fail(2);
            Enter().End();
        }

        Assert.False(Enter().IsProbe);
    }

    [Fact]
    public void ARefusal_ShowsThatTheProviderIsThere()
    {
        Fail(2);
        Enter().End(new ModelException(ModelFailure.Refused, "no"));
        Fail(2);

        Assert.False(Enter().IsProbe);
    }

    [Fact]
    public void WhenItsTimeIsOver_ExactlyOneCallTries()
    {
        Fail(3);
        _time.Advance(BreakTime);

        var probe = Enter();

        Assert.True(probe.IsProbe);
        Assert.Contains("a call that tries it again is under way", Assert.Throws<ModelException>(() => Enter()).Message, StringComparison.Ordinal);
        probe.End();
        Assert.False(Enter().IsProbe);
        Assert.Empty(_breakers.Open(null));
    }

    [Fact]
    public void AProbeThatFails_OpensItAgain()
    {
        Fail(3);
        for (var i = 0; i < 3; i++)
        {
            _time.Advance(BreakTime);
            Enter().End(Throttled);
            Assert.Throws<ModelException>(() => Enter());
        }
    }

    [Fact]
    public void AProbeThatIsCutOff_ProvesNothing()
    {
        Fail(3);
        _time.Advance(BreakTime);
        Enter().Dispose();

        Assert.Throws<ModelException>(() => Enter());
        _time.Advance(BreakTime);
        Assert.True(Enter().IsProbe);
    }

    [Fact]
    public void ACallThatIsCutOff_CountsAsNeither()
    {
        Fail(2);
        Enter().Dispose();
        Fail(1);

        Assert.Throws<ModelException>(() => Enter());
    }

    [Fact]
    public void ACallThatBeganBefore_DoesNotCloseIt()
    {
        var slow = Enter();
        Fail(3);
        slow.End();

        Assert.Throws<ModelException>(() => Enter());
    }

    [Fact]
    public void AWallClockThatIsSetBack_DoesNotKeepItOpen()
    {
        Fail(3);
        _time.Jump(TimeSpan.FromHours(-5));
        _time.Advance(BreakTime);

        Assert.True(Enter().IsProbe);
    }

    [Fact]
    public void AccountsEndpointsKeysAndModels_AreApart()
    {
        Fail(3);

        Assert.False(Enter(account: "other").IsProbe);
        Assert.False(Enter(endpoint: new("http://other/v1/chat/completions")).IsProbe);
        Assert.False(Enter(key: "another").IsProbe);
        Assert.False(Enter(model: new() { ModelId = "fake-2" }).IsProbe);
        Assert.Throws<ModelException>(() => Enter());
        Assert.Empty(_breakers.Open("other"));
        Assert.Single(_breakers.Open("account"));
    }

    [Fact]
    public void Key_IsNotInTheId()
    {
        const string Key = "sk-canary";

        Assert.DoesNotContain(Key, CircuitBreakers.IdOf("account", Endpoint, Key, "model"), StringComparison.Ordinal);
        Assert.Equal(64, CircuitBreakers.IdOf("account", Endpoint, Key, "model").Length);
        Assert.NotEqual(CircuitBreakers.IdOf("a", Endpoint, "bc", "d"), CircuitBreakers.IdOf("a", Endpoint, "b", "cd"));
    }

    [Fact]
    public void ManyEndpoints_AreForgotten()
    {
        for (var i = 0; i < 5000; i++)
        {
            using var call = Enter(endpoint: new($"http://host-{i}/"));
            call.End(Throttled);
        }

        Fail(3);
        Assert.Throws<ModelException>(() => Enter());
    }

    [Fact]
    public void Settings_NameTheirProblems() => Assert.Equal(
        ["Models:BreakerFailures must be 2 to 1000, but was 1.", "Models:BreakerSeconds must be 0.5 to 3600, but was 0.1."],
        new BreakerSettings { Failures = 1, BreakTime = TimeSpan.FromSeconds(0.1) }.Problems());

    private void Fail(int times)
    {
        for (var i = 0; i < times; i++)
        {
            using var call = Enter();
            call.End(Throttled);
        }
    }

    private CircuitCall Enter(string account = "account", Uri? endpoint = null, string? key = "key", FakeModel? model = null)
    {
        var call = _breakers.Begin(account, model ?? _model);
        call.Enter(endpoint ?? Endpoint, key);
        return call;
    }
}
