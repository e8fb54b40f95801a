using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Doctor;

/// <summary>A model server that answers on this machine.</summary>
/// <param name="Name">Whose usual port it listens on.</param>
/// <param name="Url">Where it listens.</param>
/// <param name="Models">What it says it has; its words.</param>
/// <param name="Create">The command that makes a harness with one of its models; null when it has none that can be named.</param>
internal sealed record LocalModelServer(string Name, Uri Url, IReadOnlyList<string> Models, string? Create)
{
    /// <summary>For programs.</summary>
    public JsonObject ToJson() => new()
    {
        ["name"] = Name,
        ["url"] = Url.GetLeftPart(UriPartial.Authority),
        ["models"] = new JsonArray([.. Models.Select(model => (JsonNode)model)]),
        ["create"] = Create,
    };
}

/// <summary>A program that serves models, and where it usually does.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Port">Its port.</param>
/// <param name="Path">Path that lists its models.</param>
/// <param name="Prefix">Prefix of model ids for it.</param>
internal sealed record LocalModelProgram(string Name, int Port, string Path, string Prefix);

/// <summary>
/// Looks for model servers on the ports that they usually have, on loopback and nowhere else. What answers there may be anything:
/// it gets one request without a key and has little time and room for its answer, whose words are never trusted.
/// </summary>
internal static class LocalModelServers
{
    /// <summary>The programs that are looked for.</summary>
    public static readonly IReadOnlyList<LocalModelProgram> Programs =
    [
        new("Ollama", 11434, "/api/tags", "ollama"),
        new("LM Studio", 1234, "/v1/models", "openai"),
        new("vLLM", 8000, "/v1/models", "hosted_vllm"),
        new("llama.cpp", 8080, "/v1/models", "openai"),
    ];

    private const int MaxBytes = 256 * 1024;
    private const int MaxModels = 100;
    private const int MaxName = 200;
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(300);

    /// <summary>Those that answer, in the order of the programs.</summary>
    /// <param name="programs">What to look for.</param>
    /// <param name="handler">Transport that follows no redirect and uses no proxy.</param>
    /// <param name="time">The clock of the patience.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    public static async Task<IReadOnlyList<LocalModelServer>> FindAsync(
        IReadOnlyList<LocalModelProgram> programs, HttpMessageHandler handler, TimeProvider time, CancellationToken cancellationToken)
    {
        using var http = new HttpClient(handler) { MaxResponseContentBufferSize = MaxBytes, Timeout = Timeout.InfiniteTimeSpan };
        using var patience = new CancellationTokenSource(Patience, time);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        var found = await Task.WhenAll(programs.Select(program => AskAsync(http, program, deadline.Token)));
        cancellationToken.ThrowIfCancellationRequested();
        return [.. found.OfType<LocalModelServer>()];
    }

    /// <summary>Writes what was found, for people.</summary>
    public static void Write(TextWriter output, IReadOnlyList<LocalModelServer> servers)
    {
        foreach (var server in servers)
        {
            var models = server.Models.Count == 0 ? "it has no model yet" : string.Join(", ", server.Models.Take(5)) + (server.Models.Count > 5 ? $" and {server.Models.Count - 5} more" : "");
            output.WriteLine($"model server     {server.Name} at {server.Url.GetLeftPart(UriPartial.Authority)}: {Terminal.OneLine(models, 300)}");
            if (server.Create is not null)
            {
                output.WriteLine($"                   {server.Create}");
            }
        }
    }

    private static async Task<LocalModelServer?> AskAsync(HttpClient http, LocalModelProgram program, CancellationToken cancellationToken)
    {
        var url = new UriBuilder(Uri.UriSchemeHttp, "127.0.0.1", program.Port).Uri;
        try
        {
            using var response = await http.GetAsync(new Uri(url, program.Path), cancellationToken);
            return response.StatusCode == HttpStatusCode.OK && Names(await response.Content.ReadAsByteArrayAsync(cancellationToken)) is { } models
                ? new LocalModelServer(program.Name, url, models, Create(program, url, models))
                : null;
        }
        catch (Exception silence) when (silence is HttpRequestException or OperationCanceledException or IOException)
        {
            // Nobody there, somebody else, or too slow or too long: none of it is a model server that can be used.
            return null;
        }
    }

    // Ollama says {"models":[{"name":…}]}, the others {"data":[{"id":…}]}.
    private static List<string>? Names(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 16 });
            if (document.RootElement is not { ValueKind: JsonValueKind.Object } root
                || !(root.TryGetProperty("models", out var list) && list.ValueKind is JsonValueKind.Array || root.TryGetProperty("data", out list) && list.ValueKind is JsonValueKind.Array))
            {
                return null;
            }

            return [.. list.EnumerateArray().Select(Name).OfType<string>().Take(MaxModels)];
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static string? Name(JsonElement model) =>
        model.ValueKind is JsonValueKind.Object
        && (model.TryGetProperty("id", out var name) || model.TryGetProperty("name", out name))
        && name.ValueKind is JsonValueKind.String && name.GetString() is { Length: > 0 and <= MaxName } text
            ? text
            : null;

    // The line is made to be pasted into a shell, so that a name must be one that no shell reads anything into.
    private static string? Create(LocalModelProgram program, Uri url, List<string> models)
    {
        var named = models.Where(name => name.All(one => char.IsAsciiLetterOrDigit(one) || "._:/@+-".Contains(one, StringComparison.Ordinal))).ToList();
        var model = named.Find(name => !name.Contains("embed", StringComparison.OrdinalIgnoreCase)) ?? named.FirstOrDefault();
        return model is null ? null
            : $"belay create --name local --model-id {program.Prefix}/{model}" + (program.Prefix == "ollama" ? "" : $" --api-base {url.GetLeftPart(UriPartial.Authority)}/v1");
    }
}
