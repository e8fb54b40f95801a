using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Contracts;

namespace Belay.Cli.CommandLine;

/// <summary>Option values that are JSON, or a short form of it, or <c>file://PATH</c> for a file that holds either.</summary>
internal static class JsonOption
{
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = BelayJson.MaxDepth };

    /// <summary>A JSON value.</summary>
    public static JsonNode Parse(string option, string value, CliHost host)
    {
        var text = Text(option, value, host);
        try
        {
            return JsonNode.Parse(text, documentOptions: Strict) ?? throw CliException.Usage($"{option} is JSON null; leave the option out instead.");
        }
        catch (JsonException cause)
        {
            throw CliException.Usage(
                $"{option} is not JSON: {Where(cause)}.",
                $"Put it in single quotes, or in a file: {option} file://PATH");
        }
    }

    /// <summary>A JSON list, or words separated by commas.</summary>
    public static JsonArray List(string option, string value, CliHost host)
    {
        var text = Text(option, value, host);
        if (!text.AsSpan().TrimStart().StartsWith("["))
        {
            return [.. text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(word => (JsonNode)word)];
        }

        return Parse(option, text, host) as JsonArray ?? throw CliException.Usage($"{option} must be a JSON list.");
    }

    /// <summary>A JSON object of texts, or <c>KEY=VALUE</c> pairs separated by commas.</summary>
    public static JsonObject Map(string option, string value, CliHost host)
    {
        var text = Text(option, value, host);
        if (text.AsSpan().TrimStart().StartsWith("{"))
        {
            return Parse(option, text, host).AsObject();
        }

        var map = new JsonObject();
        foreach (var pair in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
            {
                throw CliException.Usage($"{option} must be a JSON object or KEY=VALUE pairs separated by commas; \"{pair}\" is neither.");
            }

            map[pair[..equals]] = pair[(equals + 1)..];
        }

        return map;
    }

    /// <summary>The value itself, or the content of the file that it names.</summary>
    public static string Text(string option, string value, CliHost host)
    {
        const string Scheme = "file://";
        if (!value.StartsWith(Scheme, StringComparison.Ordinal))
        {
            return value;
        }

        var path = Path.GetFullPath(value[Scheme.Length..], host.WorkingDirectory);
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw CliException.Usage($"{option}: cannot read {path}: {(File.Exists(path) ? "no permission" : "no such file")}.");
        }
    }

    private static string Where(JsonException cause) =>
        cause.BytePositionInLine is { } position ? $"line {cause.LineNumber + 1}, character {position + 1}" : "it ends too early";
}
