using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Identity;
using Belay.Harnesses;
using Belay.Storage;

namespace Belay.Identity;

/// <summary>
/// The API-key credential providers of every account. Keys are sealed with the key of their account, bound to account, region and name, so
/// that no document opens in another's place. Nothing is kept in memory: a key that was replaced is the next reader's. Safe for concurrent use.
/// </summary>
public sealed class TokenVault(IDocumentStore store, ISealer sealer, ExternalSecrets secrets, TimeProvider time)
{
    /// <summary>Id of the one vault that an account and region have.</summary>
    public const string DefaultId = "default";

    /// <summary>Credential providers of an account and region.</summary>
    public const int MaxProviders = 50;

    private const string Providers = "api-key-credential-providers";
    private const string Vaults = "token-vaults";
    private const int MaxAttempts = 16;

    private readonly IdentityCollection<ApiKeyProviderDocument> _providers =
        new(store, Providers, IdentityJson.Default.ApiKeyProviderDocument, "credential provider", MaxProviders);

    /// <summary>The providers as resources with tags.</summary>
    internal IdentityCollection<ApiKeyProviderDocument> Resources => _providers;

    /// <summary>Makes a provider.</summary>
    public async Task<GetApiKeyCredentialProviderResponse> CreateAsync(Scope scope, CreateApiKeyCredentialProviderRequest request, CancellationToken cancellationToken)
    {
        Refuse(scope, request.ApiKeySecretSource, request.ApiKey, request.ApiKeySecretConfig);
        IdentityCollection<ApiKeyProviderDocument>.RefuseTags(request.Tags);
        var now = Now();
        var document = new ApiKeyProviderDocument
        {
            Name = request.Name,
            Key = await SealAsync(scope, request.Name, request.ApiKey, cancellationToken),
            External = request.ApiKeySecretConfig,
            CreatedAt = now,
            UpdatedAt = now,
            Tags = request.Tags ?? new Dictionary<string, string>(),
        };
        return await _providers.TryAddAsync(scope, request.Name, document, cancellationToken)
            ? Show(scope, document)
            : throw new ServiceException(FaultCode.ConflictException, $"A credential provider with the name {request.Name} already exists. To replace its key, update it.");
    }

    /// <summary>What is known of a provider, without its key.</summary>
    public async Task<GetApiKeyCredentialProviderResponse> GetAsync(Scope scope, string name, CancellationToken cancellationToken) =>
        Show(scope, await _providers.RequireAsync(scope, name, cancellationToken));

    /// <summary>Replaces the key, or where it is.</summary>
    public async Task<GetApiKeyCredentialProviderResponse> UpdateAsync(Scope scope, UpdateApiKeyCredentialProviderRequest request, CancellationToken cancellationToken)
    {
        Refuse(scope, request.ApiKeySecretSource, request.ApiKey, request.ApiKeySecretConfig);
        var key = await SealAsync(scope, request.Name, request.ApiKey, cancellationToken);
        return Show(scope, await _providers.ChangeAsync(
            scope, request.Name, old => old with { Key = key, External = request.ApiKeySecretConfig, UpdatedAt = Now() }, cancellationToken));
    }

    /// <summary>Deletes a provider with its key. Harnesses that name it stay, and fail when they are invoked.</summary>
    public Task DeleteAsync(Scope scope, string name, CancellationToken cancellationToken) => _providers.DeleteAsync(scope, name, cancellationToken);

    /// <summary>A page of providers, by name.</summary>
    public async Task<Page<ApiKeyCredentialProviderItem>> ListAsync(Scope scope, int count, string? after, CancellationToken cancellationToken)
    {
        var page = await _providers.ListAsync(scope, count, after, cancellationToken);
        return new(
            [
                .. page.Items.Select(provider => new ApiKeyCredentialProviderItem
                {
                    Name = provider.Name,
                    CredentialProviderArn = new CredentialProviderArn(scope, provider.Name).ToString(),
                    CreatedTime = provider.CreatedAt,
                    LastUpdatedTime = provider.UpdatedAt,
                }),
            ],
            page.Next);
    }

    /// <summary>The key of a provider as it is now; null when there is no provider of that name.</summary>
    /// <exception cref="InvalidDataException">The key is external and cannot be read; the message says why and holds nothing of it.</exception>
    /// <exception cref="CryptographicException">What is stored was damaged or moved.</exception>
    public async ValueTask<string?> FindKeyAsync(Scope scope, string name, CancellationToken cancellationToken)
    {
        if (await _providers.FindAsync(scope, name, cancellationToken) is not { } provider)
        {
            return null;
        }

        if (provider.External is { } external)
        {
            return await secrets.ReadAsync(scope, external, cancellationToken);
        }

        // A provider has one of the two.
        var key = await sealer.FindAsync(scope, provider.Key!.KeyRef, cancellationToken) ?? throw new CryptographicException("The data key of a credential provider is gone.");
        var plain = sealer.Open(key, provider.Key.Box, Context(scope, name));
        var text = Encoding.UTF8.GetString(plain);
        CryptographicOperations.ZeroMemory(plain);
        return text;
    }

    /// <summary>The key of a provider that must be there.</summary>
    /// <exception cref="ServiceException">There is none of that name, or its external key cannot be read.</exception>
    public async Task<string> GetKeyAsync(Scope scope, string name, CancellationToken cancellationToken)
    {
        try
        {
            return await FindKeyAsync(scope, name, cancellationToken)
                ?? throw new ServiceException(FaultCode.ResourceNotFoundException, $"The credential provider {name} does not exist.");
        }
        catch (InvalidDataException problem)
        {
            throw new ServiceException(FaultCode.ResourceNotFoundException, $"The credential provider {name} has no key now: its secretId {problem.Message}.", problem);
        }
    }

    /// <summary>What wraps the data keys of the vault.</summary>
    public async Task<GetTokenVaultResponse> GetVaultAsync(Scope scope, string? vaultId, CancellationToken cancellationToken)
    {
        RequireVault(vaultId);
        var key = new DocumentKey(Vaults, DefaultId);
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (await store.GetAsync(scope, key, cancellationToken) is { } document)
            {
                return Show(JsonSerializer.Deserialize(document.Body.Span, IdentityJson.Default.VaultDocument)!); // Only objects are written.
            }

            // A vault is there from the beginning; its date is that of the first question.
            await WriteVaultAsync(scope, key, expected: 0, cancellationToken);
        }

        throw new StorageException("A vault that was written is not there.");
    }

    /// <summary>Says what is to wrap the data keys of the vault: nothing but the server's own key.</summary>
    public async Task<GetTokenVaultResponse> SetVaultKeyAsync(Scope scope, SetTokenVaultCMKRequest request, CancellationToken cancellationToken)
    {
        if (KeyProblem(request.KmsConfiguration) is { } problem)
        {
            throw ServiceException.Invalid([problem]);
        }

        RequireVault(request.TokenVaultId);
        await WriteVaultAsync(scope, new(Vaults, DefaultId), expected: null, cancellationToken);
        return await GetVaultAsync(scope, request.TokenVaultId, cancellationToken);
    }

    private static FieldProblem? KeyProblem(KmsConfiguration configuration) => configuration switch
    {
        { KeyType: KeyType.ServiceManagedKey, KmsKeyArn: null } => null,
        { KeyType: KeyType.ServiceManagedKey } => new("kmsConfiguration.kmsKeyArn", "must be left out with ServiceManagedKey"),
        { KmsKeyArn: null } => new("kmsConfiguration.kmsKeyArn", "must be given with CustomerManagedKey"),
        _ => new("kmsConfiguration.keyType", "must be ServiceManagedKey: this server wraps data keys with its own master key and reaches no key service"),
    };

    private static void RequireVault(string? vaultId)
    {
        if (vaultId is not (null or DefaultId))
        {
            throw new ServiceException(FaultCode.ResourceNotFoundException, $"The token vault {vaultId} does not exist; the one of an account and region is {DefaultId}.");
        }
    }

    private async Task WriteVaultAsync(Scope scope, DocumentKey key, long? expected, CancellationToken cancellationToken) =>
        _ = await store.WriteAsync(scope, [new(key, JsonSerializer.SerializeToUtf8Bytes(new VaultDocument(Now()), IdentityJson.Default.VaultDocument), expected)], cancellationToken);

    private static GetTokenVaultResponse Show(VaultDocument vault) => new()
    {
        TokenVaultId = DefaultId,
        KmsConfiguration = new() { KeyType = KeyType.ServiceManagedKey },
        LastModifiedDate = vault.ModifiedAt,
    };

    private void Refuse(Scope scope, SecretSourceType? source, string? apiKey, SecretReference? reference)
    {
        var problems = Problems(scope, source ?? SecretSourceType.Managed, apiKey, reference).ToList();
        if (problems.Count > 0)
        {
            throw ServiceException.Invalid(problems);
        }
    }

    private IEnumerable<FieldProblem> Problems(Scope scope, SecretSourceType source, string? apiKey, SecretReference? reference)
    {
        var managed = source is SecretSourceType.Managed;
        if (managed && apiKey is null or "")
        {
            yield return new("apiKey", "must be given, and not be empty, unless apiKeySecretSource is EXTERNAL");
        }
        else if (managed && !IsWellFormed(apiKey!)) // The branch before has seen it absent.
        {
            yield return new("apiKey", "must be well-formed text");
        }

        if (managed && reference is not null)
        {
            yield return new("apiKeySecretConfig", "must be left out unless apiKeySecretSource is EXTERNAL");
        }

        if (!managed && apiKey is not null)
        {
            yield return new("apiKey", "must be left out when apiKeySecretSource is EXTERNAL");
        }

        if (!managed && reference is null)
        {
            yield return new("apiKeySecretConfig", "must be given when apiKeySecretSource is EXTERNAL");
        }
        else if (!managed && secrets.Problem(scope, reference!.SecretId) is { } problem) // As above.
        {
            yield return new("apiKeySecretConfig.secretId", problem);
        }
    }

    // Half a surrogate pair would come back as another character.
    private static bool IsWellFormed(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]) && !(i + 1 < text.Length && char.IsSurrogatePair(text[i], text[++i])))
            {
                return false;
            }
        }

        return true;
    }

    private async Task<SealedKey?> SealAsync(Scope scope, string name, string? apiKey, CancellationToken cancellationToken)
    {
        if (apiKey is null)
        {
            return null;
        }

        var key = await sealer.ForActorAsync(scope, ISealer.Account, cancellationToken);
        var plain = Encoding.UTF8.GetBytes(apiKey);
        var box = sealer.Seal(key, plain, Context(scope, name));
        CryptographicOperations.ZeroMemory(plain);
        return new(key.ActorRef, box);
    }

    // None of the parts can hold a line feed.
    private static byte[] Context(Scope scope, string name) => Encoding.UTF8.GetBytes($"{Providers}\n{scope.Account}\n{scope.Region}\n{name}");

    private static GetApiKeyCredentialProviderResponse Show(Scope scope, ApiKeyProviderDocument provider) => new()
    {
        Name = provider.Name,
        CredentialProviderArn = new CredentialProviderArn(scope, provider.Name).ToString(),
        ApiKeySecretArn = new() { SecretArn = $"arn:aws:secretsmanager:{scope.Region}:{scope.Account}:secret:{provider.External?.SecretId ?? $"bedrock-agentcore-identity!default/apikey/{provider.Name}"}" },
        ApiKeySecretJsonKey = provider.External?.JsonKey,
        ApiKeySecretSource = provider.External is null ? SecretSourceType.Managed : SecretSourceType.External,
        CreatedTime = provider.CreatedAt,
        LastUpdatedTime = provider.UpdatedAt,
    };

    /// <summary>Times are kept as the wire shows them, so that a stored value equals its answer.</summary>
    private DateTimeOffset Now()
    {
        var now = time.GetUtcNow();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMillisecond));
    }
}
