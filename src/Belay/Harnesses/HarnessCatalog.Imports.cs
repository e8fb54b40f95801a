using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Sessions;
using Belay.Storage;

namespace Belay.Harnesses;

/// <content>What sessions that ran elsewhere bring along.</content>
public sealed partial class HarnessCatalog
{
    /// <summary>The harness of a name; null when there is none.</summary>
    public async Task<Harness?> FindByNameAsync(Scope scope, string harnessName, CancellationToken cancellationToken) =>
        await ReadAsync(scope, CatalogKeys.Name(harnessName), CatalogJson.Default.HarnessReference, cancellationToken) is { Value: var reference }
            ? await FindAsync(scope, reference.HarnessId, cancellationToken)
            : null;

    /// <summary>A version that entries of a session name: of its harness, or of the one that it ran on before it was imported; null when it is gone.</summary>
    public async Task<Harness?> FindVersionAsync(SessionKey session, string version, CancellationToken cancellationToken)
    {
        if (!ImportedVersion.IsOne(version))
        {
            try
            {
                return await GetAsync(session.Scope, session.HarnessId, version, cancellationToken);
            }
            catch (ServiceException gone) when (gone.Code == FaultCode.ResourceNotFoundException)
            {
                return null;
            }
        }

        var key = CatalogKeys.ImportedVersion(session.HarnessId, session.SessionId, version);
        return await store.GetAsync(session.Scope, key, cancellationToken) is { } document
            ? JsonSerializer.Deserialize(masterKey.Open(document.Body.Span, SealContext(session.Scope, key)), CatalogJson.Default.VersionSnapshot)!.Harness
            : null;
    }

    /// <summary>Keeps the versions that an imported session names, in place of what an import that failed may have left.</summary>
    internal async Task KeepVersionsAsync(SessionKey session, IReadOnlyDictionary<string, Harness> versions, CancellationToken cancellationToken)
    {
        var batch = new CatalogBatch();
        foreach (var (version, harness) in versions)
        {
            var key = CatalogKeys.ImportedVersion(session.HarnessId, session.SessionId, version);
            var plain = JsonSerializer.SerializeToUtf8Bytes(new VersionSnapshot { Harness = harness, Settings = new() }, CatalogJson.Default.VersionSnapshot);
            batch.Put(new DocumentWrite(key, masterKey.Seal(plain, SealContext(session.Scope, key)), null));
        }

        if (batch.Writes.Count > 0)
        {
            await PutAsync(session.Scope, batch.Writes, cancellationToken);
        }
    }

    /// <summary>Takes the versions of an import back that came to nothing.</summary>
    internal async Task DropVersionsAsync(SessionKey session, IReadOnlyDictionary<string, Harness> versions, CancellationToken cancellationToken)
    {
        var batch = new CatalogBatch();
        foreach (var version in versions.Keys)
        {
            batch.Delete(CatalogKeys.ImportedVersion(session.HarnessId, session.SessionId, version), null);
        }

        if (batch.Writes.Count > 0)
        {
            await PutAsync(session.Scope, batch.Writes, cancellationToken);
        }
    }

    /// <summary>Removes a harness that was just made for something that came to nothing, whatever its state.</summary>
    internal async Task WithdrawAsync(Scope scope, string harnessId, CancellationToken cancellationToken)
    {
        await ChangeAsync(scope, harnessId, "harness", async () =>
        {
            var head = await RequireHeadAsync(scope, harnessId, cancellationToken);
            var batch = new CatalogBatch().Put(
                CatalogKeys.Head(harnessId), head.Value with { Status = HarnessStatus.Deleting, UpdatedAt = Now() }, CatalogJson.Default.HarnessHead, head.Etag);
            return await PutAsync(scope, batch.Writes, cancellationToken) ? harnessId : null;
        }, cancellationToken);
        await RemoveAsync(scope, harnessId, cancellationToken);
    }
}
