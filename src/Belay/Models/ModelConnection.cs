using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Belay.Models;

/// <summary>The HTTP side that every provider shares: one request, one streamed reply, every failure a <see cref="ModelException"/>.</summary>
internal sealed class ModelConnection : IDisposable
{
    private const int BufferBytes = 16 * 1024;
    private const int MaxErrorBytes = 64 * 1024;
    private readonly HttpMessageInvoker _http;
    private readonly ModelSettings _settings;
    private readonly TimeProvider _time;

    /// <summary>Creates the connection of one provider; the handler is the transport, <see cref="ModelEndpoint.CreateHandler"/>'s in production.</summary>
    public ModelConnection(HttpMessageHandler handler, ModelSettings settings, TimeProvider time)
    {
        // Not HttpClient: silence is StallGuard's, a limit on the whole call is the invocation's, and nothing is sent that is not said here.
        _http = new HttpMessageInvoker(handler);
        _settings = settings;
        _time = time;
    }

    /// <summary>Sends a request and streams what the parser makes of the reply.</summary>
    /// <param name="provider">Name for messages.</param>
    /// <param name="asked">What is asked; its trace goes out as headers, which no signature covers.</param>
    /// <param name="key">The call's key; never repeated in a message, even when the provider repeats it.</param>
    /// <param name="create">Makes the request, with the key.</param>
    /// <param name="parse">Chooses the parser by the reply's content type.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async IAsyncEnumerable<ModelEvent> StreamAsync(
        string provider,
        ModelRequest asked,
        ProviderKey key,
        Func<string?, CancellationToken, ValueTask<HttpRequestMessage>> create,
        Func<string?, IReplyParser> parse,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var secret = await key.ReadAsync(cancellationToken);
        using var request = await create(secret, cancellationToken);
        asked.Circuit?.Enter(request.RequestUri, key.IsMadeForEachCall ? null : secret);
        asked.Trace.AddTo(request.Headers);
        if (asked.Baggage is not null)
        {
            request.Headers.TryAddWithoutValidation("baggage", asked.Baggage);
        }

        using var guard = new StallGuard(TimeSpan.FromSeconds(_settings.StallSeconds), _time, cancellationToken);
        using var response = await SendAsync(provider, request, guard);
        (request.Content as RequestBuffer)?.GiveBack();
        await using var body = await response.Content.ReadAsStreamAsync(guard.Token);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw await RefusedAsync(provider, response, body, secret, guard);
        }

        var parser = parse(response.Content.Headers.ContentType?.MediaType);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            var events = new List<ModelEvent>();
            var total = 0L;
            var count = 1;
            while (count > 0 && !parser.Ended)
            {
                count = await ReadAsync(provider, body, buffer, parser.Finished, guard);
                total += count;
                var failure = total > _settings.MaxReplyBytes
                    ? new ModelException(ModelFailure.Malformed, $"{provider}: the reply has more than {_settings.MaxReplyBytes} bytes")
                    : Advance(parser, buffer.AsSpan(0, count), events);
                foreach (var one in events)
                {
                    yield return one;
                }

                events.Clear();
                if (failure is not null)
                {
                    throw ProviderError.Redacted(failure, secret);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(string provider, HttpRequestMessage request, StallGuard guard)
    {
        try
        {
            return await _http.SendAsync(request, guard.Token);
        }
        catch (Exception exception) when (guard.Token.IsCancellationRequested && exception is (OperationCanceledException or HttpRequestException))
        {
            throw guard.Stalled(provider, exception);
        }
        catch (OperationCanceledException exception)
        {
            throw new ModelException(ModelFailure.Unreachable, $"{provider}: no connection within {_settings.ConnectSeconds} s", cause: exception);
        }
        catch (HttpRequestException exception) when (exception.InnerException is ModelException refused)
        {
            throw new ModelException(refused.Failure, $"{provider}: {refused.Message}", cause: exception);
        }
        catch (HttpRequestException exception)
        {
            throw new ModelException(ModelFailure.Unreachable, $"{provider}: the endpoint could not be reached ({Why(exception)})", cause: exception);
        }
    }

    private static async Task<int> ReadAsync(string provider, Stream body, byte[] buffer, bool finished, StallGuard guard)
    {
        guard.Rearm();
        try
        {
            var count = await body.ReadAsync(buffer, guard.Token);
            guard.Pause();
            return count;
        }
        catch (OperationCanceledException exception)
        {
            var stalled = guard.Stalled(provider, exception);
            return finished ? 0 : throw stalled;
        }
        catch (IOException exception)
        {
            return finished ? 0 : throw new ModelException(ModelFailure.Broken, $"{provider}: the connection broke in mid-reply", cause: exception);
        }
    }

    private static ModelException? Advance(IReplyParser parser, ReadOnlySpan<byte> bytes, List<ModelEvent> events)
    {
        try
        {
            if (!bytes.IsEmpty)
            {
                parser.Feed(bytes, events);
            }

            if (bytes.IsEmpty || parser.Ended)
            {
                parser.End(events);
            }

            return null;
        }
        catch (ModelException exception)
        {
            return exception;
        }
    }

    private async Task<ModelException> RefusedAsync(string provider, HttpResponseMessage response, Stream body, string? secret, StallGuard guard)
    {
        var buffer = new byte[MaxErrorBytes];
        var length = 0;
        try
        {
            while (length < buffer.Length)
            {
                guard.Rearm();
                var count = await body.ReadAsync(buffer.AsMemory(length), guard.Token);
                if (count == 0)
                {
                    break;
                }

                length += count;
            }
        }
        catch (OperationCanceledException exception)
        {
            // The status says enough when the text stalls; a caller who left is thrown to.
            _ = guard.Stalled(provider, exception);
        }
        catch (IOException)
        {
            // As above: the status is what counts.
        }

        var type = response.Headers.TryGetValues("x-amzn-ErrorType", out var types) ? types.FirstOrDefault() : null;
        var error = ProviderError.FromResponse(provider, (int)response.StatusCode, type, buffer.AsSpan(0, length), RetryAfter(response.Headers));
        return ProviderError.Redacted(error, secret);
    }

    private TimeSpan? RetryAfter(HttpResponseHeaders headers)
    {
        if (headers.TryGetValues("retry-after-ms", out var values)
            && double.TryParse(values.FirstOrDefault(), System.Globalization.CultureInfo.InvariantCulture, out var milliseconds)
            && milliseconds is >= 0 and < 1e9)
        {
            return TimeSpan.FromMilliseconds(milliseconds);
        }

        var wait = headers.RetryAfter?.Delta ?? headers.RetryAfter?.Date - _time.GetUtcNow();
        return wait > TimeSpan.Zero ? wait : null;
    }

    private static string Why(HttpRequestException exception) => exception switch
    {
        { InnerException: SocketException { SocketErrorCode: SocketError.ConnectionRefused } } => "connection refused",
        { HttpRequestError: HttpRequestError.NameResolutionError } or { InnerException: SocketException { SocketErrorCode: SocketError.HostNotFound } } => "its name does not resolve",
        { HttpRequestError: HttpRequestError.SecureConnectionError } => "the TLS handshake failed",
        { HttpRequestError: HttpRequestError.ResponseEnded } => "it closed the connection without an answer",
        { HttpRequestError: HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded } => "its answer is not HTTP that can be read",
        _ => "the connection failed",
    };
}
