using System.Net;

namespace Belay.Cli.Serving;

/// <summary>A server that runs in this process. Disposing it drains and stops it.</summary>
internal sealed class RunningServer(Uri url, string sandbox, Task stopped, Func<ValueTask> stop) : IAsyncDisposable
{
    /// <summary>Where it answers.</summary>
    public Uri Url { get; } = url;

    /// <summary>Whether it answers on every address of the machine.</summary>
    public bool IsEverywhere => IsEvery(Url);

    /// <summary>Where clients of this machine reach it.</summary>
    public string LocalUrl => Local(Url);

    /// <summary>Driver and label of the sandboxes that it starts, such as <c>process (process isolation, shared kernel)</c>.</summary>
    public string Sandbox { get; } = sandbox;

    /// <summary>Completes when the server has stopped, by itself or because it was told to.</summary>
    public Task Stopped { get; } = stopped;

    /// <summary>Where clients of this machine reach a server that listens on an address: every address is none that a client can use.</summary>
    public static string Local(Uri url) =>
        !IsEvery(url) ? url.GetLeftPart(UriPartial.Authority) : $"{url.Scheme}://{(url.HostNameType == UriHostNameType.IPv6 ? "[::1]" : "127.0.0.1")}:{url.Port}";

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => stop();

    private static bool IsEvery(Uri url) => IPAddress.TryParse(url.Host, out var address) && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any));
}
