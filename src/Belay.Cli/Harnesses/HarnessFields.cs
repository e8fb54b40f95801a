using System.CommandLine;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Harnesses;

/// <summary>
/// The options that set a harness's members, shared by <c>create</c> and <c>update</c>. They only build the request; the
/// service checks it, and names every member that is wrong.
/// </summary>
internal sealed class HarnessFields
{
    private readonly Option<string?> _role = Text("--execution-role-arn", "ARN", "Role whose name labels what the agent does.");
    private readonly Option<string?> _model = Text("--model", "JSON", "Model configuration, such as '{\"bedrockModelConfig\":{\"modelId\":\"belay/scripted\"}}'.");
    private readonly Option<string?> _modelId = Text("--model-id", "ID", "Model by id: belay/scripted, a Bedrock model id, or PROVIDER/MODEL such as openai/gpt-5.");
    private readonly Option<string?> _apiBase = Text("--api-base", "URL", "Base URL of the provider, with --model-id PROVIDER/MODEL.");
    private readonly Option<string?> _apiKeyArn = Text("--api-key-arn", "ARN", "API key of the provider in the token vault, with --model-id; see belay create api-key.");
    private readonly Option<string?> _systemPrompt = Text("--system-prompt", "TEXT|JSON", "Instructions, as text or as a JSON list of blocks.");
    private readonly Option<string?> _tools = Text("--tools", "JSON", "List of tool entries.");
    private readonly Option<string?> _allowedTools = Text("--allowed-tools", "LIST", "Patterns of the tools that the model may use, as a JSON list or separated by commas.");
    private readonly Option<string?> _skills = Text("--skills", "JSON", "List of skills.");
    private readonly Option<string?> _memory = Text("--memory", "JSON", "Memory configuration.");
    private readonly Option<string?> _truncation = Text("--truncation", "JSON", "How the conversation is cut to the model's window.", "--truncation-strategy");
    private readonly Option<int?> _maxIterations = Number("--max-iterations", "Largest number of model calls of one invocation.");
    private readonly Option<int?> _maxTokens = Number("--max-tokens", "Largest sum of output tokens of one invocation.");
    private readonly Option<int?> _timeoutSeconds = Number("--timeout-seconds", "Longest run of one invocation, in seconds.", "--timeout");
    private readonly Option<string?> _environment = Text("--environment", "JSON", "Where sessions run, as the API takes it.");
    private readonly Option<string?> _lifecycle = Text("--lifecycle-config", "JSON", "How long a sandbox lives.");
    private readonly Option<string?> _networkMode = Text("--network-mode", "MODE", "PUBLIC or VPC.");
    private readonly Option<string?> _networkConfig = Text("--network-config", "JSON", "Subnets and security groups, for VPC.");
    private readonly Option<string?> _sessionStorage = Text("--session-storage-path", "PATH", "Directory below /mnt that outlives the sandbox.");
    private readonly Option<string?> _artifact = Text("--environment-artifact", "JSON", "What sessions run in, as the API takes it.");
    private readonly Option<string?> _container = Text("--container-uri", "IMAGE", "Image that sessions run in.");
    private readonly Option<string?> _variables = Text("--environment-variables", "MAP", "Variables of tools and commands: JSON, or KEY=VALUE,KEY=VALUE.");
    private readonly Option<string?> _authorizer = Text("--authorizer-configuration", "JSON", "Who may invoke.");

    /// <summary>Adds the options to a verb.</summary>
    public void AddTo(Command command)
    {
        Option[] all =
        [
            _role, _model, _modelId, _apiBase, _apiKeyArn, _systemPrompt, _tools, _allowedTools, _skills, _memory, _truncation, _maxIterations, _maxTokens,
            _timeoutSeconds, _environment, _lifecycle, _networkMode, _networkConfig, _sessionStorage, _artifact, _container, _variables, _authorizer,
        ];
        foreach (var option in all)
        {
            command.Add(option);
        }

        Exclusive(command, _model, _modelId);
        Exclusive(command, _artifact, _container);
        foreach (var part in new Option[] { _lifecycle, _networkMode, _networkConfig, _sessionStorage })
        {
            Exclusive(command, _environment, part);
        }

        command.Validators.Add(result =>
        {
            if (result.GetResult(_apiBase) is not null && result.GetResult(_modelId) is null)
            {
                result.AddError("--api-base belongs to --model-id; in --model, write it as \"apiBase\".");
            }

            if (result.GetResult(_apiKeyArn) is not null && result.GetResult(_modelId) is null)
            {
                result.AddError("--api-key-arn belongs to --model-id; in --model, write it as \"apiKeyArn\".");
            }
        });
    }

    /// <summary>The members that were given. Where the API wraps a member for updates, <paramref name="update"/> wraps it.</summary>
    public JsonObject Read(ParseResult parsed, CliHost host, bool update)
    {
        var body = new JsonObject();
        Set("executionRoleArn", parsed.GetValue(_role));
        Set("model", Json(_model) ?? (parsed.GetValue(_modelId) is { } id ? ModelNamed(id, parsed.GetValue(_apiBase), parsed.GetValue(_apiKeyArn)) : null));
        Set("systemPrompt", parsed.GetValue(_systemPrompt) is { } prompt ? Prompt("--system-prompt", prompt, host) : null);
        Set("tools", Json(_tools));
        Set("allowedTools", parsed.GetValue(_allowedTools) is { } patterns ? JsonOption.List("--allowed-tools", patterns, host) : null);
        Set("skills", Json(_skills));
        Set("memory", Wrapped(Json(_memory)));
        Set("truncation", parsed.GetValue(_truncation) is { } truncation ? Truncation(truncation, host) : null);
        Set("maxIterations", parsed.GetValue(_maxIterations));
        Set("maxTokens", parsed.GetValue(_maxTokens));
        Set("timeoutSeconds", parsed.GetValue(_timeoutSeconds));
        Set("environment", Json(_environment) ?? Environment(parsed, host));
        Set("environmentArtifact", Wrapped(Json(_artifact) ?? (parsed.GetValue(_container) is { } image ? Container(image) : null)));
        Set("environmentVariables", parsed.GetValue(_variables) is { } variables ? JsonOption.Map("--environment-variables", variables, host) : null);
        Set("authorizerConfiguration", Wrapped(Json(_authorizer)));
        return body;

        void Set(string name, JsonNode? value)
        {
            if (value is not null)
            {
                body[name] = value;
            }
        }

        JsonNode? Json(Option<string?> option) => parsed.GetValue(option) is { } text ? JsonOption.Parse(option.Name, text, host) : null;

        JsonNode? Wrapped(JsonNode? value) => value is not null && update ? new JsonObject { ["optionalValue"] = value } : value;
    }

    /// <summary>The model configuration that a bare id means: Bedrock's unless the id begins with a provider.</summary>
    public static JsonObject ModelNamed(string id, string? apiBase, string? apiKeyArn = null)
    {
        // ARNs and Belay's own models hold a slash too, and are named in Bedrock's member.
        var bedrock = !id.Contains('/', StringComparison.Ordinal) || id.StartsWith("arn:", StringComparison.Ordinal) || id.StartsWith("belay/", StringComparison.Ordinal);
        var config = new JsonObject { ["modelId"] = id };
        if (apiBase is not null)
        {
            config["apiBase"] = apiBase;
        }

        if (apiKeyArn is not null)
        {
            config["apiKeyArn"] = apiKeyArn;
        }

        return new JsonObject { [bedrock && apiBase is null && apiKeyArn is null ? "bedrockModelConfig" : "liteLlmModelConfig"] = config };
    }

    /// <summary>Instructions, from text or from a JSON list of blocks.</summary>
    public static JsonArray Prompt(string option, string value, CliHost host)
    {
        var text = JsonOption.Text(option, value, host);
        return text.AsSpan().TrimStart().StartsWith("[{")
            ? (JsonArray)JsonOption.Parse(option, text, host)
            : [new JsonObject { ["text"] = text }];
    }

    private static JsonNode Truncation(string value, CliHost host)
    {
        var text = JsonOption.Text("--truncation", value, host);
        return text.AsSpan().TrimStart().StartsWith("{") ? JsonOption.Parse("--truncation", text, host) : new JsonObject { ["strategy"] = text };
    }

    private static JsonObject Container(string image) => new()
    {
        ["containerConfiguration"] = new JsonObject { ["containerUri"] = image },
    };

    private JsonObject? Environment(ParseResult parsed, CliHost host)
    {
        var runtime = new JsonObject();
        if (parsed.GetValue(_lifecycle) is { } lifecycle)
        {
            runtime["lifecycleConfiguration"] = JsonOption.Parse("--lifecycle-config", lifecycle, host);
        }

        var network = new JsonObject();
        if (parsed.GetValue(_networkMode) is { } mode)
        {
            network["networkMode"] = mode;
        }

        if (parsed.GetValue(_networkConfig) is { } config)
        {
            network["networkModeConfig"] = JsonOption.Parse("--network-config", config, host);
        }

        if (network.Count > 0)
        {
            runtime["networkConfiguration"] = network;
        }

        if (parsed.GetValue(_sessionStorage) is { } path)
        {
            runtime["filesystemConfigurations"] = new JsonArray(new JsonObject { ["sessionStorage"] = new JsonObject { ["mountPath"] = path } });
        }

        return runtime.Count == 0 ? null : new JsonObject { ["agentCoreRuntimeEnvironment"] = runtime };
    }

    private static void Exclusive(Command command, Option one, Option other) => command.Validators.Add(result =>
    {
        if (result.GetResult(one) is not null && result.GetResult(other) is not null)
        {
            result.AddError($"{one.Name} and {other.Name} say the same thing; give one.");
        }
    });

    private static Option<string?> Text(string name, string value, string description, params string[] aliases) =>
        new(name, aliases) { Description = description, HelpName = value };

    private static Option<int?> Number(string name, string description, params string[] aliases)
    {
        var option = new Option<int?>(name, aliases) { Description = description, HelpName = "N" };
        Validation.Between(option, 1, int.MaxValue);
        return option;
    }
}
