using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Belay.Contracts.Faults;
using Belay.Storage;

namespace Belay.Harnesses;

/// <summary>
/// Remembers which request each client token stood for, so that a repeated request finds the first one's resource. A record is
/// written in the batch that makes the resource: there is never one without the other.
/// </summary>
public sealed class ClientTokens(IDocumentStore store, TimeProvider time, TimeSpan lifetime)
{
    private const string Collection = "client-tokens";
    private const int SweepPage = 500;

    /// <summary>Looks a token up. Throws when it stood for other parameters.</summary>
    /// <param name="scope">Whose token.</param>
    /// <param name="operation">Name of the operation.</param>
    /// <param name="token">The token; null when the caller sent none.</param>
    /// <param name="parameters">The request without its token.</param>
    /// <param name="type">How to write the request.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <param name="document">Settings that came beside the request and count as parameters, too.</param>
    public async Task<ClientToken> FindAsync<T>(
        Scope scope,
        string operation,
        string? token,
        T parameters,
        JsonTypeInfo<T> type,
        CancellationToken cancellationToken,
        IReadOnlyDictionary<string, JsonElement>? document = null)
    {
        if (token is null)
        {
            return ClientToken.None;
        }

        var key = new DocumentKey(Collection, $"{operation}/{token}");
        var digest = Digest(parameters, type) + (document is null ? "" : "/" + Digest(document, CatalogJson.Default.IReadOnlyDictionaryStringJsonElement));
        var stored = await store.GetAsync(scope, key, cancellationToken);
        if (stored is null)
        {
            return new ClientToken(key, digest, 0, null);
        }

        var record = Read(stored);
        if (record.ExpiresAt <= time.GetUtcNow())
        {
            return new ClientToken(key, digest, stored.Etag, null);
        }

        return record.Digest == digest
            ? new ClientToken(key, digest, stored.Etag, record.Resource)
            : throw ServiceException.Invalid(
                ValidationReason.IdempotentParameterMismatchException,
                $"The client token was used before for {operation} with other parameters. Use a new token for a new request.");
    }

    /// <summary>The write that makes the token stand for a resource; none when the caller sent no token.</summary>
    public IEnumerable<DocumentWrite> Writes(ClientToken token, string resource)
    {
        if (token.Digest is { } digest)
        {
            var record = new ClientTokenRecord { Digest = digest, Resource = resource, ExpiresAt = time.GetUtcNow() + lifetime };
            yield return new(token.Key, JsonSerializer.SerializeToUtf8Bytes(record, CatalogJson.Default.ClientTokenRecord), token.Etag);
        }
    }

    /// <summary>Deletes expired records; answers how many.</summary>
    public async Task<int> SweepAsync(CancellationToken cancellationToken)
    {
        var swept = 0;
        foreach (var scope in await store.ScopesAsync(Collection, cancellationToken))
        {
            string? after = null;
            IReadOnlyList<Document> page;
            do
            {
                page = await store.ListAsync(scope, Collection, "", after, SweepPage, cancellationToken);
                foreach (var document in page)
                {
                    after = document.Key.Id;
                    if (Read(document).ExpiresAt <= time.GetUtcNow()
                        && await store.WriteAsync(scope, [new DocumentWrite(document.Key, null, document.Etag)], cancellationToken))
                    {
                        swept++;
                    }
                }
            }
            while (page.Count == SweepPage);
        }

        return swept;
    }

    private static ClientTokenRecord Read(Document document) =>
        JsonSerializer.Deserialize(document.Body.Span, CatalogJson.Default.ClientTokenRecord)!;

    /// <summary>SHA-256 of the parameters with the keys of every object sorted, so that the order in which a client happens to
    /// send the entries of a map makes no difference.</summary>
    private static string Digest<T>(T parameters, JsonTypeInfo<T> type)
    {
        using var document = JsonDocument.Parse(
            JsonSerializer.SerializeToUtf8Bytes(parameters, type),
            new JsonDocumentOptions { MaxDepth = CatalogJson.Default.Options.MaxDepth });
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            WriteSorted(writer, document.RootElement);
        }

        return Convert.ToHexStringLower(SHA256.HashData(buffer.GetBuffer().AsSpan(0, (int)buffer.Length)));
    }

    private static void WriteSorted(Utf8JsonWriter writer, JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var member in element.EnumerateObject().OrderBy(member => member.Name, StringComparer.Ordinal))
                {
                    writer.WritePropertyName(member.Name);
                    WriteSorted(writer, member.Value);
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in element.EnumerateArray())
                {
                    WriteSorted(writer, item);
                }

                writer.WriteEndArray();
                break;
            default:
                element.WriteTo(writer);
                break;
        }
    }
}

/// <summary>A client token as it was looked up.</summary>
/// <param name="Key">Where its record is.</param>
/// <param name="Digest">What the parameters are; null when the caller sent no token.</param>
/// <param name="Etag">Etag of the record that is there; 0 for none.</param>
/// <param name="Resource">What the first request with this token made; null when this is the first.</param>
public sealed record ClientToken(DocumentKey Key, string? Digest, long Etag, string? Resource)
{
    /// <summary>The caller sent no token.</summary>
    public static ClientToken None { get; } = new(default, null, 0, null);
}
