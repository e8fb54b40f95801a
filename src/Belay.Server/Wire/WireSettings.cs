namespace Belay.Server.Wire;

/// <summary>How much a stranger may send, and how fast.</summary>
public sealed record WireSettings
{
    /// <summary>Bytes of request bodies held in memory at once, over all requests whose signature is good; beyond it the slowest sender is
    /// throttled. The largest body must fit.</summary>
    public long MaxBufferedBodyBytes { get; init; } = 256L * 1024 * 1024;

    /// <summary>The same for bodies that must be read before their signature can be checked, since their hash is not stated. The largest
    /// body must fit.</summary>
    public long MaxUnverifiedBodyBytes { get; init; } = 128L * 1024 * 1024;

    /// <summary>Connections at once, at most three quarters of the files that the process may open; beyond it the oldest without a good signature is
    /// closed.</summary>
    public int MaxConnections { get; init; } = 10_000;

    /// <summary>Headers of a request.</summary>
    public int MaxHeaders { get; init; } = 100;

    /// <summary>Bytes of all headers of a request.</summary>
    public int MaxHeaderBytes { get; init; } = 32 * 1024;

    /// <summary>Bytes of a request line; two hundred tag keys in a query fit.</summary>
    public int MaxRequestLineBytes { get; init; } = 96 * 1024;

    /// <summary>Time within which the headers must have arrived.</summary>
    public TimeSpan HeadersTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A body that arrives more slowly, after <see cref="BodyGrace"/>, is refused.</summary>
    public double MinBodyBytesPerSecond { get; init; } = 1024;

    /// <summary>Time before the body's rate counts.</summary>
    public TimeSpan BodyGrace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Time for which a connection may be idle.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(130);

    /// <summary>Time for which a client may take nothing of its answer; then its connection is closed.</summary>
    public TimeSpan WriteTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Requests at a time on one HTTP/2 connection.</summary>
    public int MaxStreams { get; init; } = 100;

    /// <summary>Control-plane requests of one account, those of the native API included; null for no limit.</summary>
    public RequestRate? ControlRate { get; init; }

    /// <summary>Data-plane requests of one account; null for no limit.</summary>
    public RequestRate? DataRate { get; init; }

    /// <summary>Everything wrong with these settings.</summary>
    public IEnumerable<string> Problems()
    {
        foreach (var (name, value) in new (string, double)[]
        {
            (nameof(MaxBufferedBodyBytes), MaxBufferedBodyBytes), (nameof(MaxUnverifiedBodyBytes), MaxUnverifiedBodyBytes), (nameof(MaxConnections), MaxConnections), (nameof(MaxHeaders), MaxHeaders),
            (nameof(MaxHeaderBytes), MaxHeaderBytes), (nameof(MaxRequestLineBytes), MaxRequestLineBytes),
            (nameof(HeadersTimeout), HeadersTimeout.TotalSeconds), (nameof(MinBodyBytesPerSecond), MinBodyBytesPerSecond), (nameof(BodyGrace), BodyGrace.TotalSeconds),
            (nameof(KeepAlive), KeepAlive.TotalSeconds), (nameof(WriteTimeout), WriteTimeout.TotalSeconds), (nameof(MaxStreams), MaxStreams),
        })
        {
            if (!(value > 0))
            {
                yield return $"{name} must be more than 0.";
            }
        }

        foreach (var (name, rate) in new[] { (nameof(ControlRate), ControlRate), (nameof(DataRate), DataRate) })
        {
            if (rate is not null && (!(rate.PerSecond > 0) || rate.Burst < 1))
            {
                yield return $"{name} must allow more than 0 requests a second and a burst of at least 1.";
            }
        }
    }
}

/// <summary>A rate of requests.</summary>
/// <param name="PerSecond">Requests a second, on average.</param>
/// <param name="Burst">Requests at once after a pause.</param>
public sealed record RequestRate(double PerSecond, int Burst);
