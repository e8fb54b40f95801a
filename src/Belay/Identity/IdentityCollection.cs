using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Belay.Contracts.Faults;
using Belay.Harnesses;
using Belay.Storage;

namespace Belay.Identity;

/// <summary>Named resources of one kind, one document each; every change is one write that states what it read.</summary>
/// <param name="store">Where they are.</param>
/// <param name="collection">Collection of their documents.</param>
/// <param name="type">Form of a document.</param>
/// <param name="what">What messages call one.</param>
/// <param name="limit">How many an account and region may have.</param>
internal sealed class IdentityCollection<T>(IDocumentStore store, string collection, JsonTypeInfo<T> type, string what, int limit)
    where T : class, ITagged<T>
{
    private const int MaxAttempts = 16;
    private const int MaxTags = 50;
    private readonly Lanes _lanes = new();

    /// <summary>Adds a resource; false when the name is taken.</summary>
    /// <exception cref="ServiceException">There are as many as there may be.</exception>
    public Task<bool> TryAddAsync(Scope scope, string name, T value, CancellationToken cancellationToken) =>
        _lanes.RunAsync(scope, collection, async () =>
        {
            // One at a time, so that the limit holds when many are made at once.
            if (await FindAsync(scope, name, cancellationToken) is not null)
            {
                return false;
            }

            if ((await store.ListAsync(scope, collection, "", null, limit, cancellationToken)).Count >= limit)
            {
                throw new ServiceException(FaultCode.ServiceQuotaExceededException, $"The limit of {limit} {what}s per account and region has been reached. Delete one.");
            }

            return await store.WriteAsync(scope, [new(new(collection, name), Bytes(value), ExpectedEtag: 0)], cancellationToken);
        }, cancellationToken);

    /// <summary>A resource; null when there is none of that name.</summary>
    public async Task<T?> FindAsync(Scope scope, string name, CancellationToken cancellationToken) =>
        await store.GetAsync(scope, new(collection, name), cancellationToken) is { } document ? Read(document) : null;

    /// <summary>A resource that must be there.</summary>
    public async Task<T> RequireAsync(Scope scope, string name, CancellationToken cancellationToken) =>
        await FindAsync(scope, name, cancellationToken) ?? throw Missing(name);

    /// <summary>Replaces a resource by what is made of it; answers the new one.</summary>
    public async Task<T> ChangeAsync(Scope scope, string name, Func<T, T> change, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var document = await store.GetAsync(scope, new(collection, name), cancellationToken) ?? throw Missing(name);
            var changed = change(Read(document));
            if (await store.WriteAsync(scope, [new(document.Key, Bytes(changed), document.Etag)], cancellationToken))
            {
                return changed;
            }
        }

        throw new ServiceException(FaultCode.ConflictException, $"The {what} {name} is being changed by other requests. Try again.");
    }

    /// <summary>Takes a resource away.</summary>
    public async Task DeleteAsync(Scope scope, string name, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var document = await store.GetAsync(scope, new(collection, name), cancellationToken) ?? throw Missing(name);
            if (await store.WriteAsync(scope, [new(document.Key, Body: null, document.Etag)], cancellationToken))
            {
                return;
            }
        }

        throw new ServiceException(FaultCode.ConflictException, $"The {what} {name} is being changed by other requests. Try again.");
    }

    /// <summary>A page of resources, by name.</summary>
    public async Task<Page<T>> ListAsync(Scope scope, int count, string? after, CancellationToken cancellationToken)
    {
        var found = await store.ListAsync(scope, collection, "", after, count + 1, cancellationToken);
        var shown = found.Take(count).ToList();
        return new([.. shown.Select(Read)], found.Count > count ? shown[^1].Key.Id : null);
    }

    /// <summary>Adds tags; a key that exists gets the new value.</summary>
    public Task TagAsync(Scope scope, string name, IReadOnlyDictionary<string, string> tags, CancellationToken cancellationToken)
    {
        RefuseTags(tags);
        return ChangeAsync(scope, name, old =>
        {
            var merged = new Dictionary<string, string>(old.Tags);
            foreach (var (key, value) in tags)
            {
                merged[key] = value;
            }

            return merged.Count <= MaxTags
                ? old.Tagged(merged)
                : throw new ServiceException(FaultCode.ServiceQuotaExceededException, $"The limit of {MaxTags} tags per resource has been reached.");
        }, cancellationToken);
    }

    /// <summary>Removes tags; keys that are not there are ignored.</summary>
    public Task UntagAsync(Scope scope, string name, IReadOnlyList<string> keys, CancellationToken cancellationToken) =>
        ChangeAsync(scope, name, old => old.Tagged(old.Tags.Where(tag => !keys.Contains(tag.Key)).ToDictionary()), cancellationToken);

    /// <summary>Refuses tags that nobody may set.</summary>
    public static void RefuseTags(IReadOnlyDictionary<string, string>? tags)
    {
        if (HarnessRules.Tags(tags, "tags").ToList() is { Count: > 0 } problems)
        {
            throw ServiceException.Invalid(problems);
        }
    }

    private ServiceException Missing(string name) => new(FaultCode.ResourceNotFoundException, $"The {what} {name} does not exist.");

    private T Read(Document document) => JsonSerializer.Deserialize(document.Body.Span, type)!; // Only objects are written.

    private ReadOnlyMemory<byte> Bytes(T value) => JsonSerializer.SerializeToUtf8Bytes(value, type);
}
