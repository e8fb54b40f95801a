using System.Net.Mime;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Wire;

/// <summary>What anybody may GET without a signature, such as whether the server lives. It tells nothing of what it serves to whom.</summary>
/// <param name="Path">The path, exactly.</param>
/// <param name="HandleAsync">Answers.</param>
public sealed record OpenEndpoint(string Path, RequestDelegate HandleAsync)
{
    /// <summary><c>/healthz</c>: 200 as soon as requests are served.</summary>
    public static OpenEndpoint Health { get; } = new("/healthz", http =>
    {
        http.Response.ContentType = MediaTypeNames.Text.Plain;
        return http.Response.WriteAsync("ok\n", http.RequestAborted);
    });
}
