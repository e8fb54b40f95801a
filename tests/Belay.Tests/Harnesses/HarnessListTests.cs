using static Belay.Tests.Harnesses.TestCatalog;

namespace Belay.Tests.Harnesses;

public sealed class HarnessListTests
{
    private readonly TestCatalog _world = new();

    [Fact]
    public async Task HundredTwentyHarnesses_ThreePages_NewestFirst()
    {
        for (var number = 0; number < 120; number++)
        {
            await _world.CreateAsync(Named($"agent_{number}"));
            _world.Time.Advance(TimeSpan.FromMilliseconds(1));
        }

        await _world.Catalog.CreateAsync(Theirs, Named("foreign"), default);
        var (names, sizes) = (new List<string>(), new List<int>());
        string? after = null;
        do
        {
            var page = await _world.Catalog.ListAsync(Mine, 50, after, default);
            names.AddRange(page.Items.Select(item => item.HarnessName));
            sizes.Add(page.Items.Count);
            after = page.Next;
        }
        while (after is not null);

        Assert.Equal([50, 50, 20], sizes);
        Assert.Equal(Enumerable.Range(0, 120).Reverse().Select(number => $"agent_{number}"), names);
    }

    [Fact]
    public async Task SameMoment_OrderedById_AndAFullLastPageHasNoNext()
    {
        for (var number = 0; number < 10; number++)
        {
            await _world.CreateAsync(Named($"agent_{number}"));
        }

        var page = await _world.Catalog.ListAsync(Mine, 10, null, default);

        Assert.Equal(page.Items.Select(item => item.HarnessId).Order(StringComparer.Ordinal), page.Items.Select(item => item.HarnessId));
        Assert.Null(page.Next);
    }

    [Fact]
    public async Task DeletionAndCreationBetweenPages_NeitherRepeatsNorSkipsTheOthers()
    {
        var harnesses = new List<string>();
        for (var number = 0; number < 6; number++)
        {
            harnesses.Add((await _world.ReadyAsync($"agent_{number}")).HarnessId);
        }

        var first = await _world.Catalog.ListAsync(Mine, 3, null, default);
        await _world.ReadyAsync("newest");
        await _world.Catalog.DeleteAsync(Mine, new() { HarnessId = harnesses[3] }, default);
        await _world.SettleAsync();
        var second = await _world.Catalog.ListAsync(Mine, 3, first.Next, default);

        Assert.Equal(["agent_5", "agent_4", "agent_3", "agent_2", "agent_1", "agent_0"], first.Items.Concat(second.Items).Select(item => item.HarnessName));
    }

    [Fact]
    public async Task Versions_NewestFirst_InPages()
    {
        var harness = await _world.ReadyAsync();
        for (var version = 2; version <= 12; version++)
        {
            await _world.UpdatedAsync(new() { HarnessId = harness.HarnessId, MaxIterations = version });
        }

        var first = await _world.Catalog.ListVersionsAsync(Mine, harness.HarnessId, 5, null, default);
        var second = await _world.Catalog.ListVersionsAsync(Mine, harness.HarnessId, 5, first.Next, default);
        var third = await _world.Catalog.ListVersionsAsync(Mine, harness.HarnessId, 5, second.Next, default);

        Assert.Equal(
            Enumerable.Range(1, 12).Reverse().Select(version => $"{version}"),
            first.Items.Concat(second.Items).Concat(third.Items).Select(item => item.HarnessVersion));
        Assert.Null(third.Next);
        Assert.Equal(7, (await _world.GetAsync(harness.HarnessId, "7")).MaxIterations);
    }
}
