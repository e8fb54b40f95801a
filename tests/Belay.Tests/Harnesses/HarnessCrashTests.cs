using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Storage;
using Belay.Testing.Storage;
using static Belay.Tests.Harnesses.TestCatalog;

namespace Belay.Tests.Harnesses;

/// <summary>A server that dies at any write of a whole life of a harness leaves a store from which the next one goes on.</summary>
public sealed class HarnessCrashTests
{
    private const string Token = "00000000-0000-0000-0000-00000000000";

    public static TheoryData<int, bool> Crashes()
    {
        var data = new TheoryData<int, bool>();
        for (var write = 1; write <= 12; write++)
        {
            data.Add(write, false);
            data.Add(write, true);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Crashes))]
    public async Task CrashAtAWrite_TheNextServerReachesTheSameEnd(int write, bool afterwards)
    {
        var store = new InMemoryDocumentStore();
        var crashing = new CrashingStore(store, write, afterwards);
        var died = false;
        try
        {
            await LiveAsync(new CatalogUnderTest(crashing));
        }
        catch (CrashException)
        {
            died = true;
        }

        // The client repeats its requests with the same tokens against the next server.
        var next = new CatalogUnderTest(store);
        await LiveAsync(next);

        Assert.True(died, $"The life of the harness has fewer than {write} writes.");
        foreach (var collection in new[] { "harnesses", "harness-names", "harness-ages", "harness-versions", "harness-snapshots", "harness-endpoints", "harness-tags", "harness-policies", "harness-work" })
        {
            Assert.Empty(await store.ListAsync(Mine, collection, "", null, 100, default));
        }

        Assert.Single(await store.ListAsync(Mine, "harness-ids", "", null, 100, default));
    }

    private static async Task LiveAsync(CatalogUnderTest server)
    {
        // 1. Created and ready, unless an earlier server got past that.
        Harness harness;
        try
        {
            harness = await server.Catalog.CreateAsync(Mine, Named("agent") with { ClientToken = Token + "1", Tags = new Dictionary<string, string> { ["a"] = "b" } }, default);
        }
        catch (ServiceException fault) when (fault.Code == FaultCode.ConflictException)
        {
            // The token says that the harness existed and is gone: the deletion was the last thing to happen.
            await server.Reconciler.RunOnceAsync(default);
            return;
        }

        var id = harness.HarnessId;
        await server.Reconciler.RunOnceAsync(default);
        if ((await server.StatusAsync(id)) is HarnessStatus.Ready)
        {
            // 2. Updated, given an endpoint that is moved, described by a policy.
            await server.Catalog.UpdateAsync(Mine, new() { HarnessId = id, MaxIterations = 2, ClientToken = Token + "2" }, default);
            await server.Reconciler.RunOnceAsync(default);
            Assert.Equal("2", (await server.Catalog.ServeAsync(Mine, harness.Arn, null, default)).Harness.HarnessVersion);
            await server.Catalog.CreateEndpointAsync(Mine, new() { HarnessId = id, EndpointName = "live", TargetVersion = "2", ClientToken = Token + "3" }, default);
            await server.Reconciler.RunOnceAsync(default);
            await server.Catalog.UpdateEndpointAsync(Mine, new() { HarnessId = id, EndpointName = "live", TargetVersion = "1", ClientToken = Token + "4" }, default);
            await server.Reconciler.RunOnceAsync(default);
            Assert.Equal("1", (await server.Catalog.ServeAsync(Mine, harness.Arn, "live", default)).Harness.HarnessVersion);
            await server.Catalog.PutPolicyAsync(Mine, harness.Arn, """{"Statement":[]}""", default);
            await server.Catalog.TagAsync(Mine, harness.Arn, new Dictionary<string, string> { ["c"] = "d" }, default);
            Assert.Equal(2, (await server.Catalog.TagsAsync(Mine, harness.Arn, default)).Count);
        }

        // 3. Deleted.
        await server.Catalog.DeleteAsync(Mine, new() { HarnessId = id, ClientToken = Token + "5" }, default);
        await server.Reconciler.RunOnceAsync(default);
    }

    private sealed class CatalogUnderTest(IDocumentStore store)
    {
        private readonly TestCatalog _world = new(null, store);

        public Belay.Harnesses.HarnessCatalog Catalog => _world.Catalog;

        public Belay.Harnesses.HarnessReconciler Reconciler => _world.Reconciler;

        /// <summary>Null when the harness is gone.</summary>
        public async Task<HarnessStatus?> StatusAsync(string id) =>
            (await Catalog.ListAsync(Mine, 10, null, default)).Items.SingleOrDefault(harness => harness.HarnessId == id)?.Status;
    }

    /// <summary>Dies before or after its n-th write, and answers nothing any more.</summary>
    internal sealed class CrashingStore(IDocumentStore inner, int fatalWrite, bool afterwards) : IDocumentStore
    {
        private int _writes;
        private bool _dead;

        public Task<Document?> GetAsync(Scope scope, DocumentKey key, CancellationToken cancellationToken) =>
            Alive().GetAsync(scope, key, cancellationToken);

        public async Task<bool> WriteAsync(Scope scope, IReadOnlyList<DocumentWrite> writes, CancellationToken cancellationToken)
        {
            Alive();
            _dead = ++_writes == fatalWrite;
            if (_dead && !afterwards)
            {
                throw new CrashException();
            }

            var applied = await inner.WriteAsync(scope, writes, cancellationToken);
            return _dead ? throw new CrashException() : applied;
        }

        public Task<IReadOnlyList<Document>> ListAsync(Scope scope, string collection, string prefix, string? after, int limit, CancellationToken cancellationToken) =>
            Alive().ListAsync(scope, collection, prefix, after, limit, cancellationToken);

        public Task<IReadOnlyList<Scope>> ScopesAsync(string collection, CancellationToken cancellationToken) => Alive().ScopesAsync(collection, cancellationToken);

        private IDocumentStore Alive() => _dead ? throw new CrashException() : inner;
    }

    internal sealed class CrashException : Exception;
}
