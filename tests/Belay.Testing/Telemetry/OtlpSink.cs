using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Belay.Testing.Telemetry;

/// <summary>A collector on loopback that keeps what it is sent, and answers as a test tells it to.</summary>
public sealed class OtlpSink : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Lock _gate = new();
    private readonly List<(string Path, IHeaderDictionary Headers, ExportedBatch Batch)> _received = [];

    private OtlpSink()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _app = builder.Build();
        _app.Run(HandleAsync);
    }

    /// <summary>What happens to a request after it was read; 200 without a body unless it is set.</summary>
    public Func<HttpContext, Task> Answer { get; set; } = _ => Task.CompletedTask;

    /// <summary>Why a request could not be decoded; null while all could.</summary>
    public Exception? Unreadable { get; private set; }

    /// <summary>The endpoint to configure.</summary>
    public string Url { get; private set; } = "";

    /// <summary>Every span so far.</summary>
    public IReadOnlyList<ExportedSpan> Spans => [.. Received.SelectMany(one => one.Batch.Spans)];

    /// <summary>Names of metrics so far.</summary>
    public IReadOnlyList<string> Metrics => [.. Received.SelectMany(one => one.Batch.Metrics).Distinct()];

    /// <summary>Every request so far.</summary>
    public IReadOnlyList<(string Path, IHeaderDictionary Headers, ExportedBatch Batch)> Received
    {
        get
        {
            lock (_gate)
            {
                return [.. _received];
            }
        }
    }

    /// <summary>Starts one.</summary>
    public static async Task<OtlpSink> StartAsync()
    {
        var sink = new OtlpSink();
        await sink._app.StartAsync();
        sink.Url = sink._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return sink;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task HandleAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        var path = http.Request.Path.Value!;
        lock (_gate)
        {
            try
            {
                _received.Add((path, new HeaderDictionary(http.Request.Headers.ToDictionary()), OtlpMessages.Read(body.ToArray(), path.EndsWith("metrics", StringComparison.Ordinal))));
            }
            catch (Exception unreadable) when (unreadable is ArgumentException or IndexOutOfRangeException or InvalidDataException)
            {
                Unreadable = unreadable;
            }
        }

        await Answer(http);
    }
}
