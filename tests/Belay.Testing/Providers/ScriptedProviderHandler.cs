using System.Net;
using System.Net.Http.Headers;
using Belay.Testing.Models;

namespace Belay.Testing.Providers;

/// <summary>The same provider without a network: a transport that hands requests straight to it. For what is to happen in manual time.</summary>
public sealed class ScriptedProviderHandler(ScriptedReplies replies) : HttpMessageHandler
{
    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var body = request.Content is null ? [] : await request.Content.ReadAsByteArrayAsync(cancellationToken);
        var headers = request.Headers.Concat(request.Content?.Headers ?? Enumerable.Empty<KeyValuePair<string, IEnumerable<string>>>())
            .ToDictionary(header => header.Key.ToLowerInvariant(), header => string.Join(',', header.Value));
        ProviderAnswer answer;
        try
        {
            answer = await replies.AnswerAsync(new ProviderRequest(request.Method.Method, request.RequestUri!.PathAndQuery, headers, body), cancellationToken);
        }
        catch (IOException exception)
        {
            throw new HttpRequestException(HttpRequestError.ResponseEnded, "The connection was reset.", exception);
        }

        var response = new HttpResponseMessage((HttpStatusCode)answer.Status) { Content = new StreamContent(new PiecesStream(answer.Body)), RequestMessage = request };
        response.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(answer.ContentType);
        foreach (var (name, value) in answer.Headers)
        {
            response.Headers.TryAddWithoutValidation(name, value);
        }

        return response;
    }

    /// <summary>Reads pieces one after the other, as they would come off the network.</summary>
    private sealed class PiecesStream(IAsyncEnumerable<byte[]> pieces) : Stream
    {
        private readonly CancellationTokenSource _left = new();
        private IAsyncEnumerator<byte[]>? _pieces;
        private ReadOnlyMemory<byte> _rest;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            // A read that is given up gives up the connection.
            await using var leaving = cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _left);
            _pieces ??= pieces.GetAsyncEnumerator(_left.Token);
            while (_rest.IsEmpty)
            {
                if (!await _pieces.MoveNextAsync())
                {
                    return 0;
                }

                _rest = _pieces.Current;
            }

            var count = Math.Min(buffer.Length, _rest.Length);
            _rest[..count].CopyTo(buffer);
            _rest = _rest[count..];
            return count;
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override async ValueTask DisposeAsync()
        {
            if (_pieces is not null)
            {
                await _pieces.DisposeAsync();
            }

            _left.Dispose();
            await base.DisposeAsync();
        }
    }
}
