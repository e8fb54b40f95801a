namespace Belay.Contracts.Validation;

/// <summary>Patterns of the published service model that more than one member uses. Each must match the whole text.</summary>
public static class Patterns
{
    /// <summary>ARN of an API-key credential provider.</summary>
    public const string ApiKeyArn = "arn:aws:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:token-vault/[a-zA-Z0-9-.]+/apikeycredentialprovider/[a-zA-Z0-9-.]+";

    /// <summary>Name of a harness.</summary>
    public const string HarnessName = "[a-zA-Z][a-zA-Z0-9_]{0,39}";

    /// <summary>Id of a harness.</summary>
    public const string HarnessId = "[a-zA-Z][a-zA-Z0-9_]{0,39}-[a-zA-Z0-9]{10}";

    /// <summary>ARN of a harness.</summary>
    public const string HarnessArn = "arn:([^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:harness/[a-zA-Z][a-zA-Z0-9_]{0,39}-[a-zA-Z0-9]{10}";

    /// <summary>Version of a harness.</summary>
    public const string HarnessVersion = "([1-9][0-9]{0,4})";

    /// <summary>Id of a session.</summary>
    public const string SessionId = "[a-zA-Z0-9][a-zA-Z0-9-_]*";

    /// <summary>Name of an endpoint.</summary>
    public const string EndpointName = "[a-zA-Z][a-zA-Z0-9_]{0,47}";

    /// <summary>ARN of an IAM role.</summary>
    public const string RoleArn = "arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+";

    /// <summary>Idempotency token of a client.</summary>
    public const string ClientToken = "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}";

    /// <summary>Name of a tool, and id of a tool use.</summary>
    public const string ToolName = "[a-zA-Z0-9_-]+";

    /// <summary>Id of a session's event: an entry, and a number within it; the entry alone stands for its end.</summary>
    public const string EventId = @"[0-9]{1,18}(\.[0-9]{1,9})?";

    /// <summary>Key or value of a tag.</summary>
    public const string Tag = @"[a-zA-Z0-9\s._:/=+@-]*";

    /// <summary>Mount point of a file system.</summary>
    public const string MountPath = "/mnt/[a-zA-Z0-9._-]+/?";

    /// <summary>ARN of a memory.</summary>
    public const string MemoryArn = @"arn:aws:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:memory\/[a-zA-Z][a-zA-Z0-9-_]{0,99}-[a-zA-Z0-9]{10}";

    /// <summary>Subnet id.</summary>
    public const string SubnetId = "subnet-[0-9a-zA-Z]{8,17}";

    /// <summary>Any non-blank continuation token.</summary>
    public const string NextToken = @"\S*";

    /// <summary>Value that a custom claim is compared with.</summary>
    public const string ClaimValue = "[A-Za-z0-9_.-]+";

    /// <summary>ARN of a resource that can carry tags or a policy.</summary>
    public const string ResourceArn = "arn:(?:[^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:([a-z-]+/[^/]+)(?:/[a-z-]+/[^/]+)*";
}
