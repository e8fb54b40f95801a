namespace Belay.Contracts.Validation;

/// <summary>Patterns of the published service model that more than one member uses. Each must match the whole text.</summary>
public static class Patterns
{
    /// <summary>ARN of an API-key credential provider. The published pattern lacks the underscore, which the names of providers may have.</summary>
    public const string ApiKeyArn = "arn:aws:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:token-vault/[a-zA-Z0-9-.]+/apikeycredentialprovider/[a-zA-Z0-9-_.]+";

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

    /// <summary>Name of a credential provider.</summary>
    public const string CredentialProviderName = @"[a-zA-Z0-9\-_]+";

    /// <summary>Id of a token vault.</summary>
    public const string TokenVaultId = @"[a-zA-Z0-9\-_]+";

    /// <summary>Name of a workload identity.</summary>
    public const string WorkloadIdentityName = @"[A-Za-z0-9_.-]+";

    /// <summary>URL to which a user's browser is sent back.</summary>
    public const string ReturnUrl = @"\w+:(\/?\/?)[^\s]+";

    /// <summary>ARN of a secret.</summary>
    public const string SecretArn = @"arn:(aws|aws-us-gov):secretsmanager:[A-Za-z0-9-]{1,64}:[0-9]{12}:secret:[a-zA-Z0-9-_/+=.@!]+";

    /// <summary>A user's JWT, as the published model has it: its dots match anything.</summary>
    public const string UserToken = @"[A-Za-z0-9-_=]+.[A-Za-z0-9-_=]+.[A-Za-z0-9-_=]+";

    /// <summary>ARN of a key in a key service.</summary>
    public const string KmsKeyArn = @"arn:aws(|-cn|-us-gov):kms:[a-zA-Z0-9-]*:[0-9]{12}:key/[a-zA-Z0-9-]{36}";
}
