using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Server;

/// <summary>
/// The log without the web server's own lines about requests, at whatever level: they show targets with their queries, and a query may hold a
/// ticket. What is to be known of a request, its operation and how it ended, is logged by the wire front.
/// </summary>
internal sealed class RequestLogs(ILoggerFactory inner) : ILoggerFactory
{
    private static readonly string[] Withheld = ["Microsoft.AspNetCore.Hosting.Diagnostics", "Microsoft.AspNetCore.Server.Kestrel.BadRequests"];

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => Withheld.Contains(categoryName) ? NullLogger.Instance : inner.CreateLogger(categoryName);

    /// <inheritdoc/>
    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    /// <summary>Does nothing: the log belongs to whoever made it.</summary>
    public void Dispose()
    {
    }
}
