using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Harnesses;

/// <summary>One entry of <c>tools</c>: a server of tools, or a single tool.</summary>
public sealed record HarnessTool
{
    /// <summary>The kind of entry; it decides which member of <see cref="Config"/> belongs to it.</summary>
    public required HarnessToolType Type { get; init; }

    /// <summary>Unique name of the entry; generated when left out.</summary>
    [Bound(Min = 1, Max = 64, Pattern = Patterns.ToolName)]
    public string? Name { get; init; }

    /// <summary>Settings of the entry.</summary>
    public HarnessToolConfiguration? Config { get; init; }
}

/// <summary>Kind of a tool entry.</summary>
[JsonConverter(typeof(WireEnumConverter<HarnessToolType>))]
public enum HarnessToolType
{
    /// <summary>An MCP server reached over HTTP.</summary>
    [JsonStringEnumMemberName("remote_mcp")]
    RemoteMcp,

    /// <summary>The browser.</summary>
    [JsonStringEnumMemberName("agentcore_browser")]
    AgentCoreBrowser,

    /// <summary>A gateway.</summary>
    [JsonStringEnumMemberName("agentcore_gateway")]
    AgentCoreGateway,

    /// <summary>A function that the caller executes.</summary>
    [JsonStringEnumMemberName("inline_function")]
    InlineFunction,

    /// <summary>The code interpreter.</summary>
    [JsonStringEnumMemberName("agentcore_code_interpreter")]
    AgentCoreCodeInterpreter,
}

/// <summary>Settings of a tool entry. Exactly one member is set, the one that belongs to the entry's type.</summary>
[Union]
public sealed record HarnessToolConfiguration
{
    /// <summary>For <see cref="HarnessToolType.RemoteMcp"/>.</summary>
    public HarnessRemoteMcpConfig? RemoteMcp { get; init; }

    /// <summary>For <see cref="HarnessToolType.AgentCoreBrowser"/>.</summary>
    public HarnessAgentCoreBrowserConfig? AgentCoreBrowser { get; init; }

    /// <summary>For <see cref="HarnessToolType.AgentCoreGateway"/>.</summary>
    public HarnessAgentCoreGatewayConfig? AgentCoreGateway { get; init; }

    /// <summary>For <see cref="HarnessToolType.InlineFunction"/>.</summary>
    public HarnessInlineFunctionConfig? InlineFunction { get; init; }

    /// <summary>For <see cref="HarnessToolType.AgentCoreCodeInterpreter"/>.</summary>
    public HarnessAgentCoreCodeInterpreterConfig? AgentCoreCodeInterpreter { get; init; }
}

/// <summary>An MCP server reached over HTTP.</summary>
public sealed record HarnessRemoteMcpConfig
{
    /// <summary>Endpoint of the server.</summary>
    [Sensitive]
    [Bound(Min = 1, Max = 16383)]
    public required string Url { get; init; }

    /// <summary>Headers sent with each request; a value may hold <c>${credential-provider ARN}</c>.</summary>
    [Sensitive]
    [Bound(Of = Part.Key, Min = 1, Max = 16383)]
    [Bound(Of = Part.Item, Min = 1, Max = 16383)]
    public IReadOnlyDictionary<string, string>? Headers { get; init; }
}

/// <summary>Which browser an entry uses.</summary>
public sealed record HarnessAgentCoreBrowserConfig
{
    /// <summary>The browser's ARN; the built-in one when left out.</summary>
    [Bound(Pattern = @"arn:aws(-[^:]+)?:bedrock-agentcore:[a-z0-9-]+:(aws|[0-9]{12}):browser(-custom)?/(aws\.browser\.v1|[a-zA-Z][a-zA-Z0-9_]{0,47}-[a-zA-Z0-9]{10})")]
    public string? BrowserArn { get; init; }
}

/// <summary>Which code interpreter an entry uses.</summary>
public sealed record HarnessAgentCoreCodeInterpreterConfig
{
    /// <summary>The code interpreter's ARN; the built-in one when left out.</summary>
    [Bound(Pattern = @"arn:aws(-[^:]+)?:bedrock-agentcore:[a-z0-9-]+:(aws|[0-9]{12}):code-interpreter(-custom)?/(aws\.codeinterpreter\.v1|[a-zA-Z][a-zA-Z0-9_]{0,47}-[a-zA-Z0-9]{10})")]
    public string? CodeInterpreterArn { get; init; }
}

/// <summary>Which gateway an entry uses, and how it authenticates there.</summary>
public sealed record HarnessAgentCoreGatewayConfig
{
    /// <summary>The gateway's ARN.</summary>
    [Bound(Pattern = "arn:aws(|-cn|-us-gov):bedrock-agentcore:[a-z0-9-]{1,20}:[0-9]{12}:gateway/([0-9a-z][-]?){1,48}-[a-z0-9]{10}")]
    public required string GatewayArn { get; init; }

    /// <summary>Outbound authentication; SigV4 when left out.</summary>
    public HarnessGatewayOutboundAuth? OutboundAuth { get; init; }
}

/// <summary>How a harness authenticates at a gateway. Exactly one member is set.</summary>
[Union]
public sealed record HarnessGatewayOutboundAuth
{
    /// <summary>SigV4.</summary>
    public Unit? AwsIam { get; init; }

    /// <summary>No authentication.</summary>
    public Unit? None { get; init; }

    /// <summary>An OAuth token.</summary>
    public OAuthCredentialProvider? Oauth { get; init; }
}

/// <summary>A structure without members.</summary>
public sealed record Unit;

/// <summary>Where an OAuth token comes from.</summary>
public sealed record OAuthCredentialProvider
{
    /// <summary>ARN of the credential provider.</summary>
    [Bound(Pattern = "arn:([^:]*):([^:]*):([^:]*):([0-9]{12})?:(.+)")]
    public required string ProviderArn { get; init; }

    /// <summary>Scopes to ask for.</summary>
    [Bound(Min = 0, Max = 100)]
    [Bound(Of = Part.Item, Min = 1, Max = 64)]
    public required IReadOnlyList<string> Scopes { get; init; }

    /// <summary>Further parameters of the token request.</summary>
    [Sensitive]
    [Bound(Min = 1, Max = 10)]
    [Bound(Of = Part.Key, Min = 1, Max = 256)]
    [Bound(Of = Part.Item, Min = 1, Max = 2048)]
    public IReadOnlyDictionary<string, string>? CustomParameters { get; init; }

    /// <summary>How the token is obtained.</summary>
    public OAuthGrantType? GrantType { get; init; }

    /// <summary>Where the authorisation flow returns to.</summary>
    [Bound(Min = 1, Max = 2048, Pattern = @"\w+:(\/?\/?)[^\s]+")]
    public string? DefaultReturnUrl { get; init; }
}

/// <summary>How an OAuth token is obtained.</summary>
[JsonConverter(typeof(WireEnumConverter<OAuthGrantType>))]
public enum OAuthGrantType
{
    /// <summary>A token of the machine.</summary>
    [JsonStringEnumMemberName("CLIENT_CREDENTIALS")]
    ClientCredentials,

    /// <summary>A token of a person who consented.</summary>
    [JsonStringEnumMemberName("AUTHORIZATION_CODE")]
    AuthorizationCode,

    /// <summary>The caller's token, exchanged.</summary>
    [JsonStringEnumMemberName("TOKEN_EXCHANGE")]
    TokenExchange,
}

/// <summary>A function that the caller executes.</summary>
public sealed record HarnessInlineFunctionConfig
{
    /// <summary>What the function does, for the model.</summary>
    [Sensitive]
    [Bound(Min = 1, Max = 4096)]
    public required string Description { get; init; }

    /// <summary>JSON Schema of the arguments.</summary>
    [Sensitive]
    public required JsonElement InputSchema { get; init; }
}
