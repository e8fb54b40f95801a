using Belay.Server.Health;
using Belay.Server.Wire;
using Belay.Storage;
using Belay.Testing;
using Belay.Tests.Wire;

namespace Belay.Tests.Health;

public sealed class ReadinessTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public async Task EveryCheckHolds_IsReady()
    {
        var readiness = new Readiness([new("store", _ => Task.FromResult(true))], _time);

        Assert.Empty(await readiness.FailedAsync());
    }

    [Fact]
    public async Task ChecksThatFailOrThrow_AreNamed()
    {
        var readiness = new Readiness(
            [
                new("store", _ => throw new StorageException("The disk is full.")),
                new("sandbox", _ => Task.FromResult(true)),
                new("accepting", _ => Task.FromResult(false)),
            ],
            _time);

        Assert.Equal(["store", "accepting"], await readiness.FailedAsync());
    }

    [Fact]
    public async Task CheckThatHangs_FailsInTime_AndIsAskedOnce()
    {
        var asked = 0;
        var never = new TaskCompletionSource<bool>();
        var begun = new TaskCompletionSource();
        var readiness = new Readiness(
            [
                new("store", _ =>
                {
                    Interlocked.Increment(ref asked);
                    begun.TrySetResult();
                    return never.Task;
                }),
            ],
            _time);

        var first = readiness.FailedAsync();
        var second = readiness.FailedAsync();
        await begun.Task;
        _time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(["store"], await first);
        Assert.Equal(["store"], await second);
        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task WhatCosts_IsAskedOnceASecond_TheRestEveryTime()
    {
        var (shared, own) = (0, 0);
        var readiness = new Readiness(
            [
                new("store", _ => Task.FromResult(Interlocked.Increment(ref shared) > 0)),
                new("accepting", _ => Task.FromResult(Interlocked.Increment(ref own) > 0), Shared: false),
            ],
            _time);

        await readiness.FailedAsync();
        await readiness.FailedAsync();
        _time.Advance(TimeSpan.FromSeconds(1));
        await readiness.FailedAsync();

        Assert.Equal((2, 3), (shared, own));
    }

    [Fact]
    public async Task Readyz_NamesWhatFails_With503_AndNobodySigns()
    {
        var ready = true;
        var readiness = new Readiness([new("accepting", _ => Task.FromResult(ready), Shared: false)], TimeProvider.System);
        await using var server = await WireServer.StartAsync(compose: parts => parts with { Open = [OpenEndpoint.Health, readiness.Endpoint] });

        using var before = await server.Http.GetAsync(new Uri("/readyz", UriKind.Relative));
        ready = false;
        using var after = await server.Http.GetAsync(new Uri("/readyz", UriKind.Relative));
        using var alive = await server.Http.GetAsync(new Uri("/healthz", UriKind.Relative));

        Assert.Equal((200, """{"status":"ready","failed":[]}"""), ((int)before.StatusCode, await before.Content.ReadAsStringAsync()));
        Assert.Equal((503, """{"status":"not ready","failed":["accepting"]}"""), ((int)after.StatusCode, await after.Content.ReadAsStringAsync()));
        Assert.Equal(200, (int)alive.StatusCode);
    }
}
