using System.Text;
using System.Text.RegularExpressions;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;

namespace Belay.Harnesses;

/// <summary>
/// The rules that relate members to each other or to the server's settings, which the published shapes cannot express. Each
/// rule is pure, takes the path of the member it looks at, and answers every problem, so that requests of the control plane and
/// the overrides of an invocation share them. Shapes are checked before: a missing or null part is simply skipped.
/// </summary>
public static partial class HarnessRules
{
    /// <summary>Characters of all system prompt blocks together.</summary>
    public const int MaxSystemPromptCharacters = 1_000_000;

    /// <summary>Everything wrong with a request to create a harness.</summary>
    public static IEnumerable<FieldProblem> Create(CreateHarnessRequest request, CatalogSettings settings) =>
    [
        .. Environment(request.Environment, "environment", settings),
        .. Artifact(request.EnvironmentArtifact, "environmentArtifact", settings),
        .. Variables(request.EnvironmentVariables, "environmentVariables"),
        .. Authorizer(request.AuthorizerConfiguration, "authorizerConfiguration"),
        .. Model(request.Model, "model"),
        .. SystemPrompt(request.SystemPrompt, "systemPrompt"),
        .. Tools(request.Tools, "tools", settings),
        .. ToolSchemas(request.Model ?? settings.DefaultModel, request.Tools, request.AllowedTools, "tools"),
        .. Skills(request.Skills, "skills"),
        .. AllowedTools(request.AllowedTools, "allowedTools"),
        .. Memory(request.Memory, "memory"),
        .. Truncation(request.Truncation, "truncation"),
        .. Limits(request.MaxIterations, request.MaxTokens, request.TimeoutSeconds),
        .. Tags(request.Tags, "tags"),
        .. Hooks(request.Hooks?.Count),
    ];

    /// <summary>Everything wrong with a request to update a harness.</summary>
    public static IEnumerable<FieldProblem> Update(UpdateHarnessRequest request, CatalogSettings settings) =>
    [
        .. Environment(request.Environment, "environment", settings),
        .. Artifact(request.EnvironmentArtifact?.OptionalValue, "environmentArtifact.optionalValue", settings),
        .. Variables(request.EnvironmentVariables, "environmentVariables"),
        .. Authorizer(request.AuthorizerConfiguration?.OptionalValue, "authorizerConfiguration.optionalValue"),
        .. Model(request.Model, "model"),
        .. SystemPrompt(request.SystemPrompt, "systemPrompt"),
        .. Tools(request.Tools, "tools", settings),
        .. Skills(request.Skills, "skills"),
        .. AllowedTools(request.AllowedTools, "allowedTools"),
        .. Memory(request.Memory?.OptionalValue, "memory.optionalValue"),
        .. Truncation(request.Truncation, "truncation"),
        .. Limits(request.MaxIterations, request.MaxTokens, request.TimeoutSeconds),
        .. Hooks(request.Hooks?.Count),
    ];

    /// <summary>Instructions fit together into one bound.</summary>
    public static IEnumerable<FieldProblem> SystemPrompt(IReadOnlyList<HarnessSystemContentBlock>? blocks, string path)
    {
        if (Items(blocks).Sum(block => (long)(block.Item.Text?.Length ?? 0)) > MaxSystemPromptCharacters)
        {
            yield return new(path, $"must hold at most {MaxSystemPromptCharacters} characters in all its blocks");
        }
    }

    /// <summary>Patterns follow the grammar of tool patterns; one that could never match is a mistake.</summary>
    public static IEnumerable<FieldProblem> AllowedTools(IReadOnlyList<string>? patterns, string path)
    {
        foreach (var (pattern, at) in Items(patterns))
        {
            if (pattern == "@")
            {
                yield return new($"{path}[{at}]", "must name a server after @");
            }
            else if (pattern.Contains('/', StringComparison.Ordinal) && !pattern.StartsWith('@'))
            {
                yield return new($"{path}[{at}]", "must begin with @ when it contains /, as in @server/tool");
            }
        }
    }

    /// <summary>Limits are at least 1.</summary>
    public static IEnumerable<FieldProblem> Limits(int? maxIterations, int? maxTokens, int? timeoutSeconds) =>
    [
        .. AtLeast(1, maxIterations, "maxIterations"),
        .. AtLeast(1, maxTokens, "maxTokens"),
        .. AtLeast(1, timeoutSeconds, "timeoutSeconds"),
    ];

    /// <summary>Settings match the strategy and are in range.</summary>
    public static IEnumerable<FieldProblem> Truncation(HarnessTruncationConfiguration? truncation, string path)
    {
        if (truncation?.Config is not { } config)
        {
            yield break;
        }

        if (truncation.Strategy == HarnessTruncationStrategy.None)
        {
            yield return new($"{path}.config", "must be left out when strategy is none");
        }
        else if (truncation.Strategy == HarnessTruncationStrategy.SlidingWindow && config.Summarization is not null)
        {
            yield return new($"{path}.config", "must hold slidingWindow when strategy is sliding_window");
        }
        else if (truncation.Strategy == HarnessTruncationStrategy.Summarization && config.SlidingWindow is not null)
        {
            yield return new($"{path}.config", "must hold summarization when strategy is summarization");
        }

        foreach (var problem in AtLeast(1, config.SlidingWindow?.MessagesCount, $"{path}.config.slidingWindow.messagesCount")
            .Concat(AtLeast(0, config.Summarization?.PreserveRecentMessages, $"{path}.config.summarization.preserveRecentMessages"))
            .Concat(Between(0, 1, config.Summarization?.SummaryRatio, $"{path}.config.summarization.summaryRatio")))
        {
            yield return problem;
        }
    }

    /// <summary>Numbers that the shapes leave open are in range, and no strategy is named twice.</summary>
    public static IEnumerable<FieldProblem> Memory(HarnessMemoryConfiguration? memory, string path)
    {
        if (memory?.ManagedMemoryConfiguration?.Strategies is { } strategies && strategies.Distinct().Count() != strategies.Count)
        {
            yield return new($"{path}.managedMemoryConfiguration.strategies", "must not name a strategy twice");
        }

        if (memory?.AgentCoreMemoryConfiguration is not { } attached)
        {
            yield break;
        }

        path += ".agentCoreMemoryConfiguration";
        if (attached.ActorId is "")
        {
            yield return new($"{path}.actorId", "must not be empty");
        }

        foreach (var problem in Between(1, 10_000, attached.MessagesCount, $"{path}.messagesCount"))
        {
            yield return problem;
        }

        foreach (var (template, retrieval) in attached.RetrievalConfig ?? new Dictionary<string, HarnessAgentCoreMemoryRetrievalConfig>())
        {
            var at = $"{path}.retrievalConfig.{Name(template)}";
            if (template.Length is < 1 or > 1024)
            {
                yield return new($"{path}.retrievalConfig", "must have namespace templates of 1 to 1024 characters as keys");
            }

            foreach (var problem in Between(1, 100, retrieval?.TopK, $"{at}.topK").Concat(Between(0, 1, retrieval?.RelevanceScore, $"{at}.relevanceScore")))
            {
                yield return problem;
            }
        }
    }

    /// <summary>Sources name something that can be fetched, and stay inside their directory.</summary>
    public static IEnumerable<FieldProblem> Skills(IReadOnlyList<HarnessSkill>? skills, string path)
    {
        foreach (var (skill, at) in Items(skills))
        {
            if (skill.Path is { } directory && directory.Contains('\0', StringComparison.Ordinal))
            {
                yield return new($"{path}[{at}].path", "must not contain a null character");
            }

            if (skill.S3 is { Uri: { } uri } && !S3Uri.IsMatch(uri))
            {
                yield return new($"{path}[{at}].s3.uri", "must name a bucket and a prefix, as in s3://bucket/skills/name/");
            }

            if (skill.Git is { } git)
            {
                if (!(Uri.TryCreate(git.Url, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttps && url.Host.Length > 0))
                {
                    yield return new($"{path}[{at}].git.url", "must be an https URL with a host");
                }

                if (git.Path is { } inside && !StaysInside(inside))
                {
                    yield return new($"{path}[{at}].git.path", "must be a directory inside the repository: relative, without ..");
                }

                if (git.Auth?.Username is { } user && (user.Length is < 1 or > 255 || user.Any(character => char.IsControl(character) || character == ':')))
                {
                    yield return new($"{path}[{at}].git.auth.username", "must have 1 to 255 characters, none of them a colon or a control character");
                }
            }

            foreach (var (glob, number) in Items(skill.AwsSkills?.Paths))
            {
                if (!StaysInside(glob))
                {
                    yield return new($"{path}[{at}].awsSkills.paths[{number}]", "must be relative, without ..");
                }
            }
        }
    }

    /// <summary>Keys with the prefix of the cloud are refused; the values of ours that this server knows must make sense.</summary>
    public static IEnumerable<FieldProblem> Tags(IReadOnlyDictionary<string, string>? tags, string path) =>
    [
        .. (tags?.Keys ?? [])
            .Where(key => key.StartsWith("aws:", StringComparison.OrdinalIgnoreCase))
            .Select(key => new FieldProblem($"{path}.{Name(key)}", "must not begin with aws:, which is reserved")),
        .. new BelaySettings { Tags = BelaySettings.FromTags(tags) }.Problems(name => $"{path}.{BelaySettings.TagPrefix}{name}"),
    ];

    /// <summary>Variables have names that a shell accepts.</summary>
    public static IEnumerable<FieldProblem> Variables(IReadOnlyDictionary<string, string>? variables, string path)
    {
        foreach (var (name, value) in variables ?? new Dictionary<string, string>())
        {
            if (!VariableName().IsMatch(name))
            {
                yield return new($"{path}.{Name(name)}", "must have a name of letters, digits and _ that does not begin with a digit");
            }

            if (value is not null && value.Contains('\0', StringComparison.Ordinal))
            {
                yield return new($"{path}.{Name(name)}", "must not contain a null character");
            }
        }
    }

    /// <summary>A hook is a guard. A guard that is stored and never asked would be worse than none, so hooks are refused.</summary>
    public static IEnumerable<FieldProblem> Hooks(int? count)
    {
        if (count > 0)
        {
            yield return new("hooks", "must be empty: this server does not run lifecycle hooks");
        }
    }

    private static IEnumerable<(T Item, int At)> Items<T>(IReadOnlyList<T>? list)
        where T : class => (list ?? []).Select((item, at) => (item, at)).Where(pair => pair.item is not null);

    private static IEnumerable<FieldProblem> AtLeast(int least, int? value, string path)
    {
        if (value < least)
        {
            yield return new(path, $"must be at least {least}");
        }
    }

    private static IEnumerable<FieldProblem> Between(double least, double most, double? value, string path)
    {
        if (value is { } number && !(number >= least && number <= most))
        {
            yield return new(path, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"must be from {least} to {most}"));
        }
    }

    private static bool StaysInside(string path) =>
        path.Length is >= 1 and <= 4096 && !path.StartsWith('/') && !path.Contains('\0', StringComparison.Ordinal)
        && !path.Contains('\\', StringComparison.Ordinal) && !path.Split('/').Contains("..");

    /// <summary>A caller's key as part of a path: short, and on one line.</summary>
    private static string Name(string key)
    {
        var text = new StringBuilder();
        foreach (var character in key.AsSpan(0, Math.Min(key.Length, 100)))
        {
            text.Append(char.IsControl(character) ? '?' : character);
        }

        return text.ToString();
    }

    // Made when first needed, as every one of these rules that prepares an engine: an ordinary invocation waits for none of them.
    private static Regex S3Uri => field ??= new(@"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.Singleline);

    [GeneratedRegex(@"^[a-zA-Z_][a-zA-Z0-9_]*\z", RegexOptions.CultureInvariant)]
    private static partial Regex VariableName();
}
