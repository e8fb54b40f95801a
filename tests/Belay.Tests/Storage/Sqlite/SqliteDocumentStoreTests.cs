using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Testing;
using Belay.Testing.Storage;

namespace Belay.Tests.Storage.Sqlite;

public sealed class SqliteDocumentStoreTests : DocumentStoreContract
{
    private readonly TemporaryDirectory _directory = new();
    private SqliteDatabase? _database;

    public override async ValueTask DisposeAsync()
    {
        await _database!.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task Delete_LeavesNoTraceInTheFiles()
    {
        var secret = "find-me-if-you-can-0123456789"u8.ToArray();
        var scope = new Scope("000000000000", "us-west-2");
        byte[] large = [.. Enumerable.Repeat(secret, 1000).SelectMany(bytes => bytes)];
        var token = TestContext.Current.CancellationToken;
        await Store.WriteAsync(scope, [new(new("keys", "small"), secret, 0), new(new("keys", "large"), large, 0)], token);
        Assert.True(Contains(secret));

        await Store.WriteAsync(scope, [new(new("keys", "small"), null, null), new(new("keys", "large"), null, null)], token);

        Assert.False(Contains(secret));
    }

    protected override Task<IDocumentStore> OpenAsync()
    {
        _database = SqliteDatabase.Open(_directory.Path, new StorageSettings(), TimeProvider.System);
        return Task.FromResult<IDocumentStore>(new SqliteDocumentStore(_database));
    }

    protected override async Task<IDocumentStore> ReopenAsync()
    {
        await _database!.DisposeAsync();
        return await OpenAsync();
    }

    private bool Contains(byte[] secret) => Directory.EnumerateFiles(_directory.Path, "belay.db*").Any(path =>
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var copy = new MemoryStream();
        file.CopyTo(copy);
        return copy.ToArray().AsSpan().IndexOf(secret) >= 0;
    });
}
