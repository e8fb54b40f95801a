using System.Buffers;
using System.IO.Pipelines;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Belay.Bench.Loop.Floor;

/// <summary>
/// The floor: the same model calls from the smallest loop that can make them. No session store, journal, authentication or limits;
/// the product can approach it, never beat it.
/// </summary>
internal sealed class RawLoop(Uri provider) : IDisposable
{
    private static readonly MediaTypeHeaderValue Json = new("application/json");
    private static readonly byte[] Tools =
        """{"type":"function","function":{"name":"add","description":"Add two numbers","parameters":{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"number"}},"required":["a","b"]}}}"""u8.ToArray();

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false, AllowAutoRedirect = false, MaxConnectionsPerServer = 1024 });
    private readonly Uri _completions = new(provider, "/v1/chat/completions");

    /// <summary>A message of the conversation, as it is sent.</summary>
    public static byte[] Message(string role, string text) =>
        Encoding.UTF8.GetBytes($$"""{"role":"{{role}}","content":{{JsonSerializer.Serialize(text, PlainJson.Default.String)}}}""");

    /// <summary>Runs one turn, which ends with the answer's bytes. The conversation grows.</summary>
    public async Task<byte[]> TurnAsync(string model, List<byte[]> messages, Action first, CancellationToken cancellationToken)
    {
        while (true)
        {
            var reply = await CallAsync(model, messages, first, cancellationToken);
            if (reply.CallId is null)
            {
                messages.Add(Encoding.UTF8.GetBytes($$"""{"role":"assistant","content":"{{Encoding.UTF8.GetString(reply.Text.WrittenSpan)}}"}"""));
                return reply.Text.WrittenSpan.ToArray();
            }

            var arguments = Encoding.UTF8.GetString(reply.Arguments.WrittenSpan);
            messages.Add(Encoding.UTF8.GetBytes(
                $$$"""{"role":"assistant","content":null,"tool_calls":[{"id":"{{{reply.CallId}}}","type":"function","function":{"name":"{{{reply.Tool}}}","arguments":{{{JsonSerializer.Serialize(arguments, PlainJson.Default.String)}}}}}]}"""));
            messages.Add(Encoding.UTF8.GetBytes($$"""{"role":"tool","tool_call_id":"{{reply.CallId}}","content":"{{Add(arguments)}}"}"""));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static double Add(string arguments)
    {
        using var parsed = JsonDocument.Parse(arguments);
        return parsed.RootElement.TryGetProperty("a", out var a) ? a.GetDouble() + parsed.RootElement.GetProperty("b").GetDouble() : 0;
    }

    private async Task<Reply> CallAsync(string model, List<byte[]> messages, Action first, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, _completions) { Content = new ReadOnlyMemoryContent(Body(model, messages)) };
        request.Content.Headers.ContentType = Json;
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        response.EnsureSuccessStatusCode();
        var pipe = PipeReader.Create(await response.Content.ReadAsStreamAsync(cancellationToken));
        var reply = new Reply();
        while (true)
        {
            var read = await pipe.ReadAsync(cancellationToken);
            var before = reply.Text.WrittenCount;
            var rest = reply.Take(read.Buffer);
            if (before == 0 && reply.Text.WrittenCount > 0)
            {
                first();
            }

            pipe.AdvanceTo(rest, read.Buffer.End);
            if (read.IsCompleted)
            {
                return reply.Finished ? reply : throw new InvalidDataException("The reply has no finish reason.");
            }
        }
    }

    private static ReadOnlyMemory<byte> Body(string model, List<byte[]> messages)
    {
        var body = new ArrayBufferWriter<byte>(4096);
        body.Write(Encoding.UTF8.GetBytes($$"""{"model":"{{model}}","stream":true,"tools":["""));
        body.Write(Tools);
        body.Write("],\"messages\":["u8);
        for (var i = 0; i < messages.Count; i++)
        {
            if (i > 0)
            {
                body.Write(","u8);
            }

            body.Write(messages[i]);
        }

        body.Write("]}"u8);
        return body.WrittenMemory;
    }

    private sealed class Reply
    {
        public ArrayBufferWriter<byte> Text { get; } = new(256);

        public ArrayBufferWriter<byte> Arguments { get; } = new(64);

        public string? CallId { get; private set; }

        public string? Tool { get; private set; }

        public bool Finished { get; private set; }

        /// <summary>Takes whole lines; answers where the rest begins.</summary>
        public SequencePosition Take(ReadOnlySequence<byte> bytes)
        {
            while (bytes.PositionOf((byte)'\n') is { } end)
            {
                var line = bytes.Slice(0, end);
                if (line.Length > 6 && line.FirstSpan.StartsWith("data: {"u8))
                {
                    Event(line.Slice(6));
                }

                bytes = bytes.Slice(bytes.GetPosition(1, end));
            }

            return bytes.Start;
        }

        private void Event(ReadOnlySequence<byte> json)
        {
            var reader = new Utf8JsonReader(json);
            while (reader.Read())
            {
                if (reader.TokenType != JsonTokenType.PropertyName)
                {
                    continue;
                }

                if (reader.ValueTextEquals("usage"u8))
                {
                    return;
                }

                if (reader.ValueTextEquals("content"u8))
                {
                    Copy(ref reader, Text);
                }
                else if (reader.ValueTextEquals("arguments"u8))
                {
                    Copy(ref reader, Arguments);
                }
                else if (reader.ValueTextEquals("name"u8))
                {
                    reader.Read();
                    Tool = reader.GetString();
                }
                else if (reader.CurrentDepth > 4 && reader.ValueTextEquals("id"u8))
                {
                    reader.Read();
                    CallId = reader.GetString();
                }
                else if (reader.ValueTextEquals("finish_reason"u8))
                {
                    reader.Read();
                    Finished |= reader.TokenType == JsonTokenType.String;
                }
            }
        }

        private static void Copy(ref Utf8JsonReader reader, ArrayBufferWriter<byte> into)
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.String)
            {
                into.Advance(reader.CopyString(into.GetSpan((int)Math.Max(reader.ValueSpan.Length, reader.HasValueSequence ? reader.ValueSequence.Length : 0))));
            }
        }
    }
}
