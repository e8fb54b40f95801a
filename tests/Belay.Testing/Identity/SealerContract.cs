using System.Security.Cryptography;
using Belay.Identity;
using Belay.Storage;

namespace Belay.Testing.Identity;

/// <summary>What every <see cref="ISealer"/> does.</summary>
public abstract class SealerContract
{
    protected static readonly Scope Ours = new("000000000000", "us-west-2");
    private static readonly byte[] Plain = [1, 2, 3];
    private static readonly byte[] Context = [9];

    protected ISealer Sealer => field ??= Create();

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>A sealer without actors.</summary>
    protected abstract ISealer Create();

    /// <summary>Another one over the same store, as after a restart.</summary>
    protected abstract ISealer Again();

    [Fact]
    public async Task ForActor_IsAlwaysTheSame()
    {
        var first = await Sealer.ForActorAsync(Ours, "alice", Token);

        Assert.Equal(32, first.Secret.Length);
        Assert.DoesNotContain("alice", first.ActorRef, StringComparison.Ordinal);
        foreach (var key in new[]
        {
            await Sealer.ForActorAsync(Ours, "alice", Token),
            await Sealer.LookUpAsync(Ours, "alice", Token),
            await Sealer.FindAsync(Ours, first.ActorRef, Token),
            await Again().ForActorAsync(Ours, "alice", Token),
            await Again().LookUpAsync(Ours, "alice", Token),
            await Again().FindAsync(Ours, first.ActorRef, Token),
        })
        {
            Assert.Equal((first.ActorRef, first.KeyId), (key?.ActorRef, key?.KeyId));
            Assert.Equal(first.Secret.ToArray(), key?.Secret.ToArray());
        }
    }

    [Fact]
    public async Task Actors_HaveKeysOfTheirOwn()
    {
        (Scope, string)[] actors =
        [
            (Ours, "alice"), (Ours, "Alice"), (Ours, "alice "), (Ours, "al\0ice"), (Ours, ISealer.Account), (Ours, "\ud800"), (Ours, "\ud801"), (Ours, "\ufffd"),
            (new("111111111111", "us-west-2"), "alice"), (new("000000000000", "us-west-21"), "alice"), (new("000000000000", "us-west-2"), "1alice"),
        ];
        var keys = new List<ActorKey>();
        foreach (var (scope, actor) in actors)
        {
            keys.Add(await Sealer.ForActorAsync(scope, actor, Token));
        }

        Assert.Equal(actors.Length, keys.Select(key => key.ActorRef).Distinct().Count());
        Assert.Equal(actors.Length, keys.Select(key => Convert.ToHexString(key.Secret.Span)).Distinct().Count());
    }

    [Fact]
    public async Task UnknownActor_IsNullAndStaysUnknown()
    {
        Assert.Null(await Sealer.LookUpAsync(Ours, "nobody", Token));
        Assert.Null(await Sealer.LookUpAsync(Ours, "nobody", Token));
        Assert.Null(await Sealer.FindAsync(Ours, "nobody", Token));
        await Sealer.DestroyAsync(Ours, "nobody", Token);
    }

    [Fact]
    public async Task Reference_BelongsToItsScope()
    {
        var key = await Sealer.ForActorAsync(Ours, "alice", Token);
        var foreign = new Scope("111111111111", "us-west-2");

        Assert.Null(await Sealer.FindAsync(foreign, key.ActorRef, Token));
        Assert.Null(await Sealer.LookUpAsync(foreign, "alice", Token));
        await Sealer.DestroyAsync(foreign, key.ActorRef, Token);
        Assert.NotNull(await Again().FindAsync(Ours, key.ActorRef, Token));
    }

    [Fact]
    public async Task ForActor_ManyAtOnce_MakesOneKey()
    {
        var sealers = new[] { Sealer, Again(), Again() };

        var keys = await Task.WhenAll(Enumerable.Range(0, 48).Select(i => Task.Run(async () => await sealers[i % 3].ForActorAsync(Ours, "alice", Token))));

        Assert.Single(keys.Select(key => (key.ActorRef, Convert.ToHexString(key.Secret.Span))).Distinct());
    }

    [Fact]
    public async Task SealOpen_RoundTrips()
    {
        var key = await Sealer.ForActorAsync(Ours, "alice", Token);

        foreach (var plain in new byte[][] { [], [0], RandomNumberGenerator.GetBytes(100_000) })
        {
            Assert.Equal(plain, Sealer.Open(key, Sealer.Seal(key, plain, Context), Context));
        }
    }

    [Fact]
    public async Task Seal_TheSameTwice_Differs()
    {
        var key = await Sealer.ForActorAsync(Ours, "alice", Token);

        Assert.NotEqual(Sealer.Seal(key, Plain, Context), Sealer.Seal(key, Plain, Context));
    }

    [Fact]
    public async Task Open_AnythingChanged_Throws()
    {
        var key = await Sealer.ForActorAsync(Ours, "alice", Token);
        var other = await Sealer.ForActorAsync(Ours, "bob", Token);
        var box = Sealer.Seal(key, Plain, Context);

        Refuses(other, box, Context);
        Refuses(key, box, []);
        Refuses(key, [], Context);
        for (var i = 0; i < box.Length; i++)
        {
            var changed = (byte[])box.Clone();
            changed[i] ^= 1;
            Refuses(key, changed, Context);
            Refuses(key, box[..i], Context);
        }

        void Refuses(ActorKey with, byte[] sealedBytes, byte[] context) =>
            Assert.ThrowsAny<CryptographicException>(() => Sealer.Open(with, sealedBytes, context));
    }

    [Fact]
    public async Task Destroy_ForgetsTheActorAndNobodyElse()
    {
        var alice = await Sealer.ForActorAsync(Ours, "alice", Token);
        var bob = await Sealer.ForActorAsync(Ours, "bob", Token);

        await Sealer.DestroyAsync(Ours, alice.ActorRef, Token);
        await Sealer.DestroyAsync(Ours, alice.ActorRef, Token);

        foreach (var sealer in new[] { Sealer, Again() })
        {
            Assert.Null(await sealer.FindAsync(Ours, alice.ActorRef, Token));
            Assert.Null(await sealer.LookUpAsync(Ours, "alice", Token));
            Assert.Equal(bob.ActorRef, (await sealer.LookUpAsync(Ours, "bob", Token))?.ActorRef);
        }

        var again = await Sealer.ForActorAsync(Ours, "alice", Token);
        Assert.NotEqual(alice.ActorRef, again.ActorRef);
        Assert.NotEqual(alice.Secret.ToArray(), again.Secret.ToArray());
    }

    [Fact]
    public async Task Cancelled_MakesNoKey()
    {
        var cancelled = new CancellationToken(canceled: true);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Sealer.ForActorAsync(Ours, "alice", cancelled));
        Assert.Null(await Sealer.LookUpAsync(Ours, "alice", Token));
    }

    [Fact]
    public async Task ActorKey_ShowsNoSecret()
    {
        var key = await Sealer.ForActorAsync(Ours, "alice", Token);

        Assert.DoesNotContain(Convert.ToHexString(key.Secret.Span), key.ToString(), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(Convert.ToBase64String(key.Secret.Span), key.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(nameof(ActorKey.Secret), key.ToString(), StringComparison.Ordinal);
    }
}
