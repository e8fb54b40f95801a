using System.Net;
using Belay.Testing.Models;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Belay.Testing.Providers;

/// <summary>
/// A provider on loopback that speaks every wire format at once, below any path, and lets the scripted model reply: whatever runs
/// on <c>belay/scripted</c> runs over each of them.
/// </summary>
public sealed class ScriptedProviderServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ScriptedProviderServer()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.AddServerHeader = false;
        });
        _app = builder.Build();
        _app.Run(HandleAsync);
    }

    /// <summary>What it answers, and what it was asked.</summary>
    public ScriptedReplies Replies { get; } = new(TimeProvider.System);

    /// <summary>Where it listens, without a path.</summary>
    public Uri Url { get; private set; } = null!;

    /// <summary>Starts a server.</summary>
    public static async Task<ScriptedProviderServer> StartAsync(CancellationToken cancellationToken)
    {
        var server = new ScriptedProviderServer();
        await server._app.StartAsync(cancellationToken);
        server.Url = new Uri(server._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        return server;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using var atOnce = new CancellationTokenSource(TimeSpan.Zero);
        await _app.StopAsync(atOnce.Token);
        await _app.DisposeAsync();
    }

    private async Task HandleAsync(HttpContext context)
    {
        var left = context.RequestAborted;
        try
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, left);
            // The path as it was written: a model id may have escaped slashes.
            var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
            var headers = context.Request.Headers.ToDictionary(header => header.Key.ToLowerInvariant(), header => header.Value.ToString());
            var answer = await Replies.AnswerAsync(new ProviderRequest(context.Request.Method, target, headers, body.ToArray()), left);
            context.Response.StatusCode = answer.Status;
            context.Response.ContentType = answer.ContentType;
            foreach (var (name, value) in answer.Headers)
            {
                context.Response.Headers[name] = value;
            }

            await foreach (var piece in answer.Body.WithCancellation(left))
            {
                await context.Response.Body.WriteAsync(piece, left);
                await context.Response.Body.FlushAsync(left);
            }
        }
        catch (IOException)
        {
            context.Abort();
        }
        catch (OperationCanceledException) when (left.IsCancellationRequested)
        {
            // The caller of the model left; there is nobody to answer.
        }
    }
}
