using System.Security.Cryptography;
using Belay.Bundles;
using Belay.Harnesses;
using Belay.Identity;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Tests.Verification;
using static Belay.Tests.Harnesses.TestCatalog;

namespace Belay.Tests.Identity;

/// <summary>A new master key in the place of the old one, and what it is like when that is cut off.</summary>
public sealed class MasterKeyRotationTests : IAsyncDisposable
{
    private const string ApiKey = "sk-of-the-vault";
    private readonly SignedStore _store = new();
    private string? _harnessId;
    private string? _aliceRef;
    private string? _fingerprint;
    private string? _accessKey;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string KeyFile => Path.Combine(_store.Directory, MasterKey.FileName);

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Fact]
    public async Task EverythingOpensWithTheNewKey_AndNothingWithTheOldOne()
    {
        await FillAsync();
        var old = await File.ReadAllBytesAsync(KeyFile, Token);

        var count = await RotateAsync();

        // Two documents for each of two actors and two accounts, and one version.
        Assert.Equal(9, count);
        await AssertWholeAsync();
        await AssertOpensNothingAsync(MasterKey.FromBytes(old));
        Assert.All(Directory.EnumerateFiles(_store.Directory), file => Assert.Equal(-1, File.ReadAllBytes(file).AsSpan().IndexOf(old)));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(KeyFile));

        // And once more, from a key that is a successor itself.
        var second = await File.ReadAllBytesAsync(KeyFile, Token);
        Assert.Equal(9, await RotateAsync());
        await AssertWholeAsync();
        await AssertOpensNothingAsync(MasterKey.FromBytes(second.AsSpan(0, 32)));
    }

    [Fact]
    public async Task WhatIsCutOff_IsFinishedByTheNextRun_AndOpenedByNobodyElseUntilThen()
    {
        await FillAsync();
        MasterKey.TryLoad(_store.Directory)!.MakeNext(_store.Directory); // The store made it.
        foreach (var file in new[] { AccessKeys.FileName, BundleKey.FileName })
        {
            // A file that does not open stops it in the middle; it is mended before the next run.
            var path = Path.Combine(_store.Directory, file);
            var whole = await File.ReadAllBytesAsync(path, Token);
            await File.WriteAllBytesAsync(path, new byte[whole.Length], Token);
            await Assert.ThrowsAsync<InvalidDataException>(RotateAsync);
            await File.WriteAllBytesAsync(path, whole, Token);

            var refused = Assert.Throws<InvalidDataException>(() => MasterKey.LoadOrCreate(_store.Directory));
            Assert.Contains("belay keys rotate", refused.Message, StringComparison.Ordinal);
        }

        Assert.Equal(0, await RotateAsync());
        await AssertWholeAsync();
    }

    [Fact]
    public async Task HeadsThatWereChanged_StopItBeforeAnythingIsSealedAnew()
    {
        await FillAsync();
        var heads = await File.ReadAllBytesAsync(_store.Heads, Token);
        heads[^1] ^= 1;
        await File.WriteAllBytesAsync(_store.Heads, heads, Token);

        var refused = await Assert.ThrowsAsync<InvalidDataException>(RotateAsync);

        Assert.Contains("belay verify", refused.Message, StringComparison.Ordinal);
        Assert.Equal(heads, await File.ReadAllBytesAsync(_store.Heads, Token));
        Assert.False(File.Exists($"{KeyFile}.next"));
    }

    [Fact]
    public async Task WhatTheOldKeyDoesNotOpen_StopsItBeforeAnythingIsSealedAnew()
    {
        await FillAsync();
        _store.Tamper($"UPDATE documents SET body = zeroblob(100) WHERE collection = '{CatalogKeys.Snapshots}'");

        var refused = await Assert.ThrowsAsync<InvalidDataException>(RotateAsync);

        Assert.Contains($"does not open the document {CatalogKeys.Snapshots}/", refused.Message, StringComparison.Ordinal);
        Assert.False(File.Exists($"{KeyFile}.next"));
        await using var database = SqliteDatabase.Open(_store.Directory, new StorageSettings(), TimeProvider.System);
        Assert.Equal(ApiKey, await Vault(database, MasterKey.TryLoad(_store.Directory)!).FindKeyAsync(Mine, "p", Token)); // As above.
    }

    [Fact]
    public async Task DirectoryThatAServerHolds_IsLeftAlone()
    {
        await FillAsync();
        await using (SqliteDatabase.Open(_store.Directory, new StorageSettings(), TimeProvider.System))
        {
            await Assert.ThrowsAsync<StorageException>(RotateAsync);
        }

        Assert.False(File.Exists($"{KeyFile}.next"));
        await AssertWholeAsync();
    }

    private static Sealer Sealer(SqliteDatabase database, MasterKey master) => new(master, new SqliteDocumentStore(database), IdSource.System, new());

    private Task<int> RotateAsync() => new MasterKeyRotation(_store.Directory, _store.Time).RunAsync(Token);

    private async Task FillAsync()
    {
        await _store.FillAsync();
        var master = MasterKey.TryLoad(_store.Directory)!; // The store made it.
        await using var database = SqliteDatabase.Open(_store.Directory, new StorageSettings(), TimeProvider.System);
        var harness = await Catalog(database, master).CreateAsync(Mine, Named("agent"), Token);
        await Vault(database, master).CreateAsync(Mine, new() { Name = "p", ApiKey = ApiKey }, Token);
        using var bundles = BundleKey.LoadOrCreate(_store.Directory, master);
        var keys = AccessKeys.Open(_store.Directory, master, _store.Time, IdSource.System);
        keys.EnsureFirst(Mine.Account);
        _harnessId = harness.HarnessId;
        _aliceRef = (await Sealer(database, master).LookUpAsync(SignedStore.Key("one").Scope, "alice", Token))!.ActorRef;
        _fingerprint = bundles.Fingerprint;
        _accessKey = Assert.Single(keys.List()).Secret;
    }

    private async Task AssertWholeAsync()
    {
        var (damaged, tally) = await _store.VerifyAsync();
        Assert.Empty(damaged);
        Assert.Equal(3, tally.Sessions);
        var master = MasterKey.TryLoad(_store.Directory)!; // As above.
        await using var database = SqliteDatabase.Open(_store.Directory, new StorageSettings(), TimeProvider.System);
        Assert.Equal(_aliceRef, (await Sealer(database, master).LookUpAsync(SignedStore.Key("one").Scope, "alice", Token))?.ActorRef);
        Assert.Equal(_harnessId, (await Catalog(database, master).GetAsync(Mine, _harnessId!, "1", Token)).HarnessId); // FillAsync has set it.
        Assert.Equal(ApiKey, await Vault(database, master).FindKeyAsync(Mine, "p", Token));
        using var bundles = BundleKey.LoadOrCreate(_store.Directory, master);
        Assert.Equal(_fingerprint, bundles.Fingerprint);
        Assert.Equal(_accessKey, Assert.Single(AccessKeys.Open(_store.Directory, master, _store.Time, IdSource.System).List()).Secret);
    }

    private async Task AssertOpensNothingAsync(MasterKey old)
    {
        await using var database = SqliteDatabase.Open(_store.Directory, new StorageSettings(), TimeProvider.System);
        await Assert.ThrowsAnyAsync<CryptographicException>(async () => await Sealer(database, old).FindAsync(SignedStore.Key("one").Scope, _aliceRef!, Token)); // FillAsync has set it.
        await Assert.ThrowsAnyAsync<CryptographicException>(() => Catalog(database, old).GetAsync(Mine, _harnessId!, "1", Token)); // As above.
        await Assert.ThrowsAnyAsync<CryptographicException>(async () => await Vault(database, old).FindKeyAsync(Mine, "p", Token));
        Assert.Throws<InvalidDataException>(() => AccessKeys.Open(_store.Directory, old, _store.Time, IdSource.System));
        Assert.Throws<InvalidDataException>(() => BundleKey.LoadOrCreate(_store.Directory, old));
    }

    private HarnessCatalog Catalog(SqliteDatabase database, MasterKey master) => new(new SqliteDocumentStore(database), master, new(), _store.Time, IdSource.System);

    private TokenVault Vault(SqliteDatabase database, MasterKey master) => new(new SqliteDocumentStore(database), Sealer(database, master), new(new(), Mine.Account), _store.Time);
}
