using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Belay.Models;

/// <summary>Reads what a provider says went wrong, in the shapes that providers use, and decides what kind of failure it is.</summary>
internal static class ProviderError
{
    private const int MaxMessage = 1000;

    private static readonly string[] TooLong =
    [
        "context_length_exceeded", "context length", "context window", "context_window", "maximum context", "prompt is too long",
        "input is too long", "too many input tokens", "exceed_context_size", "exceeds the maximum number of tokens",
        "exceeds the available context", "exceed context limit", "input token count",
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

    /// <summary>The same failure without a secret that the provider repeated.</summary>
    public static ModelException Redacted(ModelException exception, string? secret) =>
        string.IsNullOrEmpty(secret) || !exception.Message.Contains(secret, StringComparison.Ordinal)
            ? exception
            : new ModelException(exception.Failure, exception.Message.Replace(secret, "[redacted]", StringComparison.Ordinal), exception.RetryAfter, exception.InnerException);

    private static ModelFailure Classify(int status, string code, string message, GoogleErrorDetails details)
    {
        if (status is 400 or 413 or 422 && (status == 413 || IsTooLong(code, message)))
        {
            return ModelFailure.ContextTooLong;
        }

        // A quota that is used up stays used up, whatever the status.
        return status switch
        {
            429 when details.DayIsUsedUp || code.Equals("insufficient_quota", StringComparison.OrdinalIgnoreCase) => ModelFailure.Refused,
            408 or 409 or 429 or 500 or 502 or 503 or 504 or 529 => ModelFailure.Throttled,
            _ => ModelFailure.Refused,
        };
    }

    private static ModelFailure? ClassifyText(string code, string message)
    {
        if (IsTooLong(code, message))
        {
            return ModelFailure.ContextTooLong;
        }

        if (code.Equals("insufficient_quota", StringComparison.OrdinalIgnoreCase) || Contains(code, "invalid_") || Contains(code, "validation"))
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
                clean.Append('…');
                break;
            }

            clean.Append(char.IsControl(one) ? ' ' : one);
        }

        return clean.ToString().Trim();
    }
}
