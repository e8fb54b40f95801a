using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Belay.Testing.Models;

namespace Belay.Testing.Providers;

/// <summary>
/// Reads a request of any of the wire formats, which its path names, as strictly as the strictest of those who speak it. Written from
/// the published rules and from nothing of the code under test.
/// </summary>
public static partial class RequestReader
{
    // Strict: no byte that is no UTF-8 passes, and no member that stands there twice.
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private static readonly JsonDocumentOptions Json = new() { MaxDepth = 256, AllowDuplicateProperties = false };

    /// <summary>The call, and every rule that it breaks; null when it cannot be read.</summary>
    /// <param name="request">What arrived.</param>
    /// <param name="number">Number of the call.</param>
    /// <param name="isOwn">Whether the model takes a signature for its own; null for a scripted provider's, which signs by its name.</param>
    public static (ReceivedCall? Call, IReadOnlyList<string> Problems) Read(ProviderRequest request, int number, Func<string, bool>? isOwn = null)
    {
        RequestRules? rules = null;
        try
        {
            var body = JsonElement.Parse(Utf8.GetString(request.Body), Json);
            var (format, modelId) = Format(request, body);
            rules = new RequestRules(modelId, isOwn ?? (signature => signature == Signatures.Of(format, modelId)));
            Require(request, format, rules);
            var asked = format switch
            {
                WireFormat.ChatCompletions => ChatCompletionsReader.Read(body, IsMistral(request), rules),
                WireFormat.Responses => ResponsesReader.Read(body, rules),
                WireFormat.Messages => MessagesReader.Read(body, rules),
                WireFormat.GenerateContent => GenerateContentReader.Read(body, rules),
                WireFormat.Converse => ConverseReader.Read(body, rules),
                _ => throw new System.Diagnostics.UnreachableException(),
            };
            return (new ReceivedCall(number, format, modelId, request, body, asked), rules.Problems);
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            return (null, [.. rules?.Problems ?? [], $"the request cannot be read: {exception.Message}"]);
        }
    }

    /// <summary>Whether a request is for Mistral, by the path that <see cref="ScriptedProviders"/> gives it.</summary>
    public static bool IsMistral(ProviderRequest request) => request.Target.StartsWith("/mistral/", StringComparison.Ordinal);

    /// <summary>The messages of a request as they stand in its body, for comparing requests.</summary>
    public static JsonElement Messages(JsonElement body) =>
        body.TryGetProperty("messages", out var messages) || body.TryGetProperty("contents", out messages) ? messages : body.GetProperty("input");

    private static void Require(ProviderRequest request, WireFormat format, RequestRules rules)
    {
        rules.Require(request.Method == "POST", $"the method is {request.Method}");
        rules.Require(request.Headers.GetValueOrDefault("content-type", "").StartsWith("application/json", StringComparison.Ordinal), "the content type is not JSON");
        rules.Require(format is not WireFormat.Messages || request.Headers.ContainsKey("anthropic-version"), "anthropic-version is missing");
        rules.Require(format is not WireFormat.GenerateContent || request.Target.Contains("alt=sse", StringComparison.Ordinal), "events are not asked for");
        rules.Require(
            format is not WireFormat.Converse || request.Headers.GetValueOrDefault("authorization", "").StartsWith("AWS4-HMAC-SHA256 ", StringComparison.Ordinal), "the request is not signed");
    }

    private static (WireFormat Format, string ModelId) Format(ProviderRequest request, JsonElement body)
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
            return (WireFormat.Messages, body.GetProperty("model").GetString()!);
        }

        if (Generate().Match(path) is { Success: true } generate)
        {
            return (WireFormat.GenerateContent, Uri.UnescapeDataString(generate.Groups[1].Value));
        }

        if (Converse().Match(path) is { Success: true } converse)
        {
            return (WireFormat.Converse, Uri.UnescapeDataString(converse.Groups[1].Value));
        }

        throw new FormatException($"{path} is no path of a format");
    }

    [GeneratedRegex("/models/([^/]+):streamGenerateContent$")]
    private static partial Regex Generate();

    [GeneratedRegex("/model/([^/]+)/converse-stream$")]
    private static partial Regex Converse();
}
