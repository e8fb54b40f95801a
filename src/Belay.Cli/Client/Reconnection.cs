using System.Net.WebSockets;
using Belay.Cli.CommandLine;
using Belay.Contracts.Faults;

namespace Belay.Cli.Client;

/// <summary>
/// Whether and when a connection that ended is made again. A server that was there and is gone may come back; one that was never there, or that
/// refuses, ends the attempts. Pauses grow while nobody answers.
/// </summary>
internal sealed class Reconnection(CliHost host, TimeSpan firstPause)
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private bool _everConnected;
    private bool _connected;
    private TimeSpan _pause;

    /// <summary>A server has answered.</summary>
    public void Connected() => (_connected, _everConnected) = (true, true);

    /// <summary>Whether what ended a connection, or an attempt to make one, can pass by itself.</summary>
    /// <param name="problem">What ended it.</param>
    /// <param name="conflictPasses">Whether a conflict can: with what is left of one's own connection on the server.</param>
    public bool CanPass(Exception problem, bool conflictPasses = false) => problem switch
    {
        IOException or HttpRequestException or WebSocketException => true,
        CliException { ExitCode: ExitCode.CannotConnect } => _everConnected,
        CliException { Fault: nameof(FaultCode.ThrottlingException) or nameof(FaultCode.InternalServerException) } => _everConnected,
        CliException { Fault: nameof(FaultCode.ConflictException) } => _everConnected && conflictPasses,
        _ => false,
    };

    /// <summary>Waits for the next attempt.</summary>
    public async Task PauseAsync(CancellationToken cancellationToken)
    {
        _pause = _connected || _pause == default ? firstPause : _pause;
        if (_connected)
        {
            _connected = false;
            host.Terminal.Error.WriteLine(host.Terminal.Dim("The connection ended; trying again."));
        }

        await Task.Delay(_pause, host.Time, cancellationToken);
        _pause = _pause * 2 < LongestPause ? _pause * 2 : LongestPause;
    }
}
