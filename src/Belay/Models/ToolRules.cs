using System.Text.Json;
using System.Text.RegularExpressions;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Models.Anthropic;
using Belay.Models.Bedrock;
using Belay.Models.OpenAi;
using Belay.Models.Scripted;
using Belay.Tools;
using Belay.Tools.Schemas;

namespace Belay.Models;

/// <summary>
/// What a provider refuses in the schema of a tool, beyond what is no JSON Schema at all. It is known from a model's configuration alone, so
/// that it is said when a harness is made, and not by the provider in the middle of a conversation. Whatever can be written in another way
/// that means the same is no problem: the request does that.
/// </summary>
/// <param name="Name">What messages call whoever refuses it.</param>
internal sealed partial record ToolRules(string Name)
{
    private static readonly ToolRules Anybody = new("");
    private static readonly ToolRules OpenAi = new("OpenAI") { NotAtRoot = ["oneOf", "anyOf", "allOf", "enum", "not"] };
    private static readonly ToolRules Claude = new("Claude") { NotAtRoot = ["oneOf", "anyOf", "allOf"], PlainProperties = true };
    private static readonly ToolRules Nova = new("Amazon Nova") { BareRoot = true };
    private static readonly ToolRules Gemini = new("Gemini") { FiniteRequired = true };

    /// <summary>Keywords that the root may not have.</summary>
    public IReadOnlyList<string> NotAtRoot { get; init; } = [];

    /// <summary>Whether properties of the root have names of at most 64 letters, digits, <c>_</c>, <c>.</c> and <c>-</c>.</summary>
    public bool PlainProperties { get; init; }

    /// <summary>Whether the root holds nothing but its properties, and nothing refers to anything.</summary>
    public bool BareRoot { get; init; }

    /// <summary>Whether a schema may contain itself only in properties that may be left out.</summary>
    public bool FiniteRequired { get; init; }

    /// <summary>
    /// Everything about the tools of a harness or invocation that its model, or one that takes over from it, could not be told; those left out that the
    /// patterns exclude.
    /// </summary>
    /// <param name="model">The model's configuration; null where it is not known yet.</param>
    /// <param name="tools">The entries, with their names.</param>
    /// <param name="allowedTools">Patterns of the tools in force.</param>
    /// <param name="path">Where the entries stand in the request.</param>
    public static IEnumerable<FieldProblem> Problems(HarnessModelConfiguration? model, IReadOnlyList<HarnessTool> tools, IReadOnlyList<string> allowedTools, string path)
    {
        var allowed = new AllowedTools(allowedTools);
        var rules = model is null ? [Anybody] : ModelFallbacks.Of(model, "model").Select(fallback => Of(fallback.Fallback)).Prepend(Of(model)).Distinct().ToList();
        for (var i = 0; i < tools.Count; i++)
        {
            if (tools[i] is not { Name: { } name, Config.InlineFunction.InputSchema: { ValueKind: JsonValueKind.Object } schema } || !allowed.Permits(name, name))
            {
                continue;
            }

            var at = $"{path}[{i}].config.inlineFunction.inputSchema";
            var problems = SchemaCheck.Problems(schema, at);
            var plain = problems.Count > 0 ? default : ToolSchema.Plain(schema);
            foreach (var problem in problems.Count > 0 ? problems : rules.SelectMany(one => one.Problems(plain, at)))
            {
                yield return problem;
            }
        }
    }

    /// <summary>The rules of whoever serves a model.</summary>
    public static ToolRules Of(HarnessModelConfiguration? model) => model switch
    {
        { BedrockModelConfig: { ModelId: not null } bedrock } => Of(bedrock),
        { OpenAiModelConfig: not null } => OpenAi,
        { GeminiModelConfig: not null } => Gemini,
        { LiteLlmModelConfig: { ModelId: { } id } lite } when id != ScriptedModel.Id => OfPrefix(lite),
        _ => Anybody,
    };

    /// <summary>What this provider refuses in a schema that is sound and plain.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="path">Where it stands in the request.</param>
    public IEnumerable<FieldProblem> Problems(JsonElement schema, string path)
    {
        foreach (var keyword in NotAtRoot.Where(keyword => schema.TryGetProperty(keyword, out _)))
        {
            yield return new($"{path}.{keyword}", $"must not stand at the root for {Name}; put it into a property.");
        }

        if (PlainProperties && schema.TryGetProperty("properties", out var properties) && properties.ValueKind is JsonValueKind.Object)
        {
            foreach (var property in properties.EnumerateObject().Where(property => !PropertyName().IsMatch(property.Name)).Take(10))
            {
                yield return new(
                    $"{path}.properties{SchemaCheck.Steps(SchemaReferences.Below("", property.Name))}", $"must have a name of 1 to 64 letters, digits, '_', '.' and '-' for {Name}.");
            }
        }

        if (BareRoot && InlinedSchema.Problem(schema) is { } refused)
        {
            yield return refused == "$ref"
                ? new(path, $"must have no references for {Name}, or such as can be written out: to schemas that do not contain themselves and are not too many.")
                : new($"{path}{SchemaCheck.Steps(SchemaReferences.Below("", refused))}", $"must not stand at the root for {Name}, which reads type, properties and required there.");
        }

        if (FiniteRequired && SchemaCycles.Find(schema, required: true) is { } place)
        {
            yield return new($"{path}{SchemaCheck.Steps(place)}", $"contains itself, which {Name} takes only in a property that is not required.");
        }
    }

    private static ToolRules Of(HarnessBedrockModelConfig bedrock) =>
        bedrock.ModelId == ScriptedModel.Id ? Anybody
        : bedrock.ApiFormat is null or HarnessBedrockApiFormat.ConverseStream ? OfConverse(bedrock.ModelId)
        : OpenAi;

    private static ToolRules OfConverse(string modelId) => BedrockRequest.Family(modelId) switch
    {
        "anthropic" => Claude,
        BedrockRequest.Nova => Nova,
        _ => Anybody,
    };

    // Servers that imitate OpenAI are mostly less strict, and say so themselves where they are not.
    private static ToolRules OfPrefix(HarnessLiteLlmModelConfig lite)
    {
        var (prefix, modelId) = ModelCatalog.Split(lite.ModelId);
        return LiteLlmProviders.Find(prefix) switch
        {
            { Format: LiteLlmFormat.Converse } => OfConverse(modelId),
            { Format: LiteLlmFormat.Messages } when AnthropicRequest.Family(modelId) == "claude" => Claude,
            { Format: LiteLlmFormat.GenerateContent } => Gemini,
            { Dialect.MaxTokens: OpenAiDialect.MaxCompletionTokens } when lite.ApiBase is null => OpenAi,
            _ => Anybody,
        };
    }

    [GeneratedRegex(@"^[a-zA-Z0-9_.-]{1,64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex PropertyName();
}
