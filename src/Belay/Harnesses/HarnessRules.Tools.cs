using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Validation;
using Belay.Models;
using Belay.Tools.Schemas;

namespace Belay.Harnesses;

/// <content>Rules of tool entries, and their names.</content>
public static partial class HarnessRules
{
    private const int MaxEntryName = 64;

    /// <summary>Names that no entry may take: the server of the built-ins, the built-ins, and those that are to come.</summary>
    public static IReadOnlySet<string> ReservedToolNames { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "builtin", "shell", "file_operations", "skills",
        "read", "write", "edit", "web_fetch", "todo_write", "retrieve_offloaded_content", "subagent",
    };

    /// <summary>Headers that belong to the connection or to the protocol.</summary>
    private static readonly HashSet<string> ConnectionHeaders = new(StringComparer.OrdinalIgnoreCase)
    {
        "Host", "Content-Length", "Connection", "Transfer-Encoding", "Mcp-Session-Id",
        "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade",
    };

    /// <summary>Each entry has the settings of its type, a name of its own and targets that can be reached safely.</summary>
    public static IEnumerable<FieldProblem> Tools(IReadOnlyList<HarnessTool>? tools, string path, CatalogSettings settings)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var gateways = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (tool, at) in Items(tools))
        {
            var entry = $"{path}[{at}]";
            if (tool.Name is { } name)
            {
                if (ReservedToolNames.Contains(name))
                {
                    yield return new($"{entry}.name", $"must not be {name}, which is reserved");
                }
                else if (!names.Add(name))
                {
                    yield return new($"{entry}.name", "must be unique among the tools");
                }
            }

            if (Mismatch(tool, entry) is { } mismatch)
            {
                yield return mismatch;
            }

            if (tool.Config?.AgentCoreGateway?.GatewayArn is { } gateway && !gateways.Add(gateway))
            {
                yield return new($"{entry}.config.agentCoreGateway.gatewayArn", "must not be the gateway of another entry");
            }

            foreach (var problem in RemoteMcp(tool.Config?.RemoteMcp, $"{entry}.config.remoteMcp", settings)
                .Concat(InlineFunction(tool.Config?.InlineFunction, $"{entry}.config.inlineFunction")))
            {
                yield return problem;
            }
        }
    }

    /// <summary>Gives every entry without a name the one that its settings suggest. Names that are taken or reserved get
    /// <c>_2</c>, <c>_3</c> … in list order, so that the same list always gets the same names.</summary>
    public static IReadOnlyList<HarnessTool> NameTools(IReadOnlyList<HarnessTool> tools)
    {
        var taken = new HashSet<string>(tools.Select(tool => tool.Name).OfType<string>().Concat(ReservedToolNames), StringComparer.Ordinal);
        return [.. tools.Select(tool => tool.Name is null ? tool with { Name = Free(SuggestedName(tool), taken) } : tool)];
    }

    private static string Free(string suggestion, HashSet<string> taken)
    {
        var name = suggestion;
        for (var number = 2; !taken.Add(name); number++)
        {
            var suffix = $"_{number}";
            name = suggestion[..Math.Min(suggestion.Length, MaxEntryName - suffix.Length)] + suffix;
        }

        return name;
    }

    private static string SuggestedName(HarnessTool tool)
    {
        var name = tool switch
        {
            { Type: HarnessToolType.AgentCoreBrowser } => "browser",
            { Type: HarnessToolType.AgentCoreCodeInterpreter } => "code_interpreter",
            { Type: HarnessToolType.InlineFunction } => "inline_function",
            { Config.AgentCoreGateway.GatewayArn: { } arn } => GatewayName(arn),
            { Config.RemoteMcp.Url: { } url } => HostName(url),
            { Type: HarnessToolType.AgentCoreGateway } => "agentcore_gateway",
            _ => "remote_mcp",
        };
        name = ForbiddenInName().Replace(name, "_");
        return name.Length == 0 ? "remote_mcp" : name[..Math.Min(name.Length, MaxEntryName)];
    }

    private static string GatewayName(string arn)
    {
        var id = arn[(arn.LastIndexOf('/') + 1)..];
        var hyphen = id.LastIndexOf('-');
        return hyphen > 0 ? id[..hyphen] : id;
    }

    private static string HostName(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var parsed))
        {
            return "";
        }

        return parsed.HostNameType == UriHostNameType.Dns
            ? parsed.IdnHost.Split('.').FirstOrDefault(label => label is not ("" or "mcp" or "api" or "www")) ?? ""
            : parsed.DnsSafeHost;
    }

    /// <summary>Each schema is one that the model can be told. Tools that the patterns exclude are not looked at.</summary>
    public static IEnumerable<FieldProblem> ToolSchemas(HarnessModelConfiguration? model, IReadOnlyList<HarnessTool>? tools, IReadOnlyList<string>? allowedTools, string path) =>
        tools is null || tools.Contains(null) || (allowedTools?.Contains(null) ?? false) || !tools.Any(tool => tool.Config?.InlineFunction is not null)
            ? []
            : ToolRules.Problems(model, NameTools(tools), allowedTools ?? ["*"], path);

    private static FieldProblem? Mismatch(HarnessTool tool, string entry)
    {
        var (member, present) = tool.Type switch
        {
            HarnessToolType.RemoteMcp => ("remoteMcp", tool.Config?.RemoteMcp is not null),
            HarnessToolType.AgentCoreGateway => ("agentCoreGateway", tool.Config?.AgentCoreGateway is not null),
            HarnessToolType.InlineFunction => ("inlineFunction", tool.Config?.InlineFunction is not null),
            HarnessToolType.AgentCoreBrowser => ("agentCoreBrowser", tool.Config is null || tool.Config.AgentCoreBrowser is not null),
            _ => ("agentCoreCodeInterpreter", tool.Config is null || tool.Config.AgentCoreCodeInterpreter is not null),
        };
        return present ? null : new($"{entry}.config", $"must hold {member}, the settings that belong to the entry's type");
    }

    private static IEnumerable<FieldProblem> RemoteMcp(HarnessRemoteMcpConfig? mcp, string path, CatalogSettings settings)
    {
        if (mcp?.Url is { } text)
        {
            if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || (url.Scheme != Uri.UriSchemeHttps && url.Scheme != Uri.UriSchemeHttp))
            {
                yield return new($"{path}.url", "must be an http or https URL");
            }
            else if (url.Scheme == Uri.UriSchemeHttp && !settings.AllowInsecureMcp && !IsPrivateHost(url))
            {
                yield return new($"{path}.url", "must be an https URL, since its host is not a private one");
            }
        }

        foreach (var (name, value) in mcp?.Headers ?? new Dictionary<string, string>())
        {
            var at = $"{path}.headers.{Name(name)}";
            if (!HeaderName().IsMatch(name))
            {
                yield return new(at, "must have a name that HTTP allows");
            }
            else if (ConnectionHeaders.Contains(name))
            {
                yield return new(at, "must be left out: the connection sets it");
            }

            if (value is not null && value.Any(character => char.IsControl(character) && character != '\t'))
            {
                yield return new(at, "must not contain control characters");
            }

            if (value is not null && !PlaceholdersAreArns(value))
            {
                yield return new(at, "must hold nothing but the ARN of an API-key credential provider between ${ and }");
            }
        }
    }

    private static IEnumerable<FieldProblem> InlineFunction(HarnessInlineFunctionConfig? function, string path)
    {
        if (function is not { InputSchema: { ValueKind: not JsonValueKind.Undefined } schema })
        {
            yield break;
        }

        if (schema.ValueKind != JsonValueKind.Object)
        {
            yield return new($"{path}.inputSchema", "must be a JSON object that is a JSON Schema");
        }
        else if (schema.TryGetProperty("type", out var type) && !TypeWords.IsObject(type))
        {
            yield return new($"{path}.inputSchema.type", "must be object, since arguments are a JSON object");
        }
    }

    private static bool PlaceholdersAreArns(string value)
    {
        for (var start = value.IndexOf("${", StringComparison.Ordinal); start >= 0; start = value.IndexOf("${", start, StringComparison.Ordinal))
        {
            var end = value.IndexOf('}', start);
            if (end < 0 || !ApiKeyArn().IsMatch(value.AsSpan(start + 2, end - start - 2)))
            {
                return false;
            }

            start = end;
        }

        return true;
    }

    private static bool IsPrivateHost(Uri url) => IPAddress.TryParse(url.DnsSafeHost, out var address)
        ? IsPrivate(address)
        : !url.IdnHost.Contains('.', StringComparison.Ordinal)
            || url.IdnHost.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
            || url.IdnHost.EndsWith(".local", StringComparison.OrdinalIgnoreCase)
            || url.IdnHost.EndsWith(".internal", StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex("[^a-zA-Z0-9_-]", RegexOptions.CultureInvariant)]
    private static partial Regex ForbiddenInName();

    [GeneratedRegex(@"^[!#$%&'*+.^_`|~0-9A-Za-z-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex HeaderName();

    [GeneratedRegex("^" + Patterns.ApiKeyArn + @"\z", RegexOptions.CultureInvariant)]
    private static partial Regex ApiKeyArn();
}
