using System.Text;
using System.Text.Json;

namespace Belay.Bench;

/// <summary>
/// The floor: the same model calls from the smallest loop that can make them. No sessions, journal, authentication, limits or
/// second hop; the product can approach it, never beat it.
/// </summary>
internal sealed class RawClient(Uri provider) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false, AllowAutoRedirect = false });
    private readonly Uri _completions = new($"{provider}/chat/completions");

    /// <summary>Runs one turn.</summary>
    public async Task TurnAsync(ModelScript script, CancellationToken cancellationToken)
    {
        var (tool, arguments) = script.Call;
        var messages = new StringBuilder("""{"role":"user","content":"Go."}""");
        for (var iteration = 1; iteration <= script.Iterations; iteration++)
        {
            var finish = await CallAsync(script.Name, messages, cancellationToken);
            var expected = iteration < script.Iterations ? "tool_calls" : "stop";
            if (finish != expected)
            {
                throw new InvalidDataException($"Iteration {iteration} ended with {finish}, not with {expected}.");
            }

            messages.Append(
                $$$""",{"role":"assistant","tool_calls":[{"id":"call_{{{iteration - 1}}}","type":"function","function":{"name":"{{{tool}}}","arguments":"{{{arguments}}}"}}]}""");
            messages.Append($$$""",{"role":"tool","tool_call_id":"call_{{{iteration - 1}}}","content":"Unknown tool: {{{tool}}}"}""");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<string?> CallAsync(string model, StringBuilder messages, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, _completions)
        {
            Content = new StringContent($$"""{"model":"{{model}}","stream":true,"messages":[{{messages}}]}""", Encoding.UTF8, "application/json"),
        };
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        response.EnsureSuccessStatusCode();
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        string? finish = null;
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.StartsWith("data: {", StringComparison.Ordinal))
            {
                using var chunk = JsonDocument.Parse(line.AsMemory(6));
                foreach (var choice in chunk.RootElement.GetProperty("choices").EnumerateArray())
                {
                    finish = choice.GetProperty("finish_reason").GetString() ?? finish;
                }
            }
        }

        return finish;
    }
}
