using System.Net.Mime;
using System.Text.Json;
using Belay.Server.Wire;
using Belay.Storage;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Health;

/// <summary>One thing that must be right before a server is given work.</summary>
/// <param name="Name">A word for whoever reads the answer; it tells nothing else.</param>
/// <param name="HoldsAsync">Whether it is right; failing means that it is not.</param>
/// <param name="Shared">Whether askers share an answer, because finding it out costs something.</param>
public sealed record ReadinessCheck(string Name, Func<CancellationToken, Task<bool>> HoldsAsync, bool Shared = true);

/// <summary>
/// <c>/readyz</c>: 200 while the server can do its work, else 503 with the names of the checks that failed. Anybody may ask, so askers
/// share what costs something, at most a second old, and each check has two seconds.
/// </summary>
/// <param name="checks">What must be right.</param>
/// <param name="time">The clock.</param>
public sealed class Readiness(IReadOnlyList<ReadinessCheck> checks, TimeProvider time)
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Task<bool>> _asked = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _askedAt = new(StringComparer.Ordinal);

    /// <summary>The endpoint.</summary>
    public OpenEndpoint Endpoint => new("/readyz", AnswerAsync);

    /// <summary>Names of the checks that do not hold now; empty when the server is ready.</summary>
    public async Task<IReadOnlyList<string>> FailedAsync()
    {
        var held = await Task.WhenAll(checks.Select(HoldsAsync));
        return [.. checks.Zip(held).Where(pair => !pair.Second).Select(pair => pair.First.Name)];
    }

    private async Task<bool> HoldsAsync(ReadinessCheck check)
    {
        try
        {
            return await Ask(check).WaitAsync(Deadline, time);
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    // A check that hangs is asked once, however many wait for it.
    private Task<bool> Ask(ReadinessCheck check)
    {
        lock (_gate)
        {
            if (_asked.TryGetValue(check.Name, out var asked) && (!asked.IsCompleted || check.Shared && time.GetElapsedTime(_askedAt[check.Name]) < Fresh))
            {
                return asked;
            }

            _askedAt[check.Name] = time.GetTimestamp();
            return _asked[check.Name] = AskAsync(check);
        }
    }

    private static async Task<bool> AskAsync(ReadinessCheck check)
    {
        await Task.Yield();
        try
        {
            return await check.HoldsAsync(CancellationToken.None);
        }
        catch (Exception failure) when (failure is StorageException or ObjectDisposedException or IOException or Sandboxes.SandboxException)
        {
            // The asker is a stranger; whoever writes or starts next logs the reason.
            return false;
        }
    }

    private async Task AnswerAsync(HttpContext http)
    {
        var failed = await FailedAsync();
        http.Response.StatusCode = failed.Count == 0 ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        http.Response.ContentType = MediaTypeNames.Application.Json;
        http.Response.Headers.CacheControl = "no-store";
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("status", failed.Count == 0 ? "ready" : "not ready");
            json.WriteStartArray("failed");
            foreach (var name in failed)
            {
                json.WriteStringValue(name);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        await http.Response.Body.WriteAsync(buffer.GetBuffer().AsMemory(0, (int)buffer.Length), http.RequestAborted);
    }
}
