using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Validation;

namespace Belay.Models;

/// <summary>What of ours rides in a model configuration, above all the models that take over when it fails. Pure.</summary>
internal static class ModelFallbacks
{
    private const string Fallbacks = "fallbacks";

    /// <summary>Reads and checks our own parameters. What is not known is refused, since ignoring it would promise what does not happen.</summary>
    /// <param name="value">What stands under <c>belay</c>.</param>
    /// <param name="path">Where it stands, for messages.</param>
    /// <param name="problems">Receives everything that is wrong.</param>
    public static BelayModelParameters ReadParameters(JsonElement value, string path, List<FieldProblem> problems)
    {
        if (value.ValueKind is not JsonValueKind.Object)
        {
            problems.Add(new FieldProblem(path, "must be a JSON object"));
            return BelayModelParameters.None;
        }

        var before = problems.Count;
        var shape = Shape.Of(BelayJson.Default.BelayModelParameters);
        problems.AddRange(value.EnumerateObject()
            .Where(member => shape.Find(member) is null)
            .Select(member => new FieldProblem($"{path}.{member.Name}", $"is not known; known are {string.Join(" and ", shape.Members.Select(known => known.Name))}")));
        problems.AddRange(ShapeValidator.Validate(BelayJson.Default.BelayModelParameters, value).Select(problem => problem with { Name = $"{path}.{problem.Name}" }));
        if (problems.Count > before)
        {
            return BelayModelParameters.None;
        }

        var read = value.Deserialize(BelayJson.Default.BelayModelParameters)!; // An object.
        foreach (var (fallback, at) in Each(read, path))
        {
            var (member, additional) = AdditionalOf(fallback);
            if (Own(additional) is { ValueKind: JsonValueKind.Object } own && own.TryGetProperty(Fallbacks, out _))
            {
                problems.Add(new($"{at}.{member}.additionalParams.{BelayModelParameters.Member}.{Fallbacks}", "must be left out: a fallback has no fallbacks of its own"));
            }
        }

        return problems.Count > before ? BelayModelParameters.None : read;
    }

    /// <summary>The fallbacks of a configuration whose parameters have been checked, each with where it stands.</summary>
    /// <param name="configuration">The configuration.</param>
    /// <param name="path">Where that stands.</param>
    public static IEnumerable<(HarnessModelConfiguration Fallback, string Path)> Of(HarnessModelConfiguration configuration, string path)
    {
        var (member, additional) = AdditionalOf(configuration);
        var below = $"{path}.{member}.additionalParams.{BelayModelParameters.Member}";
        return Own(additional) is { } own ? Each(ReadParameters(own, below, []), below) : [];
    }

    /// <summary>A model together with those that take over from it, every problem of all of them named at once.</summary>
    /// <param name="configuration">What configures them.</param>
    /// <param name="resolve">Finds one model, and names its problems below <c>model</c>.</param>
    /// <exception cref="ServiceException">One of them cannot be served.</exception>
    public static ResolvedModel Resolve(HarnessModelConfiguration configuration, Func<HarnessModelConfiguration, ResolvedModel> resolve)
    {
        const string Root = "model";
        var fallbacks = Of(configuration, Root).ToList();
        if (fallbacks.Count == 0)
        {
            return resolve(configuration);
        }

        var problems = new List<FieldProblem>();
        ServiceException? other = null;
        var model = Try(configuration, Root);
        var resolved = fallbacks.Select(fallback => Try(fallback.Fallback, fallback.Path)).ToList();
        return problems.Count > 0 ? throw ServiceException.Invalid(problems)
            : other is not null ? throw other
            : model! with { Fallbacks = [.. resolved.OfType<ResolvedModel>()] }; // Nothing was wrong.

        ResolvedModel? Try(HarnessModelConfiguration one, string path)
        {
            try
            {
                return resolve(one);
            }
            catch (ServiceException fault) when (fault.Fields.Count > 0)
            {
                problems.AddRange(fault.Fields.Select(field => field with { Name = path + field.Name[Root.Length..] }));
            }
            catch (ServiceException fault)
            {
                other ??= path == Root ? fault : new(fault.Code, $"{path}: {fault.Message}", fault);
            }

            return null;
        }
    }

    private static IEnumerable<(HarnessModelConfiguration Fallback, string Path)> Each(BelayModelParameters parameters, string path) =>
        (parameters.Fallbacks ?? []).Select((fallback, i) => (fallback, $"{path}.{Fallbacks}[{i}]"));

    private static JsonElement? Own(JsonElement? additional) =>
        additional is { ValueKind: JsonValueKind.Object } members && members.TryGetProperty(BelayModelParameters.Member, out var own) ? own : null;

    private static (string Member, JsonElement? Additional) AdditionalOf(HarnessModelConfiguration configuration) => configuration switch
    {
        { BedrockModelConfig: { } bedrock } => ("bedrockModelConfig", bedrock.AdditionalParams),
        { OpenAiModelConfig: { } openAi } => ("openAiModelConfig", openAi.AdditionalParams),
        { GeminiModelConfig: { } gemini } => ("geminiModelConfig", gemini.AdditionalParams),
        { LiteLlmModelConfig: { } liteLlm } => ("liteLlmModelConfig", liteLlm.AdditionalParams),
        _ => ("", null),
    };
}
