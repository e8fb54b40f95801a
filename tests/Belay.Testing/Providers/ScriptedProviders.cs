using System.Text.Json.Nodes;
using Belay.Models;

namespace Belay.Testing.Providers;

/// <summary>Every provider that a harness can name, led to one scripted provider by the variables of the server's environment.</summary>
public static class ScriptedProviders
{
    /// <summary>One model for each provider, and for each format of those that speak several.</summary>
    public static IReadOnlyList<ScriptedProviderModel> All { get; } =
    [
        .. LiteLlmProviders.All.Select(row => new ScriptedProviderModel(row.Prefix, FormatOf(row), LiteLlm($"{row.Prefix}/{ModelOf(row)}"))),
        new("openai responses", WireFormat.Responses, LiteLlm("openai/responses/scripted")),
        new("azure responses", WireFormat.Responses, LiteLlm("azure/responses/scripted")),
        new("bedrock nova", WireFormat.Converse, Bedrock("amazon.nova-pro-v1:0", "converse_stream")),
        new("bedrock responses", WireFormat.Responses, Bedrock("openai.scripted", "responses")),
        new("bedrock chat completions", WireFormat.ChatCompletions, Bedrock("openai.gpt-oss-scripted", "chat_completions")),
    ];

    /// <summary>One model for each wire format and each dialect of it.</summary>
    public static IReadOnlyList<ScriptedProviderModel> Formats { get; } =
        [.. All.Where(model => model.Name is "openai" or "openai responses" or "mistral" or "anthropic" or "gemini" or "bedrock" or "bedrock nova")];

    /// <summary>The model of a name.</summary>
    public static ScriptedProviderModel Find(string name) => All.Single(model => model.Name == name);

    /// <summary>The variables that lead every provider to a server, each to a path of its own, with a key of its own.</summary>
    /// <param name="server">Where it listens.</param>
    /// <param name="secret">The secret of a variable.</param>
    public static Dictionary<string, string> Environment(Uri server, Func<string, string> secret)
    {
        var variables = new Dictionary<string, string>
        {
            ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = new Uri(server, "/bedrock").ToString(),
            ["AWS_ENDPOINT_URL_BEDROCK_MANTLE"] = new Uri(server, "/mantle").ToString(),
            ["AWS_ACCESS_KEY_ID"] = "AKIASCRIPTEDPROVIDER",
            ["AWS_SECRET_ACCESS_KEY"] = secret("AWS_SECRET_ACCESS_KEY"),
        };
        foreach (var row in LiteLlmProviders.All)
        {
            if (row.BaseUrlVariable is { } place)
            {
                variables[place] = new Uri(server, $"/{row.Prefix}{(row.Format is LiteLlmFormat.GenerateContent ? "/v1beta" : row.Format is LiteLlmFormat.ChatCompletions ? "/v1" : "")}").ToString();
            }

            if (row.KeyVariable is { } key)
            {
                variables[key] = secret(key);
            }
        }

        return variables;
    }

    private static JsonObject LiteLlm(string modelId) => new() { ["liteLlmModelConfig"] = new JsonObject { ["modelId"] = modelId } };

    private static JsonObject Bedrock(string modelId, string format) =>
        new() { ["bedrockModelConfig"] = new JsonObject { ["modelId"] = modelId, ["apiFormat"] = format } };

    private static WireFormat FormatOf(LiteLlmProvider row) => row.Format switch
    {
        LiteLlmFormat.Messages => WireFormat.Messages,
        LiteLlmFormat.GenerateContent => WireFormat.GenerateContent,
        LiteLlmFormat.Converse => WireFormat.Converse,
        _ => WireFormat.ChatCompletions,
    };

    private static string ModelOf(LiteLlmProvider row) => row.Format switch
    {
        LiteLlmFormat.Messages => "claude-scripted",
        LiteLlmFormat.GenerateContent => "gemini-3-scripted",
        LiteLlmFormat.Converse => "anthropic.claude-scripted-v1:0",
        _ => "scripted",
    };
}

/// <summary>A model behind a provider.</summary>
/// <param name="Name">Name of the provider, and of the format where it speaks several.</param>
/// <param name="Format">Format that it is asked in.</param>
/// <param name="Configuration">The model configuration of a harness or a call that leads to it.</param>
public sealed record ScriptedProviderModel(string Name, WireFormat Format, JsonObject Configuration);
