using System.Security.Cryptography;
using Belay.Contracts.Faults;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Belay.Server.Wire;

/// <summary>
/// Reads bodies within a budget that all requests share, hashing while reading. Memory follows what has arrived, never what a
/// header announces.
/// </summary>
internal sealed class RequestBodies(long budget)
{
    private const int FirstBuffer = 16 * 1024;
    private const long OneRead = 2 * 1024 * 1024;
    private long _held;

    /// <summary>Reads a body of at most <paramref name="limit"/> bytes. Dispose the result when the request is over.</summary>
    public async Task<RequestBody> ReadAsync(HttpRequest request, int limit, CancellationToken cancellationToken)
    {
        if (request.ContentLength > limit)
        {
            throw TooLarge(limit);
        }

        if (request.Headers.ContentEncoding.Count > 0 && request.Headers.ContentEncoding != "identity")
        {
            throw ServiceException.Invalid(ValidationReason.CannotParse, "A request body with a Content-Encoding is not supported; send it as it is.");
        }

        // Above the limit by more than one read brings, so that it is our own check that answers, with the limit in its words.
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = limit + OneRead;
        }

        var body = new RequestBody(this);
        try
        {
            await FillAsync(body, request, limit, cancellationToken);
            return body;
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    private static async Task FillAsync(RequestBody body, HttpRequest request, int limit, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        while (true)
        {
            var read = await request.BodyReader.ReadAsync(cancellationToken);
            if (body.Length + read.Buffer.Length > limit)
            {
                throw TooLarge(limit);
            }

            foreach (var piece in read.Buffer)
            {
                hash.AppendData(piece.Span);
                body.Append(piece.Span, limit);
            }

            request.BodyReader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                body.Hash = Convert.ToHexStringLower(hash.GetHashAndReset());
                return;
            }
        }
    }

    private static ServiceException TooLarge(int limit) =>
        ServiceException.Invalid(ValidationReason.CannotParse, $"The request body is larger than {limit} bytes.");

    private void Take(long bytes)
    {
        if (Interlocked.Add(ref _held, bytes) > budget)
        {
            Interlocked.Add(ref _held, -bytes);
            throw new ServiceException(FaultCode.ThrottlingException, "The server holds too many large requests at once. Try again in a moment.");
        }
    }

    private void Give(long bytes) => Interlocked.Add(ref _held, -bytes);

    /// <summary>A body in memory.</summary>
    internal sealed class RequestBody(RequestBodies owner) : IDisposable
    {
        private byte[] _bytes = [];

        /// <summary>Bytes that have arrived.</summary>
        public int Length { get; private set; }

        /// <summary>The bytes.</summary>
        public ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(0, Length);

        /// <summary>Their SHA-256 in lower-case hex.</summary>
        public string Hash { get; set; } = "";

        /// <inheritdoc/>
        public void Dispose()
        {
            owner.Give(_bytes.Length);
            _bytes = [];
            Length = 0;
        }

        internal void Append(ReadOnlySpan<byte> piece, int limit)
        {
            if (_bytes.Length - Length < piece.Length)
            {
                var size = Math.Min(limit, Math.Max(Length + piece.Length, Math.Max(FirstBuffer, _bytes.Length * 2L)));
                owner.Take(size - _bytes.Length);
                Array.Resize(ref _bytes, (int)size);
            }

            piece.CopyTo(_bytes.AsSpan(Length));
            Length += piece.Length;
        }
    }
}
