using Belay.Storage;

namespace Belay.Identity;

/// <summary>Names an API-key credential provider across accounts.</summary>
/// <param name="Scope">Account and region.</param>
/// <param name="Name">Name of the provider.</param>
public readonly record struct CredentialProviderArn(Scope Scope, string Name)
{
    /// <summary>What a resource is below, in an ARN.</summary>
    internal const string Path = $"token-vault/{TokenVault.DefaultId}/apikeycredentialprovider/";

    /// <summary>Reads an ARN; null when it names no provider of the one vault that an account and region have.</summary>
    public static CredentialProviderArn? TryParse(string text) =>
        text.Split(':') is ["arn", "aws", "bedrock-agentcore", { Length: > 0 } region, { Length: > 0 } account, var resource]
        && resource.StartsWith(Path, StringComparison.Ordinal) && resource.Length > Path.Length && !resource[Path.Length..].Contains('/', StringComparison.Ordinal)
            ? new CredentialProviderArn(new(account, region), resource[Path.Length..])
            : null;

    /// <summary>The ARN as text.</summary>
    public override string ToString() => $"arn:aws:bedrock-agentcore:{Scope.Region}:{Scope.Account}:{Path}{Name}";
}
