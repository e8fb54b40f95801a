using System.Net;
using System.Net.Sockets;

namespace Belay.Models;

/// <summary>Where a provider is, and the one way to connect to it.</summary>
internal static class ModelEndpoint
{
    // fd00:ec2::254. In bytes: a parser for one constant is the most that the first call of a process would compile.
    private static readonly IPAddress Ipv6Metadata = new([0xFD, 0x00, 0x0E, 0xC2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54]);

    /// <summary>Whether a URL is one that a provider can be called at.</summary>
    public static bool IsWeb(Uri uri) =>
        uri.IsAbsoluteUri && uri.Scheme is "http" or "https" && uri.Host.Length > 0;

    /// <summary>
    /// What is wrong with a base URL that a harness names; null when nothing is. It may hold a secret, so that it is not repeated.
    /// A name is looked up when the call connects, and refused there if it leads to a forbidden address.
    /// </summary>
    public static string? Problem(string apiBase) =>
        !Uri.TryCreate(apiBase, UriKind.Absolute, out var uri) || !IsWeb(uri) || uri.UserInfo.Length > 0 ? "must be an absolute http or https URL without user information"
        : IPAddress.TryParse(uri.DnsSafeHost, out var address) && IsForbidden(address) ? "must not be a link-local address"
        : null;

    /// <summary>A URL below a base, whose query is kept.</summary>
    public static Uri Under(Uri baseUrl, string path) =>
        new UriBuilder(baseUrl) { Path = baseUrl.AbsolutePath.TrimEnd('/') + path, Fragment = "" }.Uri;

    /// <summary>
    /// The handler that all calls of one provider share. Redirects, cookies, proxies and decompression are off: each would let an
    /// endpoint move a request or its key elsewhere, or a few bytes grow into many.
    /// </summary>
    public static SocketsHttpHandler CreateHandler(ModelSettings settings) => new()
    {
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        UseCookies = false,
        UseProxy = false,
        ActivityHeadersPropagator = null,
        ConnectTimeout = TimeSpan.FromSeconds(settings.ConnectSeconds),
        ConnectCallback = ConnectAsync,
        MaxResponseHeadersLength = 64,
        // What is left after the finish marker is a few bytes; whoever leaves early must be seen to leave.
        MaxResponseDrainSize = 16 * 1024,
        ResponseDrainTimeout = TimeSpan.FromMilliseconds(200),
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
    };

    /// <summary>Whether an address is link-local: there live the metadata services, whose answers are credentials.</summary>
    public static bool IsForbidden(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var count);
        // The last four bytes of 64:ff9b::/96 are an IPv4 address behind a NAT64 gateway.
        var ipv4 = count == 4 ? bytes[..4] : bytes.StartsWith((ReadOnlySpan<byte>)[0, 0x64, 0xFF, 0x9B]) ? bytes[12..] : default;
        return address.IsIPv6LinkLocal
            || address.Equals(Ipv6Metadata)
            || (ipv4.Length == 4 && ipv4[0] == 169 && ipv4[1] == 254);
    }

    /// <summary>Resolves once and connects to what was checked, so that a name cannot point elsewhere between check and use.</summary>
    private static async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var end = context.DnsEndPoint;
        var addresses = IPAddress.TryParse(end.Host, out var literal)
            ? [literal]
            : await Dns.GetHostAddressesAsync(end.Host, cancellationToken);
        var allowed = Array.FindAll(addresses, address => !IsForbidden(address));
        if (allowed.Length == 0)
        {
            throw new ModelException(
                ModelFailure.Refused,
                addresses.Length == 0 ? "the endpoint's name has no address" : "the endpoint has a link-local address; those are never called");
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, end.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
