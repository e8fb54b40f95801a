using Belay.Storage;

namespace Belay.Harnesses;

/// <summary>Names a harness, or one of its endpoints, across accounts.</summary>
/// <param name="Scope">Account and region.</param>
/// <param name="HarnessId">Id of the harness.</param>
/// <param name="Endpoint">Name of the endpoint; null for the harness itself.</param>
public readonly record struct HarnessArn(Scope Scope, string HarnessId, string? Endpoint = null)
{
    private const string EndpointSegment = "harness-endpoint";

    /// <summary>Reads an ARN; null when it names neither a harness nor an endpoint.</summary>
    public static HarnessArn? TryParse(string text)
    {
        if (text.Split(':') is not ["arn", "aws", "bedrock-agentcore", { Length: > 0 } region, { Length: > 0 } account, var resource])
        {
            return null;
        }

        var scope = new Scope(account, region);
        return resource.Split('/') switch
        {
            ["harness", { Length: > 0 } id] => new HarnessArn(scope, id),
            ["harness", { Length: > 0 } id, EndpointSegment, { Length: > 0 } endpoint] => new HarnessArn(scope, id, endpoint),
            _ => null,
        };
    }

    /// <summary>The ARN as text.</summary>
    public override string ToString() =>
        $"arn:aws:bedrock-agentcore:{Scope.Region}:{Scope.Account}:harness/{HarnessId}" + (Endpoint is null ? "" : $"/{EndpointSegment}/{Endpoint}");
}
