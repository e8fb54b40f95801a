using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Belay.Contracts.Faults;
using Belay.Storage;

namespace Belay.Server.Wire;

/// <summary>
/// Client tokens: the same token with the same parameters means the same resource for 24 hours. The record is written in the
/// batch that writes the resource, so that no crash can leave one without the other:
/// <code>
/// var claim = await idempotency.ClaimAsync(scope, "CreateHarness", request.ClientToken, Idempotency.Hash(request, type), token);
/// if (claim.ResourceKey is { } key) { answer with the current state of key }
/// else { await store.WriteAsync(scope, [.. writes, .. claim.Record(harnessId)], token) }   // false: claim again
/// </code>
/// </summary>
public sealed class Idempotency(IDocumentStore store, TimeProvider time)
{
    /// <summary>How long a token is kept.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    /// <summary>Collection of the records.</summary>
    public const string Collection = "idempotency";

    private const int SweepPage = 200;

    /// <summary>
    /// Looks a token up. The claim carries the resource of the first call, or the write that records this one as the first.
    /// Throws IdempotentParameterMismatchException when the token was used with other parameters. A null token claims nothing.
    /// </summary>
    public async Task<IdempotencyClaim> ClaimAsync(Scope scope, string operation, string? token, string parametersHash, CancellationToken cancellationToken)
    {
        if (token is null)
        {
            return new IdempotencyClaim(null, _ => []);
        }

        var key = new DocumentKey(Collection, $"{operation}/{Sha256(Encoding.UTF8.GetBytes(token))}");
        var found = await store.GetAsync(scope, key, cancellationToken);
        var record = found is null ? null : JsonSerializer.Deserialize(found.Body.Span, IdempotencyJson.Default.IdempotencyRecord);
        if (record is not null && record.ExpiresAt > time.GetUtcNow())
        {
            return record.ParametersHash == parametersHash
                ? new IdempotencyClaim(record.ResourceKey, _ => [])
                : throw ServiceException.Invalid(
                    ValidationReason.IdempotentParameterMismatchException,
                    $"The client token was used for {operation} before with other parameters. Use a new token for a new request.");
        }

        return new IdempotencyClaim(null, resourceKey =>
        {
            var body = JsonSerializer.SerializeToUtf8Bytes(
                new IdempotencyRecord(parametersHash, resourceKey, time.GetUtcNow() + Lifetime), IdempotencyJson.Default.IdempotencyRecord);
            return [new DocumentWrite(key, body, found?.Etag ?? 0)];
        });
    }

    /// <summary>Hash of a request's parameters in one form: names sorted, absent members left out, without the token itself.</summary>
    public static string Hash<T>(T request, JsonTypeInfo<T> type)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output))
        {
            WriteSorted(json, JsonSerializer.SerializeToElement(request, type), leaveOut: "clientToken");
        }

        return Sha256(output.WrittenSpan);
    }

    /// <summary>Deletes expired records of a scope; run it now and then.</summary>
    public async Task SweepAsync(Scope scope, CancellationToken cancellationToken)
    {
        string? after = null;
        IReadOnlyList<Document> page;
        do
        {
            page = await store.ListAsync(scope, Collection, "", after, SweepPage, cancellationToken);
            foreach (var document in page)
            {
                after = document.Key.Id;
                if (JsonSerializer.Deserialize(document.Body.Span, IdempotencyJson.Default.IdempotencyRecord)!.ExpiresAt <= time.GetUtcNow())
                {
                    await store.WriteAsync(scope, [new DocumentWrite(document.Key, null, document.Etag)], cancellationToken);
                }
            }
        }
        while (page.Count == SweepPage);
    }

    private static void WriteSorted(Utf8JsonWriter json, JsonElement value, string? leaveOut)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                json.WriteStartObject();
                foreach (var property in value.EnumerateObject().OrderBy(property => property.Name, StringComparer.Ordinal))
                {
                    if (property.Name != leaveOut)
                    {
                        json.WritePropertyName(property.Name);
                        WriteSorted(json, property.Value, leaveOut: null);
                    }
                }

                json.WriteEndObject();
                break;
            case JsonValueKind.Array:
                json.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                {
                    WriteSorted(json, item, leaveOut: null);
                }

                json.WriteEndArray();
                break;
            default:
                value.WriteTo(json);
                break;
        }
    }

    private static string Sha256(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}

/// <summary>What a client token is worth.</summary>
/// <param name="ResourceKey">Resource that the first call made; null when this is the first.</param>
/// <param name="Record">The writes that record this call, to go into the batch that writes the resource; none without a token.</param>
public sealed record IdempotencyClaim(string? ResourceKey, Func<string, IReadOnlyList<DocumentWrite>> Record);

/// <summary>A kept client token.</summary>
/// <param name="ParametersHash">Parameters of the first call.</param>
/// <param name="ResourceKey">What it made.</param>
/// <param name="ExpiresAt">When the token is forgotten.</param>
internal sealed record IdempotencyRecord(string ParametersHash, string ResourceKey, DateTimeOffset ExpiresAt);

[JsonSerializable(typeof(IdempotencyRecord))]
internal sealed partial class IdempotencyJson : JsonSerializerContext;
