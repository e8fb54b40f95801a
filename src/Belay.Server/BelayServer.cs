using System.Net;
using System.Security.Cryptography.X509Certificates;
using Belay.Server.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Belay.Server;

/// <summary>A Belay server: one listener for both planes. Reads no environment and no files but those that its settings name.</summary>
public sealed class BelayServer : IAsyncDisposable
{
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
        builder.WebHost.ConfigureKestrel(kestrel => Configure(kestrel, settings));

        var app = builder.Build();
        var front = new WireFront(
            parts.Operations, parts.Open, parts.Authenticator, settings.Wire, parts.Time, parts.Ids, parts.Logging.CreateLogger<WireFront>());
        app.Run(front.HandleAsync);
        return new BelayServer(app, parts);
    }

    /// <summary>Listens; completes when requests are served.</summary>
    public Task StartAsync(CancellationToken cancellationToken) => _app.StartAsync(cancellationToken);

    /// <summary>Takes no further requests, ends the sessions that run, and waits, within the settings' time, until every answer is out.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        var drained = _parts.DrainAsync();
        await _app.StopAsync(cancellationToken);
        await drained;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        await ServerParts.DisposeAsync(_parts.Owned);
    }

    private static void Configure(KestrelServerOptions kestrel, ServerSettings settings)
    {
        kestrel.AddServerHeader = false;
        var limits = kestrel.Limits;
        limits.MaxConcurrentConnections = settings.Wire.MaxConnections;
        limits.MaxRequestHeaderCount = settings.Wire.MaxHeaders;
        limits.MaxRequestHeadersTotalSize = settings.Wire.MaxHeaderBytes;
        limits.MaxRequestLineSize = settings.Wire.MaxRequestLineBytes;
        limits.RequestHeadersTimeout = settings.Wire.HeadersTimeout;
        limits.MinRequestBodyDataRate = new MinDataRate(settings.Wire.MinBodyBytesPerSecond, settings.Wire.BodyGrace);

        // Set for each request from its operation; this one is for requests that are refused before.
        limits.MaxRequestBodySize = Operation.ControlBodyBytes;
        kestrel.Listen(new IPEndPoint(settings.Address!, settings.Port), listen =>
        {
            if (settings.CertificatePath is { } certificate)
            {
                listen.UseHttps(X509Certificate2.CreateFromPemFile(certificate, settings.CertificateKeyPath));
            }
        });
    }
}
