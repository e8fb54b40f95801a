using System.Net;
using Microsoft.Extensions.Logging;

namespace Belay.Server.Telemetry;

/// <summary>
/// The way to a collector. It says once that exporting fails and once that it works again, reads no answer's body, and ends what is under way
/// when the server stops. Redirects, cookies and proxies are off: each would let a header with a secret go elsewhere.
/// </summary>
internal sealed partial class ExportHandler : DelegatingHandler
{
    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(1);

    private readonly OtlpTarget _target;
    private readonly string _signal;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationToken _stopping;
    private readonly Lock _gate = new();
    private bool _failing;
    private bool _told;
    private long? _toldAt;

    /// <summary>Creates the way of one signal; the transport is <see cref="CreateTransport"/>'s in production.</summary>
    public ExportHandler(HttpMessageHandler transport, OtlpTarget target, string signal, TimeProvider time, ILogger logger, CancellationToken stopping)
        : base(transport) => (_target, _signal, _time, _logger, _stopping) = (target, signal, time, logger, stopping);

    /// <summary>The transport to a collector.</summary>
    public static SocketsHttpHandler CreateTransport() => new()
    {
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        UseCookies = false,
        UseProxy = false,
        ActivityHeadersPropagator = null,
        ConnectTimeout = TimeSpan.FromSeconds(5),
        MaxResponseHeadersLength = 64,
        MaxResponseDrainSize = 16 * 1024,
        ResponseDrainTimeout = TimeSpan.FromMilliseconds(200),
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    };

    /// <inheritdoc/>
    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping);
        try
        {
            return Answered(base.Send(request, either.Token));
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException or IOException)
        {
            Failed(exception is OperationCanceledException ? "it did not answer in time" : "it could not be reached");
            throw;
        }
    }

    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping);
        try
        {
            return Answered(await base.SendAsync(request, either.Token));
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException or IOException)
        {
            Failed(exception is OperationCanceledException ? "it did not answer in time" : "it could not be reached");
            throw;
        }
    }

    // The status says enough; a body could be of any size.
    private HttpResponseMessage Answered(HttpResponseMessage response)
    {
        using var body = response.Content;
        response.Content = new ByteArrayContent([]);
        if (response.IsSuccessStatusCode)
        {
            Worked();
        }
        else
        {
            Failed($"it answered {(int)response.StatusCode}");
        }

        return response;
    }

    private void Failed(string why)
    {
        lock (_gate)
        {
            if (_failing || _stopping.IsCancellationRequested)
            {
                return;
            }

            _failing = true;
            _told = _toldAt is not { } at || _time.GetElapsedTime(at) >= Quiet;
            if (_told)
            {
                _toldAt = _time.GetTimestamp();
                Log.Failing(_logger, _signal, _target, why);
            }
        }
    }

    private void Worked()
    {
        lock (_gate)
        {
            if (_failing && _told)
            {
                Log.Recovered(_logger, _signal, _target);
            }

            _failing = false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "The collector at {Target} does not take {Signal}: {Why}. They are dropped until it does.")]
        public static partial void Failing(ILogger logger, string signal, OtlpTarget target, string why);

        [LoggerMessage(LogLevel.Information, "The collector at {Target} takes {Signal} again.")]
        public static partial void Recovered(ILogger logger, string signal, OtlpTarget target);
    }
}
