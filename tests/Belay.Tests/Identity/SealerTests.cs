using System.Collections.Concurrent;
using System.Text;
using Belay.Identity;
using Belay.Storage;
using Belay.Testing.Identity;
using Belay.Testing.Storage;

namespace Belay.Tests.Identity;

public sealed class SealerTests : SealerContract
{
    private readonly MasterKey _master = MasterKey.FromBytes(new byte[32]);
    private readonly InMemoryDocumentStore _documents = new();

    [Fact]
    public async Task Key_SealsAndOpensForManyAtOnce()
    {
        var key = await Sealer.ForActorAsync(Ours, "alice", Token);
        var nonces = new ConcurrentDictionary<string, bool>();
        await Parallel.ForAsync(0, 2000, Token, (number, _) =>
        {
            var context = BitConverter.GetBytes(number);
            var box = Sealer.Seal(key, Encoding.UTF8.GetBytes($"secret {number}"), context);
            Assert.True(nonces.TryAdd(Convert.ToHexString(box, 1, 12), true));
            Assert.Equal($"secret {number}", Encoding.UTF8.GetString(Sealer.Open(key, box, context)));
            return ValueTask.CompletedTask;
        });
        Assert.Equal(2000, nonces.Count);
    }

    [Fact]
    public async Task Store_HoldsNeitherIdNorKey()
    {
        const string actor = "alice@example.com";
        var key = await Sealer.ForActorAsync(Ours, actor, Token);

        foreach (var collection in new[] { Belay.Identity.Sealer.Keys, Belay.Identity.Sealer.References })
        {
            var document = Assert.Single(await _documents.ListAsync(Ours, collection, "", null, 10, Token));
            Assert.DoesNotContain(actor, document.Key.Id, StringComparison.Ordinal);
            Assert.Equal(-1, document.Body.Span.IndexOf(Encoding.UTF8.GetBytes(actor)));
            Assert.Equal(-1, document.Body.Span.IndexOf(key.Secret.Span));
        }
    }

    [Fact]
    public async Task Reference_IsReadableOnlyWithTheMasterKey()
    {
        var key = await Sealer.ForActorAsync(Ours, "alice", Token);

        var references = await _documents.ListAsync(Ours, Belay.Identity.Sealer.References, "", null, 10, Token);
        Assert.Equal(-1, references[0].Body.Span.IndexOf(Encoding.UTF8.GetBytes(key.ActorRef)));
        var stranger = new Sealer(MasterKey.FromBytes(Enumerable.Repeat((byte)1, 32).ToArray()), _documents, IdSource.System, new SealerSettings());
        Assert.Null(await stranger.LookUpAsync(Ours, "alice", Token));
        await Assert.ThrowsAnyAsync<System.Security.Cryptography.CryptographicException>(async () => await stranger.FindAsync(Ours, key.ActorRef, Token));
    }

    [Fact]
    public async Task Destroy_RemovesBothDocuments()
    {
        var key = await Sealer.ForActorAsync(Ours, "alice", Token);

        await Sealer.DestroyAsync(Ours, key.ActorRef, Token);

        Assert.Empty(await _documents.ListAsync(Ours, Belay.Identity.Sealer.Keys, "", null, 10, Token));
        Assert.Empty(await _documents.ListAsync(Ours, Belay.Identity.Sealer.References, "", null, 10, Token));
    }

    [Fact]
    public async Task Cache_IsBoundedAndForgetsTheOldest()
    {
        var sealer = new Sealer(_master, _documents, IdSource.System, new SealerSettings { CachedKeys = 2 });
        var first = await sealer.ForActorAsync(Ours, "a", Token);
        var second = await sealer.ForActorAsync(Ours, "b", Token);
        _ = await sealer.FindAsync(Ours, first.ActorRef, Token);
        _ = await sealer.ForActorAsync(Ours, "c", Token);

        // Behind the sealer's back, so that only what it still has in memory can answer.
        foreach (var document in await _documents.ListAsync(Ours, Belay.Identity.Sealer.Keys, "", null, 10, Token))
        {
            await _documents.WriteAsync(Ours, [new(document.Key, null, null)], Token);
        }

        Assert.NotNull(await sealer.FindAsync(Ours, first.ActorRef, Token));
        Assert.Null(await sealer.FindAsync(Ours, second.ActorRef, Token));
    }

    [Fact]
    public async Task Destroy_DuringALookUp_IsNotUndoneByIt()
    {
        var key = await Sealer.ForActorAsync(Ours, "alice", Token);
        var slow = new SlowDocuments(_documents);
        var sealer = new Sealer(_master, slow, IdSource.System, new SealerSettings());
        var find = sealer.FindAsync(Ours, key.ActorRef, Token).AsTask();

        await sealer.DestroyAsync(Ours, key.ActorRef, Token);
        slow.Answer.SetResult();

        Assert.NotNull(await find);
        Assert.Null(await sealer.FindAsync(Ours, key.ActorRef, Token));
    }

    [Fact]
    public void Settings_CacheOfNone_IsAProblem()
    {
        Assert.Single(new SealerSettings { CachedKeys = 0 }.Problems());
        Assert.Empty(new SealerSettings().Problems());
    }

    protected override ISealer Create() => Again();

    protected override ISealer Again() => new Sealer(_master, _documents, IdSource.System, new SealerSettings());

    /// <summary>Holds the first answer back until told.</summary>
    private sealed class SlowDocuments(IDocumentStore inner) : IDocumentStore
    {
        private int _reads;

        public TaskCompletionSource Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task<Document?> GetAsync(Scope scope, DocumentKey key, CancellationToken cancellationToken)
        {
            var document = await inner.GetAsync(scope, key, cancellationToken);
            if (Interlocked.Increment(ref _reads) == 1)
            {
                await Answer.Task;
            }

            return document;
        }

        public Task<bool> WriteAsync(Scope scope, IReadOnlyList<DocumentWrite> writes, CancellationToken cancellationToken) =>
            inner.WriteAsync(scope, writes, cancellationToken);

        public Task<IReadOnlyList<Document>> ListAsync(Scope scope, string collection, string prefix, string? after, int limit, CancellationToken cancellationToken) =>
            inner.ListAsync(scope, collection, prefix, after, limit, cancellationToken);

        public Task<IReadOnlyList<Scope>> ScopesAsync(string collection, CancellationToken cancellationToken) =>
            inner.ScopesAsync(collection, cancellationToken);
    }
}
