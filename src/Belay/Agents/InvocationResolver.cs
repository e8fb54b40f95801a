using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Harnesses;
using Belay.Models;
using Belay.Sessions;
using Belay.Storage;
using Belay.Telemetry;
using Belay.Tools;

namespace Belay.Agents;

/// <summary>
/// Merges a version and the overrides of one call into one <see cref="Invocation"/> (step 2). A present member replaces the whole field;
/// skills are appended. Every problem is reported at once, and what is configured but not built is refused by name, never ignored.
/// </summary>
/// <param name="resolve">Finds the model of a configuration, for the account and region of the harness.</param>
/// <param name="settings">What the operator decides about invocations.</param>
/// <param name="catalog">What the operator decides about harnesses.</param>
/// <param name="ids">Where the invocation's id comes from.</param>
public sealed class InvocationResolver(Func<Scope, HarnessModelConfiguration, ResolvedModel> resolve, InvocationSettings settings, CatalogSettings catalog, IdSource ids)
{
    /// <summary>The actor of those who name none.</summary>
    public const string DefaultActor = "default-user";

    /// <summary>The invocation that a call asks for.</summary>
    public Invocation Resolve(ServedHarness served, InvokeHarnessRequest request)
    {
        var harness = served.Harness;
        ThrowIfForbidden(served, request);
        var tools = HarnessRules.NameTools(request.Tools ?? harness.Tools);
        IReadOnlyList<FieldProblem> problems =
        [
            .. Problems(request),
            .. NotBuilt(served, request, tools),
            .. HarnessRules.ToolSchemas(request.Model ?? harness.Model, tools, request.AllowedTools ?? harness.AllowedTools, "tools"),
        ];
        Refuse(problems);
        var model = resolve(served.Scope, request.Model ?? harness.Model);
        return new()
        {
            Id = ids.NewUuid(),
            Trace = TraceContext.Find(request.TraceParent, request.TraceState, request.TraceId) ?? TraceContext.Begin(ids),
            Baggage = settings.PropagateBaggage ? TraceContext.Baggage(request.Baggage) : null,
            Harness = harness,
            Endpoint = served.Endpoint,
            Model = model.Model,
            Parameters = model.Parameters,
            RequireKeyAsync = model.RequireKeyAsync,
            Fallbacks = model.Fallbacks,
            GivenModel = request.Model,
            System = Texts(request.SystemPrompt ?? harness.SystemPrompt),
            SystemGiven = request.SystemPrompt is not null,
            Tools = tools,
            ToolsGiven = request.Tools is not null,
            AllowedTools = request.AllowedTools ?? harness.AllowedTools,
            AllowedToolsGiven = request.AllowedTools is not null,
            Limits = new(
                request.MaxIterations ?? harness.MaxIterations ?? VersionBuilder.DefaultMaxIterations,
                request.MaxTokens ?? harness.MaxTokens,
                request.TimeoutSeconds ?? harness.TimeoutSeconds ?? VersionBuilder.DefaultTimeoutSeconds),
            Truncation = harness.Truncation,
            OffloadAbove = served.Settings.OffloadToolResultsAbove,
            Sent = request.Messages,
            ActorId = request.ActorId,
            DefaultActorId = harness.Memory?.AgentCoreMemoryConfiguration?.ActorId ?? request.RuntimeUserId ?? DefaultActor,
            ToolConcurrency = served.Settings.ToolConcurrency ?? settings.ToolConcurrency,
            Detached = served.Settings.Detach || settings.FinishOnDisconnect,
        };
    }

    /// <summary>
    /// An invocation that was accepted before, as it goes on after a crash: what its call gave comes from the journal, the rest from its version.
    /// </summary>
    /// <param name="served">The version that it began on.</param>
    /// <param name="started">Its beginning.</param>
    /// <exception cref="ServiceException">Its model cannot be reached through this server any more.</exception>
    public Invocation Restore(ServedHarness served, InvocationStarted started)
    {
        var harness = served.Harness;
        var model = resolve(served.Scope, started.Model ?? harness.Model);
        return new()
        {
            Id = started.InvocationId,
            Trace = started.TraceId is { } trace ? new(trace, null, Sampled: true, null) : TraceContext.Begin(ids),
            Harness = harness,
            Endpoint = started.Endpoint,
            Model = model.Model,
            Parameters = model.Parameters,
            Fallbacks = model.Fallbacks,
            GivenModel = started.Model,
            System = started.System ?? Texts(harness.SystemPrompt),
            SystemGiven = started.System is not null,
            Tools = started.Tools,
            ToolsGiven = true,
            AllowedTools = started.AllowedTools,
            AllowedToolsGiven = true,
            Limits = started.Limits,
            Truncation = harness.Truncation,
            OffloadAbove = started.OffloadAbove,
            Sent = [],
            ActorId = started.ActorId,
            DefaultActorId = started.ActorId ?? DefaultActor,
            ToolConcurrency = served.Settings.ToolConcurrency ?? settings.ToolConcurrency,
            Detached = started.Detached,
        };
    }

    /// <summary>Refuses what a fork may not say about its invocations: it is refused as if each of them said it, and its model must be there now.</summary>
    /// <param name="served">The harness as it serves now.</param>
    /// <param name="model">Model of the fork's invocations; null for the session's.</param>
    /// <param name="systemPrompt">Their instructions; null for the session's.</param>
    /// <returns>The instructions' texts; null when there are none.</returns>
    public IReadOnlyList<string>? CheckFork(ServedHarness served, HarnessModelConfiguration? model, IReadOnlyList<HarnessSystemContentBlock>? systemPrompt)
    {
        ThrowIfForbidden(served, new() { HarnessArn = served.Harness.Arn, RuntimeSessionId = "", Messages = [], Model = model, SystemPrompt = systemPrompt });
        if (model is not null)
        {
            Refuse(HarnessRules.ToolSchemas(model, served.Harness.Tools, served.Harness.AllowedTools, "tools"));
            _ = resolve(served.Scope, model);
        }

        return systemPrompt is null ? null : Texts(systemPrompt);
    }

    /// <summary>Everything wrong with what a fork says about its invocations, whatever harness it is for.</summary>
    public static IEnumerable<FieldProblem> ForkProblems(HarnessModelConfiguration? model, IReadOnlyList<HarnessSystemContentBlock>? systemPrompt) =>
        [.. model is null ? [] : HarnessRules.Model(model, "model"), .. HarnessRules.SystemPrompt(systemPrompt, "systemPrompt")];

    /// <summary>Refuses callers that a harness does not let in, and environments that are not built; what commands check too.</summary>
    public static void ThrowIfUnservable(Harness harness)
    {
        if (harness.AuthorizerConfiguration?.CustomJwtAuthorizer is not null)
        {
            throw new ServiceException(
                FaultCode.AccessDeniedException, $"Harness {harness.HarnessId} lets in bearer tokens of its authorizer only; a signed request is refused.");
        }

        Refuse(EnvironmentProblems(harness));
    }

    private static IEnumerable<FieldProblem> EnvironmentProblems(Harness harness)
    {
        if (harness.EnvironmentArtifact?.ContainerConfiguration is not null)
        {
            yield return new(
                "environmentArtifact.containerConfiguration", "names an image, and this server cannot run images yet. Remove it from the harness to use the server's own environment.");
        }
    }

    private void ThrowIfForbidden(ServedHarness served, InvokeHarnessRequest request)
    {
        var given = new (string Name, bool Given)[]
        {
            ("model", request.Model is not null),
            ("systemPrompt", request.SystemPrompt is not null),
            ("tools", request.Tools is not null),
            ("skills", request.Skills is not null),
            ("allowedTools", request.AllowedTools is not null),
            ("maxIterations", request.MaxIterations is not null),
            ("maxTokens", request.MaxTokens is not null),
            ("timeoutSeconds", request.TimeoutSeconds is not null),
            ("actorId", request.ActorId is not null),
        };
        var refused = given
            .Where(member => member.Given && !(Allows(settings.AllowedOverrides, member.Name) && Allows(served.Settings.Overridable, member.Name)))
            .Select(member => member.Name)
            .ToList();
        if (refused.Count > 0)
        {
            throw new ServiceException(FaultCode.AccessDeniedException, $"An invocation may not override {string.Join(", ", refused)} here.");
        }

        ThrowIfUnservable(served.Harness);
    }

    /// <summary>Everything wrong with a call, whatever harness it is for. <c>Messages</c> may be missing.</summary>
    public IEnumerable<FieldProblem> Problems(InvokeHarnessRequest request) =>
    [
        .. request.Messages is null ? [] : History.Problems(request.Messages),
        .. request.Model is null ? [] : HarnessRules.Model(request.Model, "model"),
        .. HarnessRules.SystemPrompt(request.SystemPrompt, "systemPrompt"),
        .. HarnessRules.Tools(request.Tools, "tools", catalog),
        .. HarnessRules.Skills(request.Skills, "skills"),
        .. HarnessRules.AllowedTools(request.AllowedTools, "allowedTools"),
        .. HarnessRules.Limits(request.MaxIterations, request.MaxTokens, request.TimeoutSeconds),
        .. request.ActorId is { } actor && (actor.Length is 0 or > 255 || actor.Any(char.IsControl)) ? [new FieldProblem("actorId", "must be 1 to 255 characters, none of them a control character")] : Array.Empty<FieldProblem>(),
    ];

    private static IEnumerable<FieldProblem> NotBuilt(ServedHarness served, InvokeHarnessRequest request, IReadOnlyList<HarnessTool> tools)
    {
        var allowed = new AllowedTools(request.AllowedTools ?? served.Harness.AllowedTools);
        for (var i = 0; i < tools.Count; i++)
        {
            var tool = tools[i];
            if (tool.Type != HarnessToolType.InlineFunction && allowed.CanPermitServer(tool.Name!))
            {
                yield return new($"tools[{i}]", $"({tool.Name}) is of a type that this server cannot run yet. Leave it out, or exclude it with allowedTools.");
            }
        }

        if (served.Harness.Skills.Count > 0 || request.Skills is { Count: > 0 })
        {
            yield return new("skills", "names skills, and this server cannot load skills yet. Leave them out.");
        }

        if (served.Harness.Memory?.AgentCoreMemoryConfiguration is not null)
        {
            yield return new("memory.agentCoreMemoryConfiguration", "attaches a memory, and this server has no memory service yet. Disable it; the session's history is kept all the same.");
        }

        if (served.Harness.Memory?.ManagedMemoryConfiguration is not null)
        {
            yield return new("memory.managedMemoryConfiguration", "attaches a memory, and this server has no memory service yet. Disable it; the session's history is kept all the same.");
        }
    }

    private static void Refuse(IEnumerable<FieldProblem> problems)
    {
        if (problems.ToList() is { Count: > 0 } found)
        {
            throw ServiceException.Invalid(found);
        }
    }

    private static IReadOnlyList<string> Texts(IReadOnlyList<HarnessSystemContentBlock> blocks) => [.. blocks.Select(block => block.Text).OfType<string>()];

    private static bool Allows(IReadOnlyList<string>? names, string name) => names is null || names.Contains(name, StringComparer.Ordinal);
}
