using System.Net;
using System.Net.Security;
using Belay.Server.Tls;
using Belay.Server.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Belay.Server;

/// <summary>A Belay server: one listener for both planes. Reads no environment and no files but those that its settings name.</summary>
public sealed class BelayServer : IAsyncDisposable
{
    // Connections that wait to be accepted; a kernel with a smaller limit of its own takes that.
    private const int Backlog = 4096;

    // What a client may send on HTTP/2 before we have read it.
    private const int Http2StreamWindow = 256 * 1024;

    private const double MinResponseBytesPerSecond = 240;

    private static readonly TimeSpan ChannelPing = TimeSpan.FromSeconds(5);

    private readonly WebApplication _app;
    private readonly ServerParts _parts;

    private BelayServer(WebApplication app, ServerParts parts)
    {
        _app = app;
        _parts = parts;
    }

    /// <summary>Where the server listens, once it has started.</summary>
    public Uri Address => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    /// <summary>Completes when the server has been told to stop.</summary>
    public CancellationToken Stopping => _app.Lifetime.ApplicationStopping;

    /// <summary>Builds a server; it does not listen yet.</summary>
    /// <exception cref="ArgumentException">The settings are wrong; the message has every problem.</exception>
    /// <exception cref="InvalidDataException">The certificate cannot be used.</exception>
    public static BelayServer Create(ServerSettings settings, ServerParts parts)
    {
        var problems = settings.Problems().ToList();
        if (problems.Count > 0)
        {
            throw new ArgumentException(string.Join(" ", problems), nameof(settings));
        }

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton<ILoggerFactory>(new RequestLogs(parts.Logging));
        foreach (var background in parts.Background)
        {
            builder.Services.AddSingleton(background);
        }

        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.StopTimeout);
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.UseSockets(sockets => sockets.Backlog = Backlog);
        var connections = new Connections(OpenFiles.Connections(settings.Wire.MaxConnections, OpenFiles.Limit));
        var certificate = settings.CertificatePath is { } path
            ? CertificateFiles.Open(path, settings.CertificateKeyPath, parts.Time, parts.Logging.CreateLogger<CertificateFiles>())
            : null;
        builder.WebHost.ConfigureKestrel(kestrel => Configure(kestrel, settings, connections, certificate));

        var app = builder.Build();
        var front = new WireFront(
            parts.Operations, parts.Open, parts.Authenticator, settings.Wire, parts.Time, parts.Ids, parts.Telemetry, parts.Logging.CreateLogger<WireFront>());

        // A peer that is gone is noticed by its silence, and makes room for itself when it comes back.
        app.UseWebSockets(new() { KeepAliveInterval = ChannelPing, KeepAliveTimeout = ChannelPing });
        app.Run(front.HandleAsync);
        return new BelayServer(app, parts);
    }

    /// <summary>Listens; completes when requests are served.</summary>
    public Task StartAsync(CancellationToken cancellationToken) => _app.StartAsync(cancellationToken);

    /// <summary>
    /// Stops: sessions take nothing new and may finish what runs, while the listener stays open to say so; then no connection is taken,
    /// and every answer has the settings' time to get out.
    /// </summary>
    /// <param name="hurry">Ends the patience with what runs.</param>
    public async Task StopAsync(CancellationToken hurry)
    {
        await _parts.DrainAsync(hurry);
        await _app.StopAsync(CancellationToken.None);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        await ServerParts.DisposeAsync(_parts.Owned);
    }

    private static void Configure(KestrelServerOptions kestrel, ServerSettings settings, Connections connections, CertificateFiles? certificate)
    {
        kestrel.AddServerHeader = false;
        var limits = kestrel.Limits;
        limits.MaxRequestHeaderCount = settings.Wire.MaxHeaders;
        limits.MaxRequestHeadersTotalSize = settings.Wire.MaxHeaderBytes;
        limits.MaxRequestLineSize = settings.Wire.MaxRequestLineBytes;
        limits.RequestHeadersTimeout = settings.Wire.HeadersTimeout;
        limits.MinRequestBodyDataRate = new MinDataRate(settings.Wire.MinBodyBytesPerSecond, settings.Wire.BodyGrace);

        limits.KeepAliveTimeout = settings.Wire.KeepAlive;
        limits.MinResponseDataRate = new MinDataRate(MinResponseBytesPerSecond, settings.Wire.WriteTimeout);
        limits.Http2.MaxStreamsPerConnection = settings.Wire.MaxStreams;
        limits.Http2.InitialStreamWindowSize = Http2StreamWindow;
        limits.Http2.InitialConnectionWindowSize = 2 * Http2StreamWindow;

        // Set for each request from its operation; this one is for requests that are refused before.
        limits.MaxRequestBodySize = Operation.ControlBodyBytes;
        kestrel.Listen(new IPEndPoint(settings.Address!, settings.Port), listen =>
        {
            // The outermost: who may not stay costs no handshake. HTTP/2 is agreed on inside TLS only.
            listen.Use(next => connection => connections.ServeAsync(connection, next));
            if (certificate is not null)
            {
                listen.UseHttps(new TlsHandshakeCallbackOptions
                {
                    OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions { ServerCertificateContext = certificate.Current }),
                });
            }
        });
    }
}
