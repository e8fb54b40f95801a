using Belay.Contracts.Faults;
using Belay.Server.Wire;
using Belay.Testing;

namespace Belay.Tests.Wire;

public sealed class BodyBudgetTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void Full_SlowestGivesWayToTheFaster()
    {
        var budget = new BodyBudget(100, _time);
        var left = new List<string>();
        using var slowest = Open(budget, left, "slowest", 40);
        using var slow = Open(budget, left, "slow", 45);
        _time.Advance(TimeSpan.FromSeconds(1));

        using var fast = Open(budget, left, "fast", 40);

        Assert.Equal(["slowest"], left);
        Assert.Equal(85, budget.Held);
        Assert.Equal(FaultCode.ThrottlingException, Assert.Throws<ServiceException>(() => slowest.Take(1)).Code);
        Assert.Throws<ServiceException>(slowest.Arrived);
    }

    [Fact]
    public void Full_SlowOneIsRefusedBesideTheFaster()
    {
        var budget = new BodyBudget(100, _time);
        var left = new List<string>();
        using var slow = Open(budget, left, "slow", 1);
        _time.Advance(TimeSpan.FromSeconds(10));
        using var fast = Open(budget, left, "fast", 90);

        Assert.Throws<ServiceException>(() => slow.Take(20));

        Assert.Empty(left);
        Assert.Equal(91, budget.Held);
    }

    [Fact]
    public void WhatHasArrived_Stays()
    {
        var budget = new BodyBudget(100, _time);
        var left = new List<string>();
        var whole = Open(budget, left, "whole", 100);
        whole.Arrived();
        _time.Advance(TimeSpan.FromHours(1));

        Assert.Throws<ServiceException>(() => Open(budget, left, "newcomer", 1));
        whole.Dispose();
        whole.Dispose();
        using var next = Open(budget, left, "next", 100);

        Assert.Empty(left);
        Assert.Equal(100, budget.Held);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Held_NeverExceedsTheLimit_AndEndsAtNothing(int seed)
    {
        var random = new Random(seed);
        var budget = new BodyBudget(1000, _time);
        var shares = new List<BodyBudget.Share>();
        for (var i = 0; i < 2000; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(random.Next(20)));
            try
            {
                switch (random.Next(4))
                {
                    case 0:
                        shares.Add(budget.Open(() => { }));
                        break;
                    case 1 when shares.Count > 0:
                        shares[random.Next(shares.Count)].Dispose();
                        break;
                    case 2 when shares.Count > 0:
                        shares[random.Next(shares.Count)].Arrived();
                        break;
                    case 3 when shares.Count > 0:
                        shares[random.Next(shares.Count)].Take(random.Next(1, 400));
                        break;
                    default:
                        break;
                }
            }
            catch (ServiceException)
            {
                // Refused: as the case may be.
            }

            Assert.InRange(budget.Held, 0, 1000);
        }

        shares.ForEach(share => share.Dispose());
        Assert.Equal(0, budget.Held);
    }

    private static BodyBudget.Share Open(BodyBudget budget, List<string> left, string name, long bytes)
    {
        var share = budget.Open(() => left.Add(name));
        share.Take(bytes);
        return share;
    }
}
