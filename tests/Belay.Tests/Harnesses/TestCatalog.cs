using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Harnesses;
using Belay.Identity;
using Belay.Storage;
using Belay.Testing;
using Belay.Testing.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Tests.Harnesses;

/// <summary>A catalog over a store in memory, with a clock and a reconciler that move when told.</summary>
internal sealed class TestCatalog
{
    public const string Role = "arn:aws:iam::123456789012:role/HarnessRole";

    private static readonly Lazy<MasterKey> Key = new(() => MasterKey.LoadOrCreate(Directory.CreateTempSubdirectory("belay-catalog-").FullName));

    public TestCatalog(CatalogSettings? settings = null, IDocumentStore? store = null, ManualTime? time = null)
    {
        store ??= Store;
        Time = time ?? new();
        Catalog = new(store, Key.Value, settings ?? new(), Time, IdSource.System);
        Identity = new(store, new Sealer(Key.Value, store, IdSource.System, new()), Key.Value, new(new(), Mine.Account), Time, IdSource.System);
        Reconciler = new(Catalog, (scope, id, token) => StopSessions(scope, id, token), Time, NullLogger<HarnessReconciler>.Instance);
    }

    public static Scope Mine { get; } = new("123456789012", "us-west-2");

    public static Scope Theirs { get; } = new("210987654321", "us-west-2");

    /// <summary>The store of its own, unless another was given.</summary>
    public InMemoryDocumentStore Store { get; } = new();

    public ManualTime Time { get; }

    public HarnessCatalog Catalog { get; }

    public IdentityServices Identity { get; }

    public HarnessReconciler Reconciler { get; }

    public Func<Scope, string, CancellationToken, Task> StopSessions { get; set; } = (_, _, _) => Task.CompletedTask;

    public static CreateHarnessRequest Named(string name) => new() { HarnessName = name, ExecutionRoleArn = Role };

    public Task<Harness> CreateAsync(CreateHarnessRequest request) => Catalog.CreateAsync(Mine, request, default);

    public Task<Harness> GetAsync(string id, string? version = null) => Catalog.GetAsync(Mine, id, version, default);

    public Task<Harness> UpdateAsync(UpdateHarnessRequest request) => Catalog.UpdateAsync(Mine, request, default);

    public async Task<Harness> ReadyAsync(CreateHarnessRequest request)
    {
        var harness = await CreateAsync(request);
        await SettleAsync();
        return await GetAsync(harness.HarnessId);
    }

    public Task<Harness> ReadyAsync(string name = "agent") => ReadyAsync(Named(name));

    public async Task<Harness> UpdatedAsync(UpdateHarnessRequest request)
    {
        await UpdateAsync(request);
        await SettleAsync();
        return await GetAsync(request.HarnessId);
    }

    public Task SettleAsync()
    {
        Time.Advance(TimeSpan.FromMilliseconds(10));
        return Reconciler.RunOnceAsync(default);
    }

    public Task<HarnessEndpoint> EndpointAsync(string id, string name = "DEFAULT") => Catalog.GetEndpointAsync(Mine, id, name, default);

    public static async Task<ServiceException> RefusedAsync(FaultCode code, Func<Task> call)
    {
        var fault = await Assert.ThrowsAsync<ServiceException>(call);
        Assert.Equal(code, fault.Code);
        return fault;
    }
}
