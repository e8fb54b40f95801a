using Belay.Storage;
using Belay.Testing.Storage;

namespace Belay.Tests.Storage;

public sealed class InMemoryDocumentStoreTests : DocumentStoreContract
{
    private readonly InMemoryDocumentStore _store = new();

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    protected override Task<IDocumentStore> OpenAsync() => Task.FromResult<IDocumentStore>(_store);

    protected override Task<IDocumentStore> ReopenAsync() => OpenAsync();
}
