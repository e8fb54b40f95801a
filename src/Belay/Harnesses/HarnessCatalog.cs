using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Identity;
using Belay.Sessions;
using Belay.Storage;

namespace Belay.Harnesses;

/// <summary>
/// The harnesses of every account: their versions, endpoints, tags and policies. Each change is one atomic batch of documents
/// that also writes the harness's head with the etag that was read, so that two changes of one harness never interleave. What
/// takes time is only begun here; <see cref="HarnessReconciler"/> finishes it.
/// </summary>
public sealed partial class HarnessCatalog(IDocumentStore store, MasterKey masterKey, CatalogSettings settings, TimeProvider time, IdSource ids)
{
    private const int IdCharacters = 10;
    private const int MaxAttempts = 16;
    private const long MaxCachedBytes = 64 * 1024 * 1024;
    private const int MaxServed = 1000;

    private readonly Lanes _lanes = new();
    private readonly ClientTokens _tokens = new(store, time, settings.ClientTokenLifetime);
    private readonly ConcurrentDictionary<(Scope Scope, DocumentKey Key), VersionSnapshot> _snapshots = [];
    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ConcurrentDictionary<(Scope Scope, string HarnessArn, string Endpoint), (long Writes, ServedHarness Served)> _served = [];
    private long _cachedBytes;
    private long _writes;

    /// <summary>What the operator decided.</summary>
    public CatalogSettings Settings => settings;

    /// <summary>Gets an item whenever there is new work for the reconciler.</summary>
    internal ChannelReader<bool> Changed => _changed.Reader;

    internal ClientTokens Tokens => _tokens;

    /// <summary>Makes version 1 and the endpoint <c>DEFAULT</c>; answers the harness as CREATING.</summary>
    public Task<Harness> CreateAsync(Scope scope, CreateHarnessRequest request, CancellationToken cancellationToken) =>
        CreateAsync(scope, request, null, cancellationToken);

    /// <summary>As above, with the document of our own settings; null for an empty one.</summary>
    public Task<Harness> CreateAsync(Scope scope, CreateHarnessRequest request, IReadOnlyDictionary<string, JsonElement>? document, CancellationToken cancellationToken)
    {
        var belay = new BelaySettings { Document = document ?? new Dictionary<string, JsonElement>(), Tags = BelaySettings.FromTags(request.Tags) };
        Refuse([.. HarnessRules.Create(request, settings), .. SettingsProblems(document, "belay")]);
        return ChangeAsync(scope, request.HarnessName, "harness", async () =>
        {
            // 1. A repeated request gets the harness of the first.
            var token = await _tokens.FindAsync(
                scope, "CreateHarness", request.ClientToken, request with { ClientToken = null }, Contracts.BelayJson.Default.CreateHarnessRequest, cancellationToken, document);
            if (token.Resource is { } made)
            {
                return await FindAsync(scope, made, cancellationToken)
                    ?? throw new ServiceException(FaultCode.ConflictException, "The harness that this client token made has been deleted. Use a new token for a new harness.");
            }

            // 2. The name is free and the quota leaves room.
            if (await store.GetAsync(scope, CatalogKeys.Name(request.HarnessName), cancellationToken) is not null)
            {
                throw new ServiceException(FaultCode.ConflictException, $"A harness with the name {request.HarnessName} already exists.");
            }

            var existing = await store.ListAsync(scope, CatalogKeys.Ages, "", null, settings.MaxHarnesses, cancellationToken);
            if (existing.Count >= settings.MaxHarnesses)
            {
                throw new ServiceException(FaultCode.ServiceQuotaExceededException, $"The limit of {settings.MaxHarnesses} harnesses per account and region has been reached.");
            }

            // 3. Everything of the new harness in one batch.
            var now = Now();
            var harnessId = $"{request.HarnessName}-{ids.NewAlphanumeric(IdCharacters)}";
            var runtimeId = $"harness_{request.HarnessName}-{ids.NewAlphanumeric(IdCharacters)}";
            var harness = VersionBuilder.Create(scope, request, harnessId, runtimeId, settings, now);
            var head = new HarnessHead
            {
                HarnessId = harnessId,
                HarnessName = harness.HarnessName,
                Status = HarnessStatus.Creating,
                LatestVersion = 1,
                CreatedAt = now,
                UpdatedAt = now,
            };
            var endpoint = NewEndpoint(scope, head, CatalogKeys.DefaultEndpoint, 1, null, now);
            var reference = new HarnessReference { HarnessId = harnessId };
            var batch = new CatalogBatch()
                .Add(CatalogKeys.Id(harnessId), reference, CatalogJson.Default.HarnessReference)
                .Add(CatalogKeys.Name(harness.HarnessName), reference, CatalogJson.Default.HarnessReference)
                .Add(CatalogKeys.Age(head), reference, CatalogJson.Default.HarnessReference)
                .Add(CatalogKeys.Head(harnessId), head, CatalogJson.Default.HarnessHead)
                .Add(CatalogKeys.Endpoint(harnessId, CatalogKeys.DefaultEndpoint), endpoint, CatalogJson.Default.HarnessEndpoint);
            AddVersion(scope, batch, head, new VersionSnapshot { Harness = harness, Settings = belay });
            AddTags(batch, harnessId, null, request.Tags);
            return await WriteAsync(scope, batch, token, harnessId, cancellationToken) ? harness : null;
        }, cancellationToken);
    }

    /// <summary>The current configuration, or that of a version.</summary>
    public async Task<Harness> GetAsync(Scope scope, string harnessId, string? version, CancellationToken cancellationToken) =>
        (await GetWithSettingsAsync(scope, harnessId, version, cancellationToken)).Harness;

    /// <summary>The current configuration of a session's harness; null when the harness is gone.</summary>
    public async Task<Harness?> FindAsync(SessionKey session, CancellationToken cancellationToken)
    {
        try
        {
            return await GetAsync(session.Scope, session.HarnessId, version: null, cancellationToken);
        }
        catch (ServiceException fault) when (fault.Code == FaultCode.ResourceNotFoundException)
        {
            return null;
        }
    }

    /// <summary>The current configuration, or that of a version, with our settings.</summary>
    public async Task<(Harness Harness, BelaySettings Settings)> GetWithSettingsAsync(Scope scope, string harnessId, string? version, CancellationToken cancellationToken)
    {
        var head = await RequireHeadAsync(scope, harnessId, cancellationToken);
        if (version is null)
        {
            var current = await RequireSnapshotAsync(scope, harnessId, head.Value.LatestVersion, cancellationToken);
            return (WithState(current.Harness, head.Value), current.Settings);
        }

        var state = await ReadAsync(scope, CatalogKeys.Version(harnessId, Number(version)), CatalogJson.Default.VersionState, cancellationToken)
            ?? throw NoVersion(harnessId, version);
        var snapshot = await RequireSnapshotAsync(scope, harnessId, state.Value.Version, cancellationToken);
        return (WithState(snapshot.Harness, state.Value), snapshot.Settings);
    }

    /// <summary>Makes the next version; answers the harness as UPDATING.</summary>
    public Task<Harness> UpdateAsync(Scope scope, UpdateHarnessRequest request, CancellationToken cancellationToken) =>
        UpdateAsync(scope, request, null, cancellationToken);

    /// <summary>As above, with a new document of our own settings; null carries the old one forward.</summary>
    public Task<Harness> UpdateAsync(Scope scope, UpdateHarnessRequest request, IReadOnlyDictionary<string, JsonElement>? document, CancellationToken cancellationToken)
    {
        Refuse([.. HarnessRules.Update(request, settings), .. SettingsProblems(document, "belay")]);
        var harnessId = request.HarnessId;
        return ChangeAsync(scope, harnessId, "harness", async () =>
        {
            // 1. A repeated request gets the harness as it is now.
            var token = await _tokens.FindAsync(
                scope, "UpdateHarness", request.ClientToken, request with { ClientToken = null }, Contracts.BelayJson.Default.UpdateHarnessRequest, cancellationToken, document);
            if (token.Resource is not null)
            {
                return await GetAsync(scope, harnessId, null, cancellationToken);
            }

            var head = await RequireHeadAsync(scope, harnessId, cancellationToken);
            var snapshot = await NextVersionAsync(scope, head, request, document, token, cancellationToken);
            return snapshot is null ? null : snapshot.Harness;
        }, cancellationToken);
    }

    /// <summary>Begins to delete a harness with everything that belongs to it; answers it as DELETING, or null when the request
    /// is the repetition of one whose harness is gone.</summary>
    public async Task<Harness?> DeleteAsync(Scope scope, DeleteHarnessRequest request, CancellationToken cancellationToken)
    {
        var harnessId = request.HarnessId;
        var answer = await ChangeAsync(scope, harnessId, "harness", async () =>
        {
            var token = await _tokens.FindAsync(
                scope, "DeleteHarness", request.ClientToken, request with { ClientToken = null }, Contracts.BelayJson.Default.DeleteHarnessRequest, cancellationToken);
            if (token.Resource is not null)
            {
                return new Answer<Harness>(await FindAsync(scope, harnessId, cancellationToken));
            }

            var head = await RequireHeadAsync(scope, harnessId, cancellationToken);
            var snapshot = await RequireSnapshotAsync(scope, harnessId, head.Value.LatestVersion, cancellationToken);
            var next = head.Value;
            if (next.Status != HarnessStatus.Deleting)
            {
                RequireStatus(next, "deleted", HarnessStatus.Ready, HarnessStatus.CreateFailed, HarnessStatus.UpdateFailed, HarnessStatus.DeleteFailed);
                next = next with { Status = HarnessStatus.Deleting, UpdatedAt = Now(), FailureReason = null };
            }

            var batch = new CatalogBatch().Put(CatalogKeys.Head(harnessId), next, CatalogJson.Default.HarnessHead, head.Etag);
            AddWork(batch, harnessId);
            return await WriteAsync(scope, batch, token, harnessId, cancellationToken) ? new Answer<Harness>(WithState(snapshot.Harness, next)) : null;
        }, cancellationToken);
        return answer.Value;
    }

    /// <summary>A page of harnesses, newest first.</summary>
    public async Task<Page<HarnessSummary>> ListAsync(Scope scope, int limit, string? after, CancellationToken cancellationToken)
    {
        var documents = await store.ListAsync(scope, CatalogKeys.Ages, "", after, limit + 1, cancellationToken);
        var items = new List<HarnessSummary>();
        foreach (var document in documents.Take(limit))
        {
            var harnessId = JsonSerializer.Deserialize(document.Body.Span, CatalogJson.Default.HarnessReference)!.HarnessId;

            // It may have been deleted since the page was read.
            if (await ReadAsync(scope, CatalogKeys.Head(harnessId), CatalogJson.Default.HarnessHead, cancellationToken) is { Value: var head })
            {
                items.Add(new HarnessSummary
                {
                    HarnessId = harnessId,
                    HarnessName = head.HarnessName,
                    Arn = new HarnessArn(scope, harnessId).ToString(),
                    Status = head.Status,
                    CreatedAt = head.CreatedAt,
                    UpdatedAt = head.UpdatedAt,
                    HarnessVersion = Text(head.LatestVersion),
                });
            }
        }

        return new(items, documents.Count > limit ? documents[limit - 1].Key.Id : null);
    }

    /// <summary>A page of versions, newest first.</summary>
    public async Task<Page<HarnessVersionSummary>> ListVersionsAsync(Scope scope, string harnessId, int limit, string? after, CancellationToken cancellationToken)
    {
        var head = (await RequireHeadAsync(scope, harnessId, cancellationToken)).Value;
        var prefix = CatalogKeys.Below(harnessId);
        var documents = await store.ListAsync(scope, CatalogKeys.Versions, prefix, After(prefix, after), limit + 1, cancellationToken);
        var items = documents.Take(limit)
            .Select(document => JsonSerializer.Deserialize(document.Body.Span, CatalogJson.Default.VersionState)!)
            .Select(state => new HarnessVersionSummary
            {
                HarnessId = harnessId,
                HarnessName = head.HarnessName,
                Arn = new HarnessArn(scope, harnessId).ToString(),
                HarnessVersion = Text(state.Version),
                Status = state.Status,
                CreatedAt = state.CreatedAt,
                UpdatedAt = state.UpdatedAt,
                FailureReason = state.FailureReason,
            });
        return new([.. items], documents.Count > limit ? documents[limit - 1].Key.Id[prefix.Length..] : null);
    }

    /// <summary>
    /// What the data plane runs: the live version of an endpoint. A harness of another account or region is answered exactly as
    /// one that does not exist.
    /// </summary>
    public async Task<ServedHarness> ServeAsync(Scope scope, string harnessArn, string? qualifier, CancellationToken cancellationToken)
    {
        // Only this catalog writes what is read here: while it has written nothing, what was served is served again.
        var name = qualifier ?? CatalogKeys.DefaultEndpoint;
        var writes = Interlocked.Read(ref _writes);
        if (_served.TryGetValue((scope, harnessArn, name), out var before) && before.Writes == writes)
        {
            return before.Served;
        }

        var served = await ReadServedAsync(scope, harnessArn, name, cancellationToken);
        if (_served.Count >= MaxServed)
        {
            _served.Clear();
        }

        _served[(scope, harnessArn, name)] = (writes, served);
        return served;
    }

    private async Task<ServedHarness> ReadServedAsync(Scope scope, string harnessArn, string name, CancellationToken cancellationToken)
    {
        if (HarnessArn.TryParse(harnessArn) is not { Endpoint: null } arn || arn.Scope != scope
            || await ReadAsync(scope, CatalogKeys.Head(arn.HarnessId), CatalogJson.Default.HarnessHead, cancellationToken) is not { Value: var head })
        {
            throw new ServiceException(FaultCode.ResourceNotFoundException, $"The harness {harnessArn} does not exist.");
        }

        var endpoint = (await ReadEndpointAsync(scope, arn.HarnessId, name, cancellationToken) ?? throw NoEndpoint(arn.HarnessId, name)).Value;
        if (head.Status is HarnessStatus.Creating or HarnessStatus.CreateFailed or HarnessStatus.Deleting)
        {
            throw ServiceException.Invalid(ValidationReason.ResourceConflict, $"Harness {arn.HarnessId} is not ready: {WireName(head.Status)}");
        }

        if (endpoint.LiveVersion is null || endpoint.Status == HarnessStatus.Deleting)
        {
            throw ServiceException.Invalid(ValidationReason.ResourceConflict, $"Endpoint {name} of harness {arn.HarnessId} is not ready: {WireName(endpoint.Status)}");
        }

        var snapshot = await FindSnapshotAsync(scope, arn.HarnessId, Number(endpoint.LiveVersion), cancellationToken)
            ?? throw new ServiceException(FaultCode.ResourceNotFoundException, $"The harness {harnessArn} does not exist.");
        return new(snapshot.Harness with { Status = head.Status }, name, snapshot.Settings);
    }

    /// <summary>Makes the version after the newest; answers its content with the head's new state, or null when something that was read has changed.</summary>
    private async Task<VersionSnapshot?> NextVersionAsync(
        Scope scope, Stored<HarnessHead> head, UpdateHarnessRequest request, IReadOnlyDictionary<string, JsonElement>? document, ClientToken token, CancellationToken cancellationToken)
    {
        // 2. The harness is settled, and its memory's key stays.
        var harnessId = head.Value.HarnessId;
        RequireStatus(head.Value, "updated", HarnessStatus.Ready, HarnessStatus.CreateFailed, HarnessStatus.UpdateFailed);
        var old = await RequireSnapshotAsync(scope, harnessId, head.Value.LatestVersion, cancellationToken);
        Refuse(MemoryKey(old.Harness.Memory, request.Memory?.OptionalValue));
        if (head.Value.LatestVersion >= Math.Min(settings.MaxVersions, CatalogKeys.LastVersion))
        {
            // The published operation has no quota fault.
            throw new ServiceException(FaultCode.ConflictException, $"The limit of {settings.MaxVersions} versions per harness has been reached. Create a new harness.");
        }

        // 3. The next version, and DEFAULT on its way there.
        var now = Now();
        var next = head.Value with { Status = HarnessStatus.Updating, LatestVersion = head.Value.LatestVersion + 1, UpdatedAt = now, FailureReason = null };
        var tags = await ReadTagsAsync(scope, harnessId, null, cancellationToken);
        var snapshot = new VersionSnapshot
        {
            Harness = VersionBuilder.Update(old.Harness, request, Text(next.LatestVersion), now),
            Settings = new() { Document = document ?? old.Settings.Document, Tags = BelaySettings.FromTags(tags?.Value) },
        };
        if (request.Model is not null || request.Tools is not null || request.AllowedTools is not null)
        {
            Refuse(HarnessRules.ToolSchemas(snapshot.Harness.Model, snapshot.Harness.Tools, snapshot.Harness.AllowedTools, "tools"));
        }

        var endpoint = (await ReadEndpointAsync(scope, harnessId, CatalogKeys.DefaultEndpoint, cancellationToken))!;
        var batch = new CatalogBatch()
            .Put(CatalogKeys.Head(harnessId), next, CatalogJson.Default.HarnessHead, head.Etag)
            .Put(CatalogKeys.Endpoint(harnessId, CatalogKeys.DefaultEndpoint), MoveTo(endpoint.Value, next.LatestVersion, now), CatalogJson.Default.HarnessEndpoint, endpoint.Etag);
        AddVersion(scope, batch, next, snapshot);
        return await WriteAsync(scope, batch, token, harnessId, cancellationToken) ? snapshot with { Harness = WithState(snapshot.Harness, next) } : null;
    }

    private static IEnumerable<FieldProblem> MemoryKey(HarnessMemoryConfiguration? old, HarnessMemoryConfiguration? wanted)
    {
        if (old?.ManagedMemoryConfiguration is { } managed
            && wanted?.ManagedMemoryConfiguration?.EncryptionKeyArn is { } key
            && key != managed.EncryptionKeyArn)
        {
            yield return new("memory.optionalValue.managedMemoryConfiguration.encryptionKeyArn", "must not change after the memory was made");
        }
    }

    private static void Refuse(IEnumerable<FieldProblem> problems)
    {
        if (problems.ToList() is { Count: > 0 } found)
        {
            throw ServiceException.Invalid(found);
        }
    }

    private static void RequireStatus(HarnessHead head, string verb, params ReadOnlySpan<HarnessStatus> allowed)
    {
        if (!allowed.Contains(head.Status))
        {
            throw new ServiceException(FaultCode.ConflictException, $"Harness {head.HarnessId} cannot be {verb} while its status is {WireName(head.Status)}.");
        }
    }

    private static Harness WithState(Harness harness, HarnessHead head) =>
        harness with { Status = head.Status, CreatedAt = head.CreatedAt, UpdatedAt = head.UpdatedAt, FailureReason = head.FailureReason };

    private static Harness WithState(Harness harness, VersionState state) =>
        harness with { Status = state.Status, CreatedAt = state.CreatedAt, UpdatedAt = state.UpdatedAt, FailureReason = state.FailureReason };

    private static string WireName(HarnessStatus status) => JsonSerializer.SerializeToElement(status, CatalogJson.Default.HarnessStatus).GetString()!;

    private static string Text(int version) => version.ToString(CultureInfo.InvariantCulture);

    /// <summary>The number of a version; 0, which no version has, for what is no number.</summary>
    private static int Number(string version) =>
        int.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= CatalogKeys.LastVersion ? number : 0;

    private static string? After(string prefix, string? position) => position is null ? null : prefix + position;

    private static ServiceException NoHarness(string harnessId) =>
        new(FaultCode.ResourceNotFoundException, $"The harness {harnessId} does not exist.");

    private static ServiceException NoVersion(string harnessId, string version) =>
        new(FaultCode.ResourceNotFoundException, $"Version {version} of harness {harnessId} does not exist.");

    private static void AddWork(CatalogBatch batch, string harnessId) =>
        batch.Put(CatalogKeys.WorkOn(harnessId), new HarnessReference { HarnessId = harnessId }, CatalogJson.Default.HarnessReference, null);

    /// <summary>The version's state, its sealed content, and the work of making it ready.</summary>
    private void AddVersion(Scope scope, CatalogBatch batch, HarnessHead head, VersionSnapshot snapshot)
    {
        var state = new VersionState { Version = head.LatestVersion, Status = head.Status, CreatedAt = head.UpdatedAt, UpdatedAt = head.UpdatedAt };
        var key = CatalogKeys.Snapshot(head.HarnessId, head.LatestVersion);
        var plain = JsonSerializer.SerializeToUtf8Bytes(snapshot, CatalogJson.Default.VersionSnapshot);
        batch.Add(CatalogKeys.Version(head.HarnessId, head.LatestVersion), state, CatalogJson.Default.VersionState)
            .Put(new DocumentWrite(key, masterKey.Seal(plain, SealContext(scope, key)), 0));
        AddWork(batch, head.HarnessId);
    }

    internal static byte[] SealContext(Scope scope, DocumentKey key) =>
        Encoding.UTF8.GetBytes($"{scope.Account}/{scope.Region}/{key.Collection}/{key.Id}");

    private async Task<Harness?> FindAsync(Scope scope, string harnessId, CancellationToken cancellationToken)
    {
        var head = await ReadAsync(scope, CatalogKeys.Head(harnessId), CatalogJson.Default.HarnessHead, cancellationToken);
        return head is not null && await FindSnapshotAsync(scope, harnessId, head.Value.LatestVersion, cancellationToken) is { } snapshot
            ? WithState(snapshot.Harness, head.Value)
            : null;
    }

    private async Task<Stored<HarnessHead>> RequireHeadAsync(Scope scope, string harnessId, CancellationToken cancellationToken) =>
        await ReadAsync(scope, CatalogKeys.Head(harnessId), CatalogJson.Default.HarnessHead, cancellationToken) ?? throw NoHarness(harnessId);

    /// <summary>The content of a version that was there a moment ago; if it is gone, so is the harness.</summary>
    private async Task<VersionSnapshot> RequireSnapshotAsync(Scope scope, string harnessId, int version, CancellationToken cancellationToken) =>
        await FindSnapshotAsync(scope, harnessId, version, cancellationToken) ?? throw NoHarness(harnessId);

    /// <summary>Opens the content of a version. It never changes, so it is kept in memory once opened.</summary>
    private async Task<VersionSnapshot?> FindSnapshotAsync(Scope scope, string harnessId, int version, CancellationToken cancellationToken)
    {
        var key = CatalogKeys.Snapshot(harnessId, version);
        if (_snapshots.TryGetValue((scope, key), out var cached))
        {
            return cached;
        }

        if (await store.GetAsync(scope, key, cancellationToken) is not { } document)
        {
            return null;
        }

        var snapshot = JsonSerializer.Deserialize(masterKey.Open(document.Body.Span, SealContext(scope, key)), CatalogJson.Default.VersionSnapshot)!;
        if (Interlocked.Add(ref _cachedBytes, document.Body.Length) > MaxCachedBytes)
        {
            _snapshots.Clear();
            Interlocked.Exchange(ref _cachedBytes, document.Body.Length);
        }

        _snapshots[(scope, key)] = snapshot;
        return snapshot;
    }

    private async Task<Stored<T>?> ReadAsync<T>(Scope scope, DocumentKey key, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        await store.GetAsync(scope, key, cancellationToken) is { } document
            ? new Stored<T>(JsonSerializer.Deserialize(document.Body.Span, type)!, document.Etag)
            : null;

    // Counted before anybody hears of it, and even when nobody knows whether it was written.
    private async Task<bool> PutAsync(Scope scope, IReadOnlyList<DocumentWrite> writes, CancellationToken cancellationToken)
    {
        try
        {
            return await store.WriteAsync(scope, writes, cancellationToken);
        }
        finally
        {
            Interlocked.Increment(ref _writes);
        }
    }

    private Task<bool> WriteAsync(Scope scope, CatalogBatch batch, ClientToken token, string resource, CancellationToken cancellationToken) =>
        PutAsync(scope, [.. batch.Writes, .. _tokens.Writes(token, resource)], cancellationToken);

    /// <summary>Runs a change until its batch is applied. The change answers null when something that it had read has changed meanwhile.</summary>
    private async Task<T> ChangeAsync<T>(Scope scope, string lane, string what, Func<Task<T?>> change, CancellationToken cancellationToken)
        where T : class
    {
        var done = await _lanes.RunAsync(scope, lane, async () =>
        {
            for (var attempt = 0; attempt < MaxAttempts; attempt++)
            {
                if (await change() is { } result)
                {
                    return result;
                }
            }

            throw new ServiceException(FaultCode.ConflictException, $"The {what} is being changed by other requests. Try again.");
        }, cancellationToken);
        _changed.Writer.TryWrite(true);
        return done;
    }

    /// <summary>Times are kept as the wire shows them, so that a stored value equals its answer.</summary>
    private DateTimeOffset Now()
    {
        var now = time.GetUtcNow();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMillisecond));
    }

    /// <summary>A result that may be nothing, apart from "try again".</summary>
    private sealed record Answer<T>(T? Value);
}

/// <summary>What an invocation runs.</summary>
/// <param name="Harness">The live version, complete.</param>
/// <param name="Endpoint">Name of the endpoint that serves it.</param>
/// <param name="Settings">Our settings of that version.</param>
public sealed record ServedHarness(Harness Harness, string Endpoint, BelaySettings Settings)
{
    /// <summary>Whose it is, as its ARN says.</summary>
    public Scope Scope => HarnessArn.TryParse(Harness.Arn)?.Scope ?? throw new UnreachableException("A harness that is served has an ARN of ours.");
}
