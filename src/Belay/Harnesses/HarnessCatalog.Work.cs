using System.Text.Json;
using Belay.Contracts.Harnesses;
using Belay.Storage;

namespace Belay.Harnesses;

/// <content>Finishing what requests began. Every step is one batch, so that it can be repeated after a crash.</content>
public sealed partial class HarnessCatalog
{
    private const int WorkPage = 100;

    /// <summary>More than any quota: endpoints outlive a quota that is lowered.</summary>
    private const int MostEndpoints = 10_000;

    /// <summary>Everything that is under way, in every account; read from the store, so that nothing is lost by a restart.</summary>
    internal async Task<IReadOnlyList<(Scope Scope, string HarnessId)>> WorkAsync(CancellationToken cancellationToken)
    {
        var work = new List<(Scope, string)>();
        foreach (var scope in await store.ScopesAsync(CatalogKeys.Work, cancellationToken))
        {
            work.AddRange((await store.ListAsync(scope, CatalogKeys.Work, "", null, WorkPage, cancellationToken)).Select(document => (scope, document.Key.Id)));
        }

        return work;
    }

    /// <summary>Whether a harness waits to be deleted.</summary>
    internal async Task<bool> IsDeletingAsync(Scope scope, string harnessId, CancellationToken cancellationToken) =>
        await ReadAsync(scope, CatalogKeys.Head(harnessId), CatalogJson.Default.HarnessHead, cancellationToken) is { Value.Status: HarnessStatus.Deleting };

    /// <summary>Finishes creating or updating a harness and changing its endpoints.</summary>
    internal Task SettleAsync(Scope scope, string harnessId, CancellationToken cancellationToken) =>
        ChangeAsync(scope, harnessId, "harness", async () =>
        {
            if (await ReadAsync(scope, CatalogKeys.Head(harnessId), CatalogJson.Default.HarnessHead, cancellationToken) is not { } head
                || head.Value.Status == HarnessStatus.Deleting)
            {
                return harnessId;
            }

            var now = Now();
            var batch = new CatalogBatch();
            var next = head.Value;
            if (next.Status is HarnessStatus.Creating or HarnessStatus.Updating)
            {
                var key = CatalogKeys.Version(harnessId, next.LatestVersion);
                var version = (await ReadAsync(scope, key, CatalogJson.Default.VersionState, cancellationToken))!;
                var snapshot = await RequireSnapshotAsync(scope, harnessId, next.LatestVersion, cancellationToken);
                var problem = Provisioning.Problem(snapshot.Harness, settings);
                var status = Outcome(next.Status, problem);
                next = next with { Status = status, UpdatedAt = now, FailureReason = problem };
                batch.Put(key, version.Value with { Status = status, UpdatedAt = now, FailureReason = problem }, CatalogJson.Default.VersionState, version.Etag);
            }

            foreach (var document in await EndpointsAsync(scope, harnessId, cancellationToken))
            {
                await SettleEndpointAsync(scope, batch, document, next, now, cancellationToken);
            }

            batch.Put(CatalogKeys.Head(harnessId), next, CatalogJson.Default.HarnessHead, head.Etag).Delete(CatalogKeys.WorkOn(harnessId), null);
            return await PutAsync(scope, batch.Writes, cancellationToken) ? harnessId : null;
        }, cancellationToken);

    /// <summary>Removes a harness that is being deleted. Its old versions go first, in batches of bounded size; what is left then
    /// goes at once, so that until the end the harness can be read as DELETING.</summary>
    internal async Task RemoveAsync(Scope scope, string harnessId, CancellationToken cancellationToken)
    {
        while (await ReadAsync(scope, CatalogKeys.Head(harnessId), CatalogJson.Default.HarnessHead, cancellationToken) is { Value.Status: HarnessStatus.Deleting } head)
        {
            var latest = CatalogKeys.Version(harnessId, head.Value.LatestVersion).Id;
            var older = await store.ListAsync(scope, CatalogKeys.Versions, CatalogKeys.Below(harnessId), latest, WorkPage, cancellationToken);
            var batch = new CatalogBatch();
            foreach (var version in older)
            {
                DeleteVersion(scope, batch, version.Key.Id);
            }

            if (older.Count < WorkPage)
            {
                DeleteVersion(scope, batch, latest);
                foreach (var document in await EndpointsAsync(scope, harnessId, cancellationToken))
                {
                    DeleteEndpoint(batch, document);
                }

                batch.Delete(CatalogKeys.Tag(harnessId, null), null)
                    .Delete(CatalogKeys.Policy(harnessId, null), null)
                    .Delete(CatalogKeys.Name(head.Value.HarnessName), null)
                    .Delete(CatalogKeys.Age(head.Value), null)
                    .Delete(CatalogKeys.WorkOn(harnessId), null)
                    .Delete(CatalogKeys.Head(harnessId), head.Etag);
            }
            else
            {
                batch.Put(CatalogKeys.Head(harnessId), head.Value, CatalogJson.Default.HarnessHead, head.Etag);
            }

            await PutAsync(scope, batch.Writes, cancellationToken);
        }
    }

    /// <summary>Says that a deletion failed; it can be asked for again.</summary>
    internal Task FailDeletionAsync(Scope scope, string harnessId, string reason, CancellationToken cancellationToken) =>
        ChangeAsync(scope, harnessId, "harness", async () =>
        {
            if (await ReadAsync(scope, CatalogKeys.Head(harnessId), CatalogJson.Default.HarnessHead, cancellationToken) is not { Value.Status: HarnessStatus.Deleting } head)
            {
                return harnessId;
            }

            var next = head.Value with { Status = HarnessStatus.DeleteFailed, FailureReason = reason, UpdatedAt = Now() };
            var batch = new CatalogBatch()
                .Put(CatalogKeys.Head(harnessId), next, CatalogJson.Default.HarnessHead, head.Etag)
                .Delete(CatalogKeys.WorkOn(harnessId), null);
            return await PutAsync(scope, batch.Writes, cancellationToken) ? harnessId : null;
        }, cancellationToken);

    private static HarnessStatus Outcome(HarnessStatus transitional, string? problem) =>
        problem is null ? HarnessStatus.Ready
        : transitional == HarnessStatus.Creating ? HarnessStatus.CreateFailed
        : HarnessStatus.UpdateFailed;

    private static void DeleteEndpoint(CatalogBatch batch, Document document)
    {
        var endpoint = JsonSerializer.Deserialize(document.Body.Span, CatalogJson.Default.HarnessEndpoint)!;
        batch.Delete(document.Key, document.Etag)
            .Delete(CatalogKeys.Tag(endpoint.HarnessId, endpoint.EndpointName), null)
            .Delete(CatalogKeys.Policy(endpoint.HarnessId, endpoint.EndpointName), null);
    }

    private void DeleteVersion(Scope scope, CatalogBatch batch, string id)
    {
        var snapshot = new DocumentKey(CatalogKeys.Snapshots, id);
        batch.Delete(new DocumentKey(CatalogKeys.Versions, id), null).Delete(snapshot, null);
        _snapshots.TryRemove((scope, snapshot), out _);
    }

    private Task<IReadOnlyList<Document>> EndpointsAsync(Scope scope, string harnessId, CancellationToken cancellationToken) =>
        store.ListAsync(scope, CatalogKeys.Endpoints, CatalogKeys.Below(harnessId), null, MostEndpoints, cancellationToken);

    private async Task SettleEndpointAsync(Scope scope, CatalogBatch batch, Document document, HarnessHead head, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var endpoint = JsonSerializer.Deserialize(document.Body.Span, CatalogJson.Default.HarnessEndpoint)!;
        if (endpoint.Status == HarnessStatus.Deleting)
        {
            DeleteEndpoint(batch, document);
            return;
        }

        if (endpoint.Status is not (HarnessStatus.Creating or HarnessStatus.Updating))
        {
            return;
        }

        // The newest version has just been decided above; every older one was decided long ago.
        var target = Number(endpoint.TargetVersion!);
        var failure = target == head.LatestVersion
            ? head.FailureReason
            : (await ReadAsync(scope, CatalogKeys.Version(head.HarnessId, target), CatalogJson.Default.VersionState, cancellationToken))!.Value.FailureReason;
        var settled = failure is null
            ? endpoint with { Status = HarnessStatus.Ready, LiveVersion = endpoint.TargetVersion, TargetVersion = null, UpdatedAt = now }
            : endpoint with { Status = Outcome(endpoint.Status, failure), FailureReason = $"Version {target} failed: {failure}", UpdatedAt = now };
        batch.Put(document.Key, settled, CatalogJson.Default.HarnessEndpoint, document.Etag);
    }
}
