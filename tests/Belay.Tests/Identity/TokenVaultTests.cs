using System.Security.Cryptography;
using System.Text;
using Belay.Contracts.Faults;
using Belay.Contracts.Identity;
using Belay.Identity;
using Belay.Storage;
using Belay.Testing;
using Belay.Testing.Storage;

namespace Belay.Tests.Identity;

public sealed class TokenVaultTests
{
    private const string Key = "sk-canary-7f31";
    private static readonly Scope Mine = new("123456789012", "us-west-2");
    private static readonly Scope Theirs = Mine with { Account = "210987654321" };
    private static readonly Scope Abroad = Mine with { Region = "eu-west-1" };
    private readonly InMemoryDocumentStore _store = new();
    private readonly ManualTime _time = new();
    private readonly TokenVault _vault;

    public TokenVaultTests() => _vault = Vault(new());

    [Fact]
    public async Task Provider_IsMadeShownListedAndDeleted_AndItsKeyIsInNoAnswer()
    {
        var made = await _vault.CreateAsync(Mine, new() { Name = "open_ai-1", ApiKey = Key }, default);
        _time.Advance(TimeSpan.FromSeconds(1));
        await _vault.CreateAsync(Mine, new() { Name = "other", ApiKey = "k" }, default);

        Assert.Equal("arn:aws:bedrock-agentcore:us-west-2:123456789012:token-vault/default/apikeycredentialprovider/open_ai-1", made.CredentialProviderArn);
        Assert.Equal("arn:aws:secretsmanager:us-west-2:123456789012:secret:bedrock-agentcore-identity!default/apikey/open_ai-1", made.ApiKeySecretArn.SecretArn);
        Assert.Equal(SecretSourceType.Managed, made.ApiKeySecretSource);
        Assert.Equal(made, await _vault.GetAsync(Mine, "open_ai-1", default));
        var first = await _vault.ListAsync(Mine, 1, null, default);
        var second = await _vault.ListAsync(Mine, 1, first.Next, default);
        Assert.Equal(["open_ai-1", "other"], first.Items.Concat(second.Items).Select(item => item.Name));
        Assert.Null(second.Next);
        Assert.DoesNotContain(Key, $"{made}{first.Items[0]}", StringComparison.Ordinal);

        await _vault.DeleteAsync(Mine, "open_ai-1", default);
        Assert.Null(await _vault.FindKeyAsync(Mine, "open_ai-1", default));
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => _vault.DeleteAsync(Mine, "open_ai-1", default));
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => _vault.GetAsync(Mine, "open_ai-1", default));
    }

    [Theory]
    [InlineData(Key)]
    [InlineData("ключ 鍵 🔑\nwith a second line")]
    public async Task Key_IsSealedInTheStore_AndComesBackAsItWas(string key)
    {
        await _vault.CreateAsync(Mine, new() { Name = "p", ApiKey = key }, default);

        Assert.Equal(key, await _vault.FindKeyAsync(Mine, "p", default));
        var document = Assert.Single(await _store.ListAsync(Mine, "api-key-credential-providers", "", null, 10, default));
        Assert.Equal(-1, document.Body.Span.IndexOf(Encoding.UTF8.GetBytes(key)));
        Assert.DoesNotContain(Convert.ToBase64String(Encoding.UTF8.GetBytes(key)).TrimEnd('='), Encoding.UTF8.GetString(document.Body.Span), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rotation_IsTheNextReadersKey_AndNothingOfTheOldOneStays()
    {
        var made = await _vault.CreateAsync(Mine, new() { Name = "p", ApiKey = Key, Tags = new Dictionary<string, string> { ["a"] = "b" } }, default);
        _time.Advance(TimeSpan.FromMinutes(1));

        var updated = await _vault.UpdateAsync(Mine, new() { Name = "p", ApiKey = "sk-new" }, default);

        Assert.Equal("sk-new", await _vault.FindKeyAsync(Mine, "p", default));
        Assert.Equal((made.CreatedTime, made.CreatedTime + TimeSpan.FromMinutes(1)), (updated.CreatedTime, updated.LastUpdatedTime));
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => _vault.UpdateAsync(Mine, new() { Name = "q", ApiKey = "k" }, default));
    }

    [Fact]
    public async Task SealedKey_OpensInNoOtherPlace()
    {
        foreach (var scope in new[] { Mine, Theirs, Abroad })
        {
            await _vault.CreateAsync(scope, new() { Name = "p", ApiKey = $"of {scope.Account} {scope.Region}" }, default);
        }

        await _vault.CreateAsync(Mine, new() { Name = "q", ApiKey = "of q" }, default);
        var p = (await _store.GetAsync(Mine, new("api-key-credential-providers", "p"), default))!;
        foreach (var (scope, name) in new[] { (Mine, "q"), (Theirs, "p"), (Abroad, "p") })
        {
            await _store.WriteAsync(scope, [new(new("api-key-credential-providers", name), p.Body, ExpectedEtag: null)], default);
            await Assert.ThrowsAnyAsync<CryptographicException>(async () => await _vault.FindKeyAsync(scope, name, default));
        }

        Assert.Equal("of 123456789012 us-west-2", await _vault.FindKeyAsync(Mine, "p", default));
    }

    [Fact]
    public async Task Names_AreUnique_AndFiftyOfThemAreTheMost()
    {
        await Parallel.ForAsync(0, 60, async (number, token) =>
        {
            try
            {
                await _vault.CreateAsync(Mine, new() { Name = $"p{number}", ApiKey = "k" }, token);
            }
            catch (ServiceException full) when (full.Code == FaultCode.ServiceQuotaExceededException)
            {
            }
        });

        var names = (await _vault.ListAsync(Mine, 100, null, default)).Items;
        Assert.Equal(TokenVault.MaxProviders, names.Count);
        await RefusedAsync(FaultCode.ConflictException, () => _vault.CreateAsync(Mine, new() { Name = names[0].Name, ApiKey = "k" }, default));
        await _vault.CreateAsync(Theirs, new() { Name = names[0].Name, ApiKey = "k" }, default);
    }

    [Fact]
    public async Task WhatDoesNotFit_IsRefusedAtOnce_WithoutTheKey()
    {
        var reference = new SecretReference { SecretId = "vault/secret", JsonKey = "k" };
        foreach (var (request, problems) in new (CreateApiKeyCredentialProviderRequest, string[])[]
        {
            (new() { Name = "p" }, ["apiKey must be given"]),
            (new() { Name = "p", ApiKey = "" }, ["apiKey must be given, and not be empty"]),
            (new() { Name = "p", ApiKey = $"{Key}\ud800" }, ["apiKey must be well-formed"]),
            (new() { Name = "p", ApiKeySecretConfig = reference }, ["2 validation errors", "apiKey must be given", "apiKeySecretConfig must be left out"]),
            (new() { Name = "p", ApiKey = Key, ApiKeySecretSource = SecretSourceType.External }, ["2 validation errors", "apiKey must be left out", "apiKeySecretConfig must be given"]),
            (new() { Name = "p", ApiKeySecretConfig = reference, ApiKeySecretSource = SecretSourceType.External }, ["apiKeySecretConfig.secretId must be environment/NAME or file/NAME"]),
            (new() { Name = "p", ApiKey = Key, Tags = new Dictionary<string, string> { ["aws:x"] = "y" } }, ["tags.aws:x must not begin with aws:"]),
        })
        {
            var fault = await RefusedAsync(FaultCode.ValidationException, () => _vault.CreateAsync(Mine, request, default));
            Assert.All(problems, problem => Assert.Contains(problem, fault.Message, StringComparison.Ordinal));
            Assert.DoesNotContain(Key, fault.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Vault_IsWrappedByTheServersKeyAndNoOther()
    {
        var first = await _vault.GetVaultAsync(Mine, null, default);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(first, await _vault.GetVaultAsync(Mine, "default", default));

        var set = await _vault.SetVaultKeyAsync(Mine, new() { KmsConfiguration = new() { KeyType = KeyType.ServiceManagedKey } }, default);

        Assert.Equal((TokenVault.DefaultId, new KmsConfiguration { KeyType = KeyType.ServiceManagedKey }), (set.TokenVaultId, set.KmsConfiguration));
        Assert.Equal(TimeSpan.FromMinutes(1), set.LastModifiedDate - first.LastModifiedDate);
        await RefusedAsync(FaultCode.ResourceNotFoundException, () => _vault.GetVaultAsync(Mine, "other", default));
        const string arn = "arn:aws:kms:us-west-2:123456789012:key/01234567-0123-0123-0123-012345678901";
        foreach (var (configuration, problem) in new (KmsConfiguration, string)[]
        {
            (new() { KeyType = KeyType.CustomerManagedKey, KmsKeyArn = arn }, "kmsConfiguration.keyType must be ServiceManagedKey: this server"),
            (new() { KeyType = KeyType.CustomerManagedKey }, "kmsConfiguration.kmsKeyArn must be given"),
            (new() { KeyType = KeyType.ServiceManagedKey, KmsKeyArn = arn }, "kmsConfiguration.kmsKeyArn must be left out"),
        })
        {
            var fault = await RefusedAsync(FaultCode.ValidationException, () => _vault.SetVaultKeyAsync(Mine, new() { KmsConfiguration = configuration }, default));
            Assert.Contains(problem, fault.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task ExternalKey_IsReadWheneverItIsNeeded_AndOnlyWhereTheOperatorAllowsIt()
    {
        using var directory = new TemporaryDirectory();
        var file = Path.Combine(directory.Path, "keys.json");
        await File.WriteAllTextAsync(file, $$"""{"openai":"{{Key}}","n":1}""", TestContext.Current.CancellationToken);
        var settings = new ExternalSecretSettings { VariableNames = ["MINE", "UNSET"], Variables = new Dictionary<string, string> { ["MINE"] = """{"k":"from the environment"}""", ["OTHER"] = "{}" }, Directory = directory.Path };
        var vault = Vault(settings);

        await vault.CreateAsync(Mine, External("f", "file/keys.json", "openai"), default);
        await vault.CreateAsync(Mine, External("e", "environment/MINE", "k"), default);

        Assert.Equal((Key, "from the environment"), (await vault.FindKeyAsync(Mine, "f", default), await vault.FindKeyAsync(Mine, "e", default)));
        var shown = await vault.GetAsync(Mine, "f", default);
        Assert.Equal(("arn:aws:secretsmanager:us-west-2:123456789012:secret:file/keys.json", "openai", SecretSourceType.External), (shown.ApiKeySecretArn.SecretArn, shown.ApiKeySecretJsonKey, shown.ApiKeySecretSource));
        await File.WriteAllTextAsync(file, """{"openai":"sk-new"}""", TestContext.Current.CancellationToken);
        Assert.Equal("sk-new", await vault.GetKeyAsync(Mine, "f", default));

        // What is there and is no key.
        foreach (var content in new[] { $"{Key} is not JSON", "[]", $$"""{"other":"{{Key}}"}""", """{"openai":1}""", """{"openai":""}""", $$"""{"openai":"\ud800{{Key}}"}""", new string(' ', 300_000) })
        {
            await File.WriteAllTextAsync(file, content, TestContext.Current.CancellationToken);
            var fault = await RefusedAsync(FaultCode.ResourceNotFoundException, () => vault.GetKeyAsync(Mine, "f", default));
            Assert.StartsWith("The credential provider f has no key now: its secretId ", fault.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(Key, fault.ToString(), StringComparison.Ordinal);
        }

        File.Delete(file);
        Assert.Contains("a file that the server cannot read", (await RefusedAsync(FaultCode.ResourceNotFoundException, () => vault.GetKeyAsync(Mine, "f", default))).Message, StringComparison.Ordinal);

        // What may not be named, by whom.
        foreach (var (scope, secretId, problem) in new[]
        {
            (Mine, "environment/OTHER", "names an environment variable that the operator does not allow"),
            (Mine, "file/../keys.json", "must name a file by letters"),
            (Mine, "file/..", "must name a file by letters"),
            (Mine, "file/", "must name a file by letters"),
            (Mine, "arn:aws:secretsmanager:us-west-2:123456789012:secret:x", "must be environment/NAME or file/NAME"),
            (Theirs, "environment/MINE", "cannot be used: only the account that the server was started with"),
            (Theirs, "file/keys.json", "cannot be used: only the account that the server was started with"),
        })
        {
            var fault = await RefusedAsync(FaultCode.ValidationException, () => vault.CreateAsync(scope, External("x", secretId, "k"), default));
            Assert.Contains($"apiKeySecretConfig.secretId {problem}", fault.Message, StringComparison.Ordinal);
        }

        // An operator who changes their mind is obeyed.
        Assert.Contains("does not allow", (await RefusedAsync(FaultCode.ResourceNotFoundException, () => _vault.GetKeyAsync(Mine, "e", default))).Message, StringComparison.Ordinal);
        Assert.Contains("allows no files", (await RefusedAsync(FaultCode.ResourceNotFoundException, () => _vault.GetKeyAsync(Mine, "f", default))).Message, StringComparison.Ordinal);

        // And a key that comes to the vault is sealed there.
        await vault.UpdateAsync(Mine, new() { Name = "f", ApiKey = "kept" }, default);
        Assert.Equal("kept", await _vault.FindKeyAsync(Mine, "f", default));
        Assert.Single(new ExternalSecretSettings { Directory = file }.Problems());
        Assert.DoesNotContain("from the environment", settings.ToString(), StringComparison.Ordinal);
    }

    private static CreateApiKeyCredentialProviderRequest External(string name, string secretId, string jsonKey) => new()
    {
        Name = name,
        ApiKeySecretSource = SecretSourceType.External,
        ApiKeySecretConfig = new() { SecretId = secretId, JsonKey = jsonKey },
    };

    private static async Task<ServiceException> RefusedAsync(FaultCode code, Func<Task> call)
    {
        var fault = await Assert.ThrowsAsync<ServiceException>(call);
        Assert.Equal(code, fault.Code);
        return fault;
    }

    private TokenVault Vault(ExternalSecretSettings settings) =>
        new(_store, new Sealer(MasterKey.FromBytes(new byte[32]), _store, IdSource.System, new()), new(settings, Mine.Account), _time);
}
