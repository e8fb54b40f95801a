using System.Text.Json;
using System.Text.RegularExpressions;
using Belay.Testing.Models;

namespace Belay.Testing.Providers;

/// <summary>Reads a request of any of the wire formats, which its path names.</summary>
internal static partial class RequestReader
{
    /// <summary>The call, or why there is none.</summary>
    public static (ReceivedCall? Call, IReadOnlyList<string> Problems) Read(ProviderRequest request, int number)
    {
        var rules = new RequestRules();
        try
        {
            var body = JsonElement.Parse(request.Body);
            rules.Require(request.Method == "POST", $"the method is {request.Method}");
            rules.Require(request.Headers.GetValueOrDefault("content-type", "").StartsWith("application/json", StringComparison.Ordinal), "the content type is not JSON");
            var (format, modelId) = Format(request, body, rules);
            var asked = format switch
            {
                WireFormat.ChatCompletions => ChatCompletionsReader.Read(body, IsMistral(request), rules),
                WireFormat.Responses => ResponsesReader.Read(body, rules),
                WireFormat.Messages => MessagesReader.Read(body, rules),
                WireFormat.GenerateContent => GenerateContentReader.Read(body, modelId, rules),
                WireFormat.Converse => ConverseReader.Read(body, modelId, rules),
                _ => throw new System.Diagnostics.UnreachableException(),
            };
            return (new ReceivedCall(number, format, modelId, request, body, asked), rules.Problems);
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return (null, [.. rules.Problems, $"the request cannot be read: {exception.Message}"]);
        }
    }

    /// <summary>Whether a request is for Mistral, by the path that <see cref="ScriptedProviders"/> gives it.</summary>
    public static bool IsMistral(ProviderRequest request) => request.Target.StartsWith("/mistral/", StringComparison.Ordinal);

    private static (WireFormat Format, string ModelId) Format(ProviderRequest request, JsonElement body, RequestRules rules)
    {
        var path = request.Target.Split('?')[0];
        if (path.EndsWith("/chat/completions", StringComparison.Ordinal))
        {
            return (WireFormat.ChatCompletions, body.GetProperty("model").GetString()!);
        }

        if (path.EndsWith("/responses", StringComparison.Ordinal))
        {
            return (WireFormat.Responses, body.GetProperty("model").GetString()!);
        }

        if (path.EndsWith("/v1/messages", StringComparison.Ordinal))
        {
            rules.Require(request.Headers.ContainsKey("anthropic-version"), "anthropic-version is missing");
            return (WireFormat.Messages, body.GetProperty("model").GetString()!);
        }

        if (Generate().Match(path) is { Success: true } generate)
        {
            rules.Require(request.Target.Contains("alt=sse", StringComparison.Ordinal), "events are not asked for");
            return (WireFormat.GenerateContent, Uri.UnescapeDataString(generate.Groups[1].Value));
        }

        if (Converse().Match(path) is { Success: true } converse)
        {
            rules.Require(request.Headers.GetValueOrDefault("authorization", "").StartsWith("AWS4-HMAC-SHA256 ", StringComparison.Ordinal), "the request is not signed");
            return (WireFormat.Converse, Uri.UnescapeDataString(converse.Groups[1].Value));
        }

        throw new FormatException($"{path} is no path of a format");
    }

    [GeneratedRegex("/models/([^/]+):streamGenerateContent$")]
    private static partial Regex Generate();

    [GeneratedRegex("/model/([^/]+)/converse-stream$")]
    private static partial Regex Converse();
}
