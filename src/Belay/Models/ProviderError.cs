using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Belay.Models;

/// <summary>Reads what a provider says went wrong, in the shapes that providers use, and decides what kind of failure it is.</summary>
internal static class ProviderError
{
    private const int MaxMessage = 1000;
    private const char Cut = '…';
    private const string Hidden = "[redacted]";

    // Fewer characters of a secret tell nothing.
    private const int FewestTelling = 4;

    // What servers say of a conversation that is too long, each at least a part of a text that one of them really sends. None of these words stands
    // in what they say of other mistakes, such as "too many tokens", which also means that one should wait.
    private static readonly string[] TooLong =
    [
        // OpenAI, Azure, DeepSeek, OpenRouter, vLLM, SGLang, LM Studio, Ollama and whoever speaks like them.
        "context_length_exceeded", "context length", "context window", "context_window", "maximum context", "contextwindowexceeded",
        "input tokens exceed the configured limit", "maximum model length",

        // Anthropic, Bedrock and the models behind it.
        "prompt is too long", "input is too long", "too many input tokens", "exceed context limit", "too many total text bytes",
        "input tokens exceeded", "expected maxlength",

        // Gemini and Vertex.
        "input token count", "exceeds the maximum number of tokens", "request payload size exceeds",

        // llama.cpp, TGI, Together.
        "exceed_context_size", "exceeds the available context", "`inputs` must have less than", "`inputs` tokens + `max_new_tokens`",

        // xAI, Groq and Cerebras, Moonshot, Alibaba, Zhipu, Cohere.
        "maximum prompt length", "reduce the length of the messages", "exceeded model token limit", "range of input length should be",
        "prompt exceeds max length", "total number of tokens in the prompt",
    ];

    private static readonly string[] Overloaded =
    [
        "throttl", "rate_limit", "rate limit", "too many requests", "too_many_requests", "overloaded", "unavailable", "capacity",
        "resource_exhausted", "server_error", "internal_error", "internalserver", "timeout", "modelnotready",
    ];

    /// <summary>The failure behind an answer that is not 200.</summary>
    public static ModelException FromResponse(string provider, int status, string? type, ReadOnlySpan<byte> body, TimeSpan? retryAfter)
    {
        var (code, message) = Read(body);
        // `ThrottlingException:http://…` is how some services write the type.
        code = type?.Split(':')[0] ?? code;
        var details = GoogleErrorDetails.Read(body);
        var failure = Classify(status, code, message, details);
        var text = message.Length > 0 ? message : code.Length > 0 ? code : "no explanation";
        return new ModelException(failure, $"{provider}: {Clean(text)} (HTTP {status.ToString(CultureInfo.InvariantCulture)})", retryAfter ?? details.RetryDelay);
    }

    /// <summary>The failure behind an error inside a stream that began with 200.</summary>
    public static ModelException FromStream(string provider, int? status, string code, string message, GoogleErrorDetails details = default)
    {
        var failure = status is { } number ? Classify(number, code, message, details) : ClassifyText(code, message) ?? ModelFailure.Broken;
        var text = message.Length > 0 ? message : code.Length > 0 ? code : "an error without explanation";
        return new ModelException(failure, $"{provider}: {Clean(text)}", details.RetryDelay);
    }

    /// <summary>The failure behind an error object inside a stream.</summary>
    public static ModelException FromStream(string provider, ReadOnlySpan<byte> json)
    {
        var (code, message) = Read(json);
        return FromStream(provider, int.TryParse(code, CultureInfo.InvariantCulture, out var status) && status is >= 400 and < 600 ? status : null, code, message, GoogleErrorDetails.Read(json));
    }

    /// <summary>The same failure without a secret that the provider repeated, also where the end of the message cuts it off.</summary>
    public static ModelException Redacted(ModelException exception, string? secret)
    {
        if (string.IsNullOrEmpty(secret))
        {
            return exception;
        }

        var message = WithoutStart(exception.Message.Replace(secret, Hidden, StringComparison.Ordinal), secret);
        return message == exception.Message ? exception : new ModelException(exception.Failure, message, exception.RetryAfter, exception.InnerException);
    }

    private static string WithoutStart(string message, string secret)
    {
        var cut = message.LastIndexOf(Cut);
        for (var length = Math.Min(secret.Length - 1, cut); length >= FewestTelling; length--)
        {
            if (message.AsSpan(0, cut).EndsWith(secret.AsSpan(0, length), StringComparison.Ordinal))
            {
                return $"{message.AsSpan(0, cut - length)}{Hidden}{message.AsSpan(cut)}";
            }
        }

        return message;
    }

    private static ModelFailure Classify(int status, string code, string message, GoogleErrorDetails details)
    {
        // A single request beyond what a minute allows is refused however long one waits.
        if (status switch { 413 => true, 400 or 422 => IsTooLong(code, message), 429 => Contains(message, "request too large for"), _ => false })
        {
            return ModelFailure.ContextTooLong;
        }

        // A quota that is used up stays used up, whatever the status.
        return status switch
        {
            429 when details.DayIsUsedUp || code.Equals("insufficient_quota", StringComparison.OrdinalIgnoreCase) => ModelFailure.Unavailable,
            408 or 409 or 429 or 500 or 502 or 503 or 504 or 529 => ModelFailure.Throttled,
            >= 500 => ModelFailure.Unavailable,
            _ => ModelFailure.Refused,
        };
    }

    private static ModelFailure? ClassifyText(string code, string message)
    {
        if (IsTooLong(code, message))
        {
            return ModelFailure.ContextTooLong;
        }

        if (code.Equals("insufficient_quota", StringComparison.OrdinalIgnoreCase))
        {
            return ModelFailure.Unavailable;
        }

        if (Contains(code, "invalid_") || Contains(code, "validation"))
        {
            return ModelFailure.Refused;
        }

        return Overloaded.Any(word => Contains(code, word)) ? ModelFailure.Throttled : null;
    }

    private static bool IsTooLong(string code, string message) =>
        TooLong.Any(words => Contains(code, words) || Contains(message, words));

    private static bool Contains(string text, string part) => text.Contains(part, StringComparison.OrdinalIgnoreCase);

    private static (string Code, string Message) Read(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = Contracts.BelayJson.MaxDepth });
            using var document = JsonDocument.ParseValue(ref reader);
            return Read(document.RootElement);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Not JSON: a proxy's page says nothing that a caller can use, a short line of text does.
            var text = Encoding.UTF8.GetString(body[..Math.Min(body.Length, MaxMessage)]).Trim();
            return ("", text.StartsWith('<') ? "" : text);
        }
    }

    private static (string Code, string Message) Read(JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.String:
                return ("", json.GetString()!);
            case JsonValueKind.Array when json.GetArrayLength() > 0:
                return Read(json[0]);
            case JsonValueKind.Object:
                break;
            default:
                return ("", "");
        }

        var code = Member(json, "code", "type", "__type", "status");
        var message = Member(json, "message", "Message", "msg", "originalMessage");
        foreach (var name in (ReadOnlySpan<string>)["error", "errors", "detail"])
        {
            if (message.Length == 0 && json.TryGetProperty(name, out var inner) && inner.ValueKind is not JsonValueKind.Null)
            {
                var (innerCode, innerMessage) = Read(inner);
                (code, message) = (innerCode.Length > 0 ? innerCode : code, innerMessage);
            }
        }

        return (code[(code.LastIndexOf('#') + 1)..], message);
    }

    private static string Member(JsonElement json, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (json.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String or JsonValueKind.Number)
            {
                return value.ToString();
            }
        }

        return "";
    }

    private static string Clean(string text)
    {
        var clean = new StringBuilder(Math.Min(text.Length, MaxMessage) + 1);
        foreach (var one in text)
        {
            if (clean.Length == MaxMessage)
            {
                clean.Append(Cut);
                break;
            }

            clean.Append(char.IsControl(one) ? ' ' : one);
        }

        return clean.ToString().Trim();
    }
}
