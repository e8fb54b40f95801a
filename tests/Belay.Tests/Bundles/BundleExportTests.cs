using System.Security.Cryptography;
using Belay.Bundles;
using Belay.Contracts.Faults;
using Belay.Harnesses;
using Belay.Identity;
using Belay.Sandboxes;
using Belay.Sandboxes.Snapshots;
using Belay.Storage;
using Belay.Testing;
using Belay.Testing.Sessions;
using Belay.Testing.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Tests.Bundles;

/// <summary>What a server puts into a session's bundle, and what it refuses before the first byte.</summary>
public sealed class BundleExportTests : IAsyncDisposable
{
    private readonly TemporaryDirectory _data = new();
    private readonly EngineWorld _world = new();
    private readonly BundleKey _key;
    private readonly WorkspaceSnapshots _snapshots;

    public BundleExportTests()
    {
        _key = BundleKey.LoadOrCreate(_data.Path, MasterKey.LoadOrCreate(_data.Path));
        _snapshots = new(_data.Path, new(), _world.Time, IdSource.System, NullLogger<WorkspaceSnapshots>.Instance);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        _key.Dispose();
        await _world.DisposeAsync();
        _data.Dispose();
    }

    [Fact]
    public async Task NewestFiles_AreInIt_UnlessTheyAreLeftOut()
    {
        await SaveAsync(1000, 2);
        await SaveAsync(2000, 4);

        var bundle = await BundleFile.ReadAsync(await WriteAsync(withFiles: true));
        var bare = await BundleFile.ReadAsync(await WriteAsync(withFiles: false));

        Assert.Equal((4, 1, 2000), (bundle.Header.Files!.Sequence, bundle.Header.Files.Files, bundle.Header.Files.Bytes));
        Assert.Null(bare.Header.Files);
        Assert.Equal(bundle.Entries.Count, bare.Entries.Count);
    }

    [Fact]
    public async Task ArchiveThatIsTooLarge_IsRefused_NamingTheLimit()
    {
        await SaveAsync(2 << 20, 4);

        var refused = await Assert.ThrowsAsync<ServiceException>(() => WriteAsync(withFiles: true));

        Assert.Contains("the most is 1 MiB (Bundles:MaxFilesMiB). Set it to false (--no-files)", refused.Message, StringComparison.Ordinal);
        Assert.Null((await BundleFile.ReadAsync(await WriteAsync(withFiles: false))).Header.Files);
    }

    [Fact]
    public async Task SessionThatIsNotThere_IsRefused() =>
        Assert.Equal(FaultCode.ResourceNotFoundException, (await Assert.ThrowsAsync<ServiceException>(() => WriteAsync(withFiles: true))).Code);

    private async Task SaveAsync(int bytes, long sequence)
    {
        _world.Model.Say("One.");
        await _world.InvokeAsync(EngineWorld.User("Go"));
        var workspace = Directory.CreateDirectory(SandboxEnvironment.Directory(Path.Combine(_data.Path, "workspaces"), _world.Key)).FullName;
        await File.WriteAllBytesAsync(Path.Combine(workspace, "random"), RandomNumberGenerator.GetBytes(bytes), Token);
        Assert.NotNull(await _snapshots.SaveAsync(_world.Key, sequence, Token));
    }

    private async Task<byte[]> WriteAsync(bool withFiles)
    {
        var catalog = new HarnessCatalog(new InMemoryDocumentStore(), MasterKey.FromBytes(new byte[32]), new(), _world.Time, new SeededIdSource(8));
        var export = new SessionExport(new(_world.Journal, _world.Sealer, _world.Host.Look, new()), _world.Host, catalog, _snapshots, _key, new() { MaxFilesMiB = 1 }, _world.Time);
        await using var bundle = await export.PrepareAsync(_world.Key, withFiles, Token);
        using var output = new MemoryStream();
        await bundle.WriteAsync(output, Token);
        return output.ToArray();
    }
}
