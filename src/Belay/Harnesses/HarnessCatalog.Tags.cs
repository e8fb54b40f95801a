using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Storage;

namespace Belay.Harnesses;

/// <content>Tags and resource policies of harnesses and endpoints.</content>
public sealed partial class HarnessCatalog
{
    private const int MaxTags = 50;

    /// <summary>Adds tags; a key that exists gets the new value.</summary>
    public Task TagAsync(Scope scope, string resourceArn, IReadOnlyDictionary<string, string> tags, CancellationToken cancellationToken)
    {
        Refuse(HarnessRules.Tags(tags, "tags"));
        return ChangeTagsAsync(scope, resourceArn, old =>
        {
            var merged = new Dictionary<string, string>(old);
            foreach (var (key, value) in tags)
            {
                merged[key] = value;
            }

            return merged.Count <= MaxTags
                ? merged
                : throw new ServiceException(FaultCode.ServiceQuotaExceededException, $"The limit of {MaxTags} tags per resource has been reached.");
        }, cancellationToken);
    }

    /// <summary>Removes tags; keys that are not there are ignored.</summary>
    public Task UntagAsync(Scope scope, string resourceArn, IReadOnlyList<string> keys, CancellationToken cancellationToken) =>
        ChangeTagsAsync(scope, resourceArn, old => old.Where(tag => !keys.Contains(tag.Key)).ToDictionary(), cancellationToken);

    /// <summary>The tags of a resource.</summary>
    public async Task<IReadOnlyDictionary<string, string>> TagsAsync(Scope scope, string resourceArn, CancellationToken cancellationToken)
    {
        var (arn, _) = await RequireResourceAsync(scope, resourceArn, cancellationToken);
        return (await ReadTagsAsync(scope, arn.HarnessId, arn.Endpoint, cancellationToken))?.Value ?? new Dictionary<string, string>();
    }

    /// <summary>Stores a resource policy in place of the old one; answers it.</summary>
    public Task<string> PutPolicyAsync(Scope scope, string resourceArn, string policy, CancellationToken cancellationToken)
    {
        Refuse(PolicyProblems(policy));
        return ChangeAsync(scope, Lane(resourceArn), "resource", async () =>
        {
            var (arn, head) = await RequireResourceAsync(scope, resourceArn, cancellationToken);
            var batch = Touch(head).Put(CatalogKeys.Policy(arn.HarnessId, arn.Endpoint), policy, CatalogJson.Default.String, null);
            return await PutAsync(scope, batch.Writes, cancellationToken) ? policy : null;
        }, cancellationToken);
    }

    /// <summary>The resource policy.</summary>
    public async Task<string> GetPolicyAsync(Scope scope, string resourceArn, CancellationToken cancellationToken)
    {
        var (arn, _) = await RequireResourceAsync(scope, resourceArn, cancellationToken);
        return (await ReadAsync(scope, CatalogKeys.Policy(arn.HarnessId, arn.Endpoint), CatalogJson.Default.String, cancellationToken))?.Value
            ?? throw NoPolicy(resourceArn);
    }

    /// <summary>Removes the resource policy.</summary>
    public Task DeletePolicyAsync(Scope scope, string resourceArn, CancellationToken cancellationToken) =>
        ChangeAsync(scope, Lane(resourceArn), "resource", async () =>
        {
            var (arn, head) = await RequireResourceAsync(scope, resourceArn, cancellationToken);
            var key = CatalogKeys.Policy(arn.HarnessId, arn.Endpoint);
            var old = await store.GetAsync(scope, key, cancellationToken) ?? throw NoPolicy(resourceArn);
            return await PutAsync(scope, Touch(head).Delete(key, old.Etag).Writes, cancellationToken) ? resourceArn : null;
        }, cancellationToken);

    private static ServiceException NoPolicy(string resourceArn) =>
        new(FaultCode.ResourceNotFoundException, $"The resource {resourceArn} has no policy.");

    private static string Lane(string resourceArn) => HarnessArn.TryParse(resourceArn)?.HarnessId ?? "";

    private static IEnumerable<FieldProblem> PolicyProblems(string policy)
    {
        JsonDocument? document = null;
        string? problem = null;
        try
        {
            document = JsonDocument.Parse(policy);
        }
        catch (JsonException)
        {
            problem = "must be JSON text";
        }

        using (document)
        {
            if (document is not null && !(document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("Statement", out var statement)
                && statement.ValueKind is JsonValueKind.Object or JsonValueKind.Array))
            {
                problem = "must be a JSON object with a Statement";
            }
        }

        if (problem is not null)
        {
            yield return new("policy", problem);
        }
    }

    private static void AddTags(CatalogBatch batch, string harnessId, string? endpoint, IReadOnlyDictionary<string, string>? tags)
    {
        if (tags is { Count: > 0 })
        {
            batch.Add(CatalogKeys.Tag(harnessId, endpoint), tags, CatalogJson.Default.IReadOnlyDictionaryStringString);
        }
    }

    private Task<Dictionary<string, string>> ChangeTagsAsync(
        Scope scope, string resourceArn, Func<IReadOnlyDictionary<string, string>, Dictionary<string, string>> change, CancellationToken cancellationToken) =>
        ChangeAsync(scope, Lane(resourceArn), "resource", async () =>
        {
            var (arn, head) = await RequireResourceAsync(scope, resourceArn, cancellationToken);
            var old = await ReadTagsAsync(scope, arn.HarnessId, arn.Endpoint, cancellationToken);
            var tags = change(old?.Value ?? new Dictionary<string, string>());
            var batch = Touch(head)
                .Put<IReadOnlyDictionary<string, string>>(CatalogKeys.Tag(arn.HarnessId, arn.Endpoint), tags, CatalogJson.Default.IReadOnlyDictionaryStringString, old?.Etag ?? 0);
            return await PutAsync(scope, batch.Writes, cancellationToken) ? tags : null;
        }, cancellationToken);

    private async Task<Stored<IReadOnlyDictionary<string, string>>?> ReadTagsAsync(Scope scope, string harnessId, string? endpoint, CancellationToken cancellationToken) =>
        await ReadAsync(scope, CatalogKeys.Tag(harnessId, endpoint), CatalogJson.Default.IReadOnlyDictionaryStringString, cancellationToken);

    /// <summary>The harness behind an ARN that names it or one of its endpoints. A resource of another account or region is
    /// answered exactly as one that does not exist.</summary>
    private async Task<(HarnessArn Arn, Stored<HarnessHead> Head)> RequireResourceAsync(Scope scope, string resourceArn, CancellationToken cancellationToken)
    {
        if (HarnessArn.TryParse(resourceArn) is { } arn && arn.Scope == scope
            && await ReadAsync(scope, CatalogKeys.Head(arn.HarnessId), CatalogJson.Default.HarnessHead, cancellationToken) is { } head
            && (arn.Endpoint is null || await ReadEndpointAsync(scope, arn.HarnessId, arn.Endpoint, cancellationToken) is not null))
        {
            return (arn, head);
        }

        throw new ServiceException(FaultCode.ResourceNotFoundException, $"The resource {resourceArn} does not exist.");
    }
}
