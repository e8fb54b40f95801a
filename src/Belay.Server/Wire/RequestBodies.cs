using System.Security.Cryptography;
using Belay.Contracts.Faults;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Belay.Server.Wire;

/// <summary>
/// Reads bodies within budgets that all requests share, hashing while reading. Memory follows what has arrived, never what a
/// header announces. Bodies whose sender is not known before they have been read have a small budget of their own: what strangers send
/// takes nothing from those with a key.
/// </summary>
internal sealed class RequestBodies(WireSettings settings, TimeProvider time)
{
    private const int FirstBuffer = 1024;
    private const long OneRead = 2 * 1024 * 1024;
    private readonly BodyBudget _verified = new(settings.MaxBufferedBodyBytes, time);
    private readonly BodyBudget _unverified = new(settings.MaxUnverifiedBodyBytes, time);

    /// <summary>Reads a body of at most <paramref name="limit"/> bytes. Dispose the result when the request is over.</summary>
    /// <param name="request">Whose body.</param>
    /// <param name="limit">Most bytes.</param>
    /// <param name="verified">Whether the signature is known to be good already.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public async Task<RequestBody> ReadAsync(HttpRequest request, int limit, bool verified, CancellationToken cancellationToken)
    {
        // Above the limit by more than one read brings, so that it is our own check that answers, with the limit in its words.
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = limit + OneRead;
        }

        // After that: what is a little too large is then taken and thrown away, where closing on it could cost the client its answer.
        if (request.ContentLength > limit)
        {
            throw TooLarge(limit);
        }

        if (request.Headers.ContentEncoding.Count > 0 && request.Headers.ContentEncoding != "identity")
        {
            throw ServiceException.Invalid(ValidationReason.CannotParse, "A request body with a Content-Encoding is not supported; send it as it is.");
        }

        var body = new RequestBody((verified ? _verified : _unverified).Open(request.BodyReader.CancelPendingRead));
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

    /// <summary>Moves a body, whose signature turned out to be good, to the budget of those with a key.</summary>
    public void Verified(RequestBody body) => body.Move(_verified);

    private static async Task FillAsync(RequestBody body, HttpRequest request, int limit, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        while (true)
        {
            var read = await request.BodyReader.ReadAsync(cancellationToken);
            try
            {
                if (read.IsCanceled)
                {
                    throw BodyBudget.Full();
                }

                if (body.Length + read.Buffer.Length > limit)
                {
                    throw TooLarge(limit);
                }

                foreach (var piece in read.Buffer)
                {
                    hash.AppendData(piece.Span);
                    body.Append(piece.Span, limit);
                }
            }
            finally
            {
                request.BodyReader.AdvanceTo(read.Buffer.End);
            }

            if (read.IsCompleted)
            {
                body.Arrived(Convert.ToHexStringLower(hash.GetHashAndReset()));
                return;
            }
        }
    }

    private static ServiceException TooLarge(int limit) =>
        ServiceException.Invalid(ValidationReason.CannotParse, $"The request body is larger than {limit} bytes.");

    /// <summary>A body in memory.</summary>
    internal sealed class RequestBody(BodyBudget.Share share) : IDisposable
    {
        private BodyBudget.Share _share = share;
        private byte[] _bytes = [];

        /// <summary>Bytes that have arrived.</summary>
        public int Length { get; private set; }

        /// <summary>The bytes.</summary>
        public ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(0, Length);

        /// <summary>Their SHA-256 in lower-case hex.</summary>
        public string Hash { get; private set; } = "";

        /// <inheritdoc/>
        public void Dispose()
        {
            _share.Dispose();
            _bytes = [];
            Length = 0;
        }

        internal void Append(ReadOnlySpan<byte> piece, int limit)
        {
            if (_bytes.Length - Length < piece.Length)
            {
                var size = Math.Min(limit, Math.Max(Length + piece.Length, Math.Max(FirstBuffer, _bytes.Length * 2L)));
                _share.Take(size - _bytes.Length);
                Array.Resize(ref _bytes, (int)size);
            }

            piece.CopyTo(_bytes.AsSpan(Length));
            Length += piece.Length;
        }

        internal void Arrived(string hash)
        {
            _share.Arrived();
            Hash = hash;
        }

        internal void Move(BodyBudget budget)
        {
            var share = budget.Open(static () => { });
            try
            {
                share.Take(_bytes.Length);
                share.Arrived();
            }
            catch
            {
                share.Dispose();
                throw;
            }

            _share.Dispose();
            _share = share;
        }
    }
}
