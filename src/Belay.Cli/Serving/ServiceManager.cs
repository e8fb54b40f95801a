using System.Net.Sockets;
using System.Text;

namespace Belay.Cli.Serving;

/// <summary>Tells the service manager that started the server how it is: systemd's notify protocol, one datagram for each state.</summary>
internal static class ServiceManager
{
    /// <summary>Requests are served.</summary>
    public const string Ready = "READY=1";

    /// <summary>The server has been told to stop, and drains.</summary>
    public const string Stopping = "STOPPING=1";

    /// <summary>Tells a state; does nothing where no manager asks to be told.</summary>
    /// <param name="socketPath">What <c>NOTIFY_SOCKET</c> says: a path, or with @ before it an abstract name; null when nobody asks.</param>
    /// <param name="state">The state.</param>
    public static void Tell(string? socketPath, string state)
    {
        if (socketPath is null)
        {
            return;
        }

        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            socket.SendTo(Encoding.ASCII.GetBytes(state), new UnixDomainSocketEndPoint(socketPath[0] == '@' ? '\0' + socketPath[1..] : socketPath));
        }
        catch (Exception gone) when (gone is SocketException or ArgumentException)
        {
            // A manager that is not there misses nothing; the server runs all the same.
        }
    }
}
