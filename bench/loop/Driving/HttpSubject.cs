using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Belay.Bench.Loop.Processes;
using Belay.Bench.Loop.Provider;

namespace Belay.Bench.Loop.Driving;

/// <summary>A server that is driven over HTTP. What differs is how a request looks and how the stream of the answer is cut.</summary>
internal abstract class HttpSubject(string name, ChildProcess process) : ISubject, IDisposable
{
    private static readonly MediaTypeHeaderValue Json = new("application/json");
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false, AllowAutoRedirect = false, MaxConnectionsPerServer = 1024 })
    {
        Timeout = TimeSpan.FromSeconds(100),
    };

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public int? ProcessId => process.Id;

    /// <summary>Where it listens.</summary>
    protected Uri Address => process.Address;

    /// <inheritdoc/>
    public async Task<TurnTimes> TurnAsync(string session, Script script, Input input, CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        using var request = Request(session, script, input);
        request.Content!.Headers.ContentType = Json;
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw new WrongAnswerException($"{Name} answered {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(cancellationToken)}");
        }

        var (answer, first) = (new Answer(), 0L);
        var buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
            var length = 0;
            while (await stream.ReadAsync(buffer.AsMemory(length), cancellationToken) is var read and > 0)
            {
                length += read;
                var taken = Take(buffer.AsSpan(0, length), answer);
                first = first == 0 && answer.Begun ? Stopwatch.GetTimestamp() : first;
                buffer.AsSpan(taken, length - taken).CopyTo(buffer);
                length -= taken;
                if (length == buffer.Length)
                {
                    throw new WrongAnswerException($"{Name} sent an event of more than {length} bytes.");
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        var total = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        return answer.Stop == "end_turn" && answer.Text.WrittenCount == script.AnswerLength
            ? new(Stopwatch.GetElapsedTime(begun, first).TotalMilliseconds, total, Script.Seen(answer.Text.WrittenSpan))
            : throw new WrongAnswerException(
                $"{Name} ended with {answer.Stop ?? "no stop reason"} and {answer.Text.WrittenCount} characters, not {script.AnswerLength}: {Encoding.UTF8.GetString(answer.Text.WrittenSpan)} {answer.Fault}");
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    /// <summary>The request of a turn.</summary>
    protected abstract HttpRequestMessage Request(string session, Script script, Input input);

    /// <summary>Takes whole events from the front; answers how many bytes that were.</summary>
    protected abstract int Take(ReadOnlySpan<byte> bytes, Answer answer);

    /// <summary>What was understood of the answer so far.</summary>
    protected sealed class Answer
    {
        public ArrayBufferWriter<byte> Text { get; } = new(512);

        public bool Begun { get; set; }

        public string? Stop { get; set; }

        public string? Fault { get; set; }

        /// <summary>Adds what stands between quotes behind a marker. The model's text needs no escapes.</summary>
        public bool AddText(ReadOnlySpan<byte> json, ReadOnlySpan<byte> marker)
        {
            if (Between(json, marker) is not { IsEmpty: false } text)
            {
                return false;
            }

            Begun = true;
            Text.Write(text);
            return true;
        }

        public static ReadOnlySpan<byte> Between(ReadOnlySpan<byte> json, ReadOnlySpan<byte> marker)
        {
            var at = json.IndexOf(marker);
            if (at < 0)
            {
                return default;
            }

            json = json[(at + marker.Length)..];
            return json[..json.IndexOf((byte)'"')];
        }
    }
}
