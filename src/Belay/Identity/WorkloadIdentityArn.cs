using Belay.Storage;

namespace Belay.Identity;

/// <summary>Names a workload identity across accounts.</summary>
/// <param name="Scope">Account and region.</param>
/// <param name="Name">Name of the identity.</param>
public readonly record struct WorkloadIdentityArn(Scope Scope, string Name)
{
    private const string Path = "workload-identity-directory/default/workload-identity/";

    /// <summary>Reads an ARN; null when it names no workload identity.</summary>
    public static WorkloadIdentityArn? TryParse(string text) =>
        text.Split(':') is ["arn", "aws", "bedrock-agentcore", { Length: > 0 } region, { Length: > 0 } account, var resource]
        && resource.StartsWith(Path, StringComparison.Ordinal) && resource.Length > Path.Length && !resource[Path.Length..].Contains('/', StringComparison.Ordinal)
            ? new WorkloadIdentityArn(new(account, region), resource[Path.Length..])
            : null;

    /// <summary>The ARN as text.</summary>
    public override string ToString() => $"arn:aws:bedrock-agentcore:{Scope.Region}:{Scope.Account}:{Path}{Name}";
}
