using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Server.Wire;
using Belay.Storage;

namespace Belay.Tests.Wire;

public sealed class IdempotencyTests
{
    private static readonly Scope Here = new("123456789012", "us-west-2");
    private readonly ManualClock _clock = new();
    private readonly Documents _store = new();
    private readonly Idempotency _idempotency;

    public IdempotencyTests() => _idempotency = new Idempotency(_store, _clock);

    [Fact]
    public async Task SameTokenAndParameters_GiveTheFirstResource()
    {
        Assert.True(await CallAsync("t", "p", "harness-1") is null);

        Assert.Equal("harness-1", await CallAsync("t", "p", "harness-2"));
        Assert.Null(await CallAsync("other", "p", "harness-3"));
        Assert.Null((await _idempotency.ClaimAsync(Here, "UpdateHarness", "t", "p", default)).ResourceKey);
        Assert.Null((await _idempotency.ClaimAsync(Here with { Account = "210987654321" }, "CreateHarness", "t", "p", default)).ResourceKey);
    }

    [Fact]
    public async Task OtherParameters_AreRefused()
    {
        await CallAsync("t", "p", "harness-1");

        var problem = await Assert.ThrowsAsync<ServiceException>(() => CallAsync("t", "q", "harness-2"));

        Assert.Equal(ValidationReason.IdempotentParameterMismatchException, problem.Reason);
    }

    [Fact]
    public async Task WithoutAToken_NothingIsKept()
    {
        Assert.Null(await CallAsync(null, "p", "harness-1"));
        Assert.Empty(_store.Kept);
    }

    [Fact]
    public async Task AfterADay_TheTokenIsNew()
    {
        await CallAsync("t", "p", "harness-1");
        _clock.Advance(Idempotency.Lifetime);

        Assert.Null(await CallAsync("t", "q", "harness-2"));
        Assert.Equal("harness-2", await CallAsync("t", "q", "harness-3"));
    }

    [Fact]
    public async Task TwoFirstCallsAtOnce_OnlyOneIsWritten()
    {
        var first = await _idempotency.ClaimAsync(Here, "CreateHarness", "t", "p", default);
        var second = await _idempotency.ClaimAsync(Here, "CreateHarness", "t", "p", default);

        Assert.True(await _store.WriteAsync(Here, first.Record("harness-1"), default));
        Assert.False(await _store.WriteAsync(Here, second.Record("harness-2"), default));
        Assert.Equal("harness-1", (await _idempotency.ClaimAsync(Here, "CreateHarness", "t", "p", default)).ResourceKey);
    }

    [Fact]
    public async Task Sweep_RemovesWhatHasExpired()
    {
        for (var i = 0; i < 450; i++)
        {
            await CallAsync($"old-{i}", "p", "x");
        }

        _clock.Advance(Idempotency.Lifetime);
        await CallAsync("new", "p", "x");

        await _idempotency.SweepAsync(Here, default);

        Assert.Single(_store.Kept);
    }

    [Theory]
    [InlineData("""{"harnessName":"a","executionRoleArn":"r","tags":{"x":"1","y":"2"},"maxTokens":3}""", true)]
    [InlineData("""{"maxTokens":3.0,"tags":{"y":"2","x":"1"},"executionRoleArn":"r","harnessName":"\u0061","clientToken":"other","memory":null,"new":1}""", true)]
    [InlineData("""{"harnessName":"a","executionRoleArn":"r","tags":{"x":"1","y":"3"},"maxTokens":3}""", false)]
    [InlineData("""{"harnessName":"a","executionRoleArn":"r","tags":{"x":"1","y":"2"},"maxTokens":4}""", false)]
    public void Hash_IsOfWhatTheParametersMean(string json, bool same)
    {
        static string Hash(string text) => Idempotency.Hash(JsonSerializer.Deserialize(text, BelayJson.Default.CreateHarnessRequest)!, BelayJson.Default.CreateHarnessRequest);

        Assert.Equal(same, Hash(json) == Hash("""{"harnessName":"a","executionRoleArn":"r","clientToken":"t","tags":{"x":"1","y":"2"},"maxTokens":3}"""));
    }

    private async Task<string?> CallAsync(string? token, string hash, string resource)
    {
        var claim = await _idempotency.ClaimAsync(Here, "CreateHarness", token, hash, default);
        if (claim.ResourceKey is null)
        {
            Assert.True(await _store.WriteAsync(Here, claim.Record(resource), default));
        }

        return claim.ResourceKey;
    }

    /// <summary>Documents in memory.</summary>
    private sealed class Documents : IDocumentStore
    {
        public Dictionary<(Scope, DocumentKey), Document> Kept { get; } = [];

        public Task<Document?> GetAsync(Scope scope, DocumentKey key, CancellationToken cancellationToken) => Task.FromResult(Kept.GetValueOrDefault((scope, key)));

        public Task<bool> WriteAsync(Scope scope, IReadOnlyList<DocumentWrite> writes, CancellationToken cancellationToken)
        {
            if (writes.Any(write => write.ExpectedEtag is { } expected && expected != (Kept.GetValueOrDefault((scope, write.Key))?.Etag ?? 0)))
            {
                return Task.FromResult(false);
            }

            foreach (var write in writes)
            {
                var etag = (Kept.GetValueOrDefault((scope, write.Key))?.Etag ?? 0) + 1;
                Kept.Remove((scope, write.Key));
                if (write.Body is { } body)
                {
                    Kept.Add((scope, write.Key), new Document(write.Key, etag, body));
                }
            }

            return Task.FromResult(true);
        }

        public Task<IReadOnlyList<Document>> ListAsync(Scope scope, string collection, string prefix, string? after, int limit, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<Document>>(
            [
                .. Kept.Where(entry => entry.Key.Item1 == scope && entry.Key.Item2.Collection == collection && entry.Key.Item2.Id.StartsWith(prefix, StringComparison.Ordinal))
                    .Select(entry => entry.Value).OrderBy(document => document.Key.Id, StringComparer.Ordinal)
                    .Where(document => after is null || string.CompareOrdinal(document.Key.Id, after) > 0).Take(limit),
            ]);

        public Task<IReadOnlyList<Scope>> ScopesAsync(string collection, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<Scope>>([.. Kept.Keys.Select(key => key.Item1).Distinct()]);
    }
}
