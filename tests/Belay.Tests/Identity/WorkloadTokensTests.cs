using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Belay.Contracts.Faults;
using Belay.Identity;
using Belay.Storage;
using Belay.Testing;
using Belay.Testing.Storage;

namespace Belay.Tests.Identity;

public sealed class WorkloadTokensTests
{
    private static readonly Scope Mine = new("123456789012", "us-west-2");
    private static readonly MasterKey Master = MasterKey.FromBytes(new byte[32]);
    private readonly InMemoryDocumentStore _store = new();
    private readonly ManualTime _time = new();
    private readonly IdentityServices _identity;

    public WorkloadTokensTests() =>
        _identity = new(_store, new Sealer(Master, _store, IdSource.System, new()), Master, new(new(), Mine.Account), _time, IdSource.System);

    private WorkloadTokens Tokens => _identity.Tokens;

    [Fact]
    public async Task Token_SaysWhoStandsBehindIt_ToItsDeploymentOnly()
    {
        await _identity.Workloads.CreateAsync(Mine, new() { Name = "agent" }, default);

        var alone = await Tokens.IssueAsync(Mine, "agent", null, default);
        var forAnna = await Tokens.IssueAsync(Mine, "agent", "anna", default);

        Assert.Equal(new Workload("agent", null), await Tokens.ReadAsync(Mine, alone, default));
        Assert.Equal(new Workload("agent", "anna"), await Tokens.ReadAsync(Mine, forAnna, default));
        Assert.NotEqual(alone, await Tokens.IssueAsync(Mine, "agent", null, default));

        // A compact JWE, dir and A256GCM, whose claims another implementation could read with the key and nobody without.
        var parts = forAnna.Split('.');
        Assert.Equal((5, """{"alg":"dir","enc":"A256GCM"}""", ""), (parts.Length, Encoding.UTF8.GetString(Base64Url.DecodeFromChars(parts[0])), parts[1]));
        var plain = new byte[Base64Url.DecodeFromChars(parts[3]).Length];
        using var aes = new AesGcm(Master.Derive("workload access tokens"), 16);
        aes.Decrypt(Base64Url.DecodeFromChars(parts[2]), Base64Url.DecodeFromChars(parts[3]), Base64Url.DecodeFromChars(parts[4]), plain, Encoding.ASCII.GetBytes(parts[0]));
        Assert.Contains("\"sub\":\"arn:aws:bedrock-agentcore:us-west-2:123456789012:workload-identity-directory/default/workload-identity/agent\"", Encoding.UTF8.GetString(plain), StringComparison.Ordinal);
        var elsewhere = new WorkloadTokens(MasterKey.FromBytes(Enumerable.Repeat((byte)1, 32).ToArray()), _identity.Workloads, _time);
        await RefusedAsync("is not one that", () => elsewhere.ReadAsync(Mine, forAnna, default));
    }

    [Fact]
    public async Task Token_EndsAfterAQuarterOfAnHour_AndWithItsIdentity()
    {
        await _identity.Workloads.CreateAsync(Mine, new() { Name = "agent" }, default);
        var token = await Tokens.IssueAsync(Mine, "agent", null, default);

        _time.Advance(WorkloadTokens.Lifetime - TimeSpan.FromSeconds(1));
        await Tokens.ReadAsync(Mine, token, default);
        _time.Advance(TimeSpan.FromSeconds(1));
        await RefusedAsync("has expired", () => Tokens.ReadAsync(Mine, token, default));

        var orphan = await Tokens.IssueAsync(Mine, "agent", null, default);
        await _identity.Workloads.DeleteAsync(Mine, "agent", default);
        await RefusedAsync("has been deleted", () => Tokens.ReadAsync(Mine, orphan, default));
        await _identity.Workloads.CreateAsync(Mine, new() { Name = "agent" }, default);
        await RefusedAsync("has been deleted", () => Tokens.ReadAsync(Mine, orphan, default));
    }

    [Fact]
    public async Task Token_OfAnotherAccountOrRegion_IsNone()
    {
        var (theirs, abroad) = (Mine with { Account = "210987654321" }, Mine with { Region = "eu-west-1" });
        foreach (var scope in new[] { Mine, theirs, abroad })
        {
            await _identity.Workloads.CreateAsync(scope, new() { Name = "agent" }, default);
        }

        var token = await Tokens.IssueAsync(Mine, "agent", null, default);

        await RefusedAsync("is not one that", () => Tokens.ReadAsync(theirs, token, default));
        await RefusedAsync("is not one that", () => Tokens.ReadAsync(abroad, token, default));
    }

    [Fact]
    public async Task ChangedToken_IsRefused_WhereverItWasChanged()
    {
        await _identity.Workloads.CreateAsync(Mine, new() { Name = "agent" }, default);
        var token = await Tokens.IssueAsync(Mine, "agent", "anna", default);

        for (var i = 0; i < token.Length; i++)
        {
            foreach (var other in new[] { 'A', 'B', '.', '=', ' ' })
            {
                var changed = $"{token[..i]}{other}{token[(i + 1)..]}";
                if (changed != token)
                {
                    await RefusedAsync("is not one that", () => Tokens.ReadAsync(Mine, changed, default));
                }
            }
        }

        foreach (var text in new[] { "", ".", "....", ".....", "e30..AA.AA.AA", token + ".", token + "=", token[..^1], new string('.', 131_072) })
        {
            await RefusedAsync("is not one that", () => Tokens.ReadAsync(Mine, text, default));
        }
    }

    [Fact]
    public async Task UsersJwt_IsNotTakenOnTrust()
    {
        await _identity.Workloads.CreateAsync(Mine, new() { Name = "agent" }, default);

        var refused = await Assert.ThrowsAsync<ServiceException>(() => Tokens.IssueForJwtAsync(Mine, "agent", default));
        var unknown = await Assert.ThrowsAsync<ServiceException>(() => Tokens.IssueForJwtAsync(Mine, "nobody", default));

        Assert.Equal((FaultCode.ValidationException, FaultCode.ResourceNotFoundException), (refused.Code, unknown.Code));
        Assert.Contains("userToken cannot be verified: this server does not discover issuers", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Identity_IsMadeChangedListedAndDeleted()
    {
        var made = await _identity.Workloads.CreateAsync(Mine, new() { Name = "agent.1", AllowedResourceOauth2ReturnUrls = ["https://app/cb"] }, default);
        Assert.Equal("arn:aws:bedrock-agentcore:us-west-2:123456789012:workload-identity-directory/default/workload-identity/agent.1", made.WorkloadIdentityArn);
        var taken = await Assert.ThrowsAsync<ServiceException>(() => _identity.Workloads.CreateAsync(Mine, new() { Name = "agent.1" }, default));
        Assert.Equal(FaultCode.ValidationException, taken.Code);
        Assert.Contains("name is taken", taken.Message, StringComparison.Ordinal);

        _time.Advance(TimeSpan.FromSeconds(5));
        var same = await _identity.Workloads.UpdateAsync(Mine, new() { Name = "agent.1" }, default);
        var changed = await _identity.Workloads.UpdateAsync(Mine, new() { Name = "agent.1", AllowedResourceOauth2ReturnUrls = [] }, default);

        Assert.Equal(["https://app/cb"], same.AllowedResourceOauth2ReturnUrls!);
        Assert.Empty(changed.AllowedResourceOauth2ReturnUrls!);
        Assert.Equal(TimeSpan.FromSeconds(5), changed.LastUpdatedTime - changed.CreatedTime);
        Assert.Equal("agent.1", Assert.Single((await _identity.Workloads.ListAsync(Mine, 20, null, default)).Items).Name);
        await _identity.Workloads.DeleteAsync(Mine, "agent.1", default);
        Assert.Equal(FaultCode.ResourceNotFoundException, (await Assert.ThrowsAsync<ServiceException>(() => _identity.Workloads.GetAsync(Mine, "agent.1", default))).Code);
    }

    [Fact]
    public async Task Tags_OfBothKinds_AreSetShownAndRemoved_ByTheirOwnAccount()
    {
        var provider = (await _identity.Vault.CreateAsync(Mine, new() { Name = "p", ApiKey = "k", Tags = new Dictionary<string, string> { ["a"] = "1" } }, default)).CredentialProviderArn;
        var workload = (await _identity.Workloads.CreateAsync(Mine, new() { Name = "agent", Tags = new Dictionary<string, string> { ["a"] = "1" } }, default)).WorkloadIdentityArn;

        foreach (var arn in new[] { provider, workload })
        {
            Assert.True(IdentityTags.Covers(arn));
            await _identity.Tags.TagAsync(Mine, arn, new Dictionary<string, string> { ["b"] = "2" }, default);
            await _identity.Tags.UntagAsync(Mine, arn, ["a", "missing"], default);
            Assert.Equal("b 2", string.Join(' ', (await _identity.Tags.TagsAsync(Mine, arn, default)).Select(tag => $"{tag.Key} {tag.Value}")));
            foreach (var foreign in new[] { arn.Replace(Mine.Account, "210987654321", StringComparison.Ordinal), arn.Replace("us-west-2", "eu-west-1", StringComparison.Ordinal), arn + "x" })
            {
                Assert.Equal(FaultCode.ResourceNotFoundException, (await Assert.ThrowsAsync<ServiceException>(() => _identity.Tags.TagsAsync(Mine, foreign, default))).Code);
            }

            var many = Enumerable.Range(0, 50).ToDictionary(number => $"n{number}", _ => "v");
            Assert.Equal(FaultCode.ServiceQuotaExceededException, (await Assert.ThrowsAsync<ServiceException>(() => _identity.Tags.TagAsync(Mine, arn, many, default))).Code);
        }

        Assert.False(IdentityTags.Covers("arn:aws:bedrock-agentcore:us-west-2:123456789012:harness/a-0123456789"));
        Assert.Equal("k", await _identity.Vault.FindKeyAsync(Mine, "p", default));
    }

    private static async Task RefusedAsync(string why, Func<Task> call)
    {
        var fault = await Assert.ThrowsAsync<ServiceException>(call);
        Assert.Equal(FaultCode.UnauthorizedException, fault.Code);
        Assert.Contains(why, fault.Message, StringComparison.Ordinal);
    }
}
