using System.Buffers;
using System.Net;
using Belay.Bench.Loop.Processes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Belay.Bench.Loop;

/// <summary>The smallest Kestrel, for the parts of the bench that serve. The first line that it prints is its address.</summary>
internal static class Loopback
{
    /// <summary>Serves on a free port until standard input ends.</summary>
    public static async Task ServeAsync(RequestDelegate handler, long maxBodyBytes)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = maxBodyBytes;
        });
        await using var app = builder.Build();
        app.Run(handler);
        await app.StartAsync();
        Console.WriteLine(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        await Counters.AnswerAsync();
        await app.StopAsync();
    }

    /// <summary>The whole body, of the length that its header says, in rented memory.</summary>
    public static async Task<IMemoryOwner<byte>> ReadBodyAsync(HttpRequest request)
    {
        var length = (int)request.ContentLength!.Value;
        var owner = MemoryPool<byte>.Shared.Rent(length);
        await request.Body.ReadExactlyAsync(owner.Memory[..length], request.HttpContext.RequestAborted);
        return owner;
    }
}
