using System.Net.Security;
using System.Text;
using Belay.Testing.Clients;

namespace Belay.Bench.Attacks;

/// <summary>
/// What must not suffer: GetHarness and a short InvokeHarness in turn, at a steady pace whatever the answers, every tenth on a
/// connection of its own. Time counts from when a request was due.
/// </summary>
internal sealed class GoodClient(Target target, string harnessId, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(50);
    private readonly HttpClient _http = Http(target);
    private int _sessions;

    /// <summary>Works for a time and says how it went.</summary>
    public async Task<Sample> RunAsync(TimeSpan duration, CancellationToken cancellationToken)
    {
        var sample = new Sample();
        var running = new List<Task>();
        var start = time.GetTimestamp();
        for (var i = 0; Pace * i < duration; i++)
        {
            var due = Pace * i;
            var wait = due - time.GetElapsedTime(start);
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, time, cancellationToken);
            }

            running.Add(OneAsync(sample, invoke: i % 2 == 1, fresh: i % 10 >= 8, start, due, cancellationToken));
        }

        await Task.WhenAll(running);
        return sample;
    }

    public void Dispose() => _http.Dispose();

    private async Task OneAsync(Sample sample, bool invoke, bool fresh, long start, TimeSpan due, CancellationToken cancellationToken)
    {
        var http = fresh ? Http(target) : _http;
        try
        {
            var body = invoke ? Encoding.UTF8.GetBytes(HarnessClient.UserText("Hello.").ToJsonString()) : [];
            using var request = new HttpRequestMessage(
                invoke ? HttpMethod.Post : HttpMethod.Get, new Uri($"{(target.Tls ? "https" : "http")}://127.0.0.1:{target.Port}{(invoke ? target.InvokePath : $"/harnesses/{harnessId}")}"))
            {
                Version = target.Tls ? new Version(2, 0) : new Version(1, 1),
            };
            if (invoke)
            {
                request.Content = new ByteArrayContent(body);
                request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
                request.Headers.Add("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", $"good-{Environment.ProcessId:D10}-{Interlocked.Increment(ref _sessions):D20}");
            }

            new SigV4(target.KeyId, target.Secret, target.Region, TimeProvider.System).Sign(request, body);
            using var response = await http.SendAsync(request, cancellationToken);
            var text = await response.Content.ReadAsStringAsync(cancellationToken);
            if (!response.IsSuccessStatusCode || (invoke && !text.Contains("end_turn", StringComparison.Ordinal)))
            {
                sample.Fail($"{(int)response.StatusCode} {text[..Math.Min(120, text.Length)]}");
                return;
            }

            sample.Add((time.GetElapsedTime(start) - due).TotalMilliseconds);
        }
        catch (Exception cause) when (cause is HttpRequestException or IOException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            sample.Fail(cause.Message);
        }
        finally
        {
            if (fresh)
            {
                http.Dispose();
            }
        }
    }

    private static HttpClient Http(Target target) => new(new SocketsHttpHandler
    {
        UseProxy = false,
        UseCookies = false,
        SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate!.Subject == "CN=localhost" },
    })
    {
        Timeout = TimeSpan.FromSeconds(30),
    };
}

/// <summary>How a client fared.</summary>
internal sealed class Sample
{
    private readonly Lock _gate = new();
    private readonly List<double> _milliseconds = [];
    private readonly List<string> _failures = [];

    public int Failures => _failures.Count;

    public string? FirstFailure => _failures.FirstOrDefault();

    public int Count => _milliseconds.Count;

    public void Add(double milliseconds)
    {
        lock (_gate)
        {
            _milliseconds.Add(milliseconds);
        }
    }

    public void Fail(string why)
    {
        lock (_gate)
        {
            _failures.Add(why);
        }
    }

    public double Percentile(double part) => _milliseconds.Count == 0 ? double.NaN : _milliseconds.Order().ElementAt((int)(part * (_milliseconds.Count - 1)));
}
