using System.Text;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models.OpenAi;

namespace Belay.Models;

/// <summary>
/// A model call that leaves the process nowhere: the real client, over a stream that answers by itself. What it runs has its code and its types
/// ready when the first invocation calls its model.
/// </summary>
public static class ModelRehearsal
{
    private const string Answer = """
        data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"ready"},"finish_reason":null}]}

        data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}

        data: [DONE]


        """;

    /// <summary>Makes the call and forgets the answer.</summary>
    public static async Task RunAsync(ModelSettings settings, TimeProvider time)
    {
        var handler = ModelEndpoint.CreateHandler(settings);
        handler.ConnectCallback = (_, _) => ValueTask.FromResult<Stream>(new SelfAnswering());
        using var connection = new ModelConnection(handler, settings, time);
        var model = new OpenAiModel(connection, new OpenAiTarget("rehearsal", new Uri("http://localhost/v1"), ApiKey: null, "max_tokens"));
        var request = new ModelRequest
        {
            System = ["Say ready."],
            Messages = [new Message(HarnessConversationRole.User, [new Block.Text("Are you ready?")])],
            Tools = [],
            Parameters = new(null, null, null, null, null),
        };
        await foreach (var _ in model.StreamAsync(request, CancellationToken.None))
        {
            // Nobody asked.
        }
    }

    /// <summary>Takes every request, and has one answer.</summary>
    private sealed class SelfAnswering : Stream
    {
        private readonly MemoryStream _answer = new(Encoding.ASCII.GetBytes(
            $"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n{Answer.Length:x}\r\n{Answer}\r\n0\r\n\r\n"));

        public override bool CanRead => true;

        public override bool CanWrite => true;

        public override bool CanSeek => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => _answer.Read(buffer, offset, count);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _answer.ReadAsync(buffer, cancellationToken);

        public override void Write(byte[] buffer, int offset, int count)
        {
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

        public override void Flush()
        {
        }

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
