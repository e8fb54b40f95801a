using Belay.Cli.CommandLine;

namespace Belay.Cli.Client;

/// <content>Sessions as files.</content>
internal sealed partial class BelayClient
{
    /// <summary>ExportSession: copies the bundle. That it is whole, only reading it tells.</summary>
    public async Task ExportSessionAsync(string harnessId, string sessionId, Stream output, CancellationToken cancellationToken)
    {
        var attempt = $"export session {sessionId}";
        var path = $"/belay/v1/harnesses/{Escape(harnessId)}/sessions/{Escape(sessionId)}/bundle";
        using var response = await SendAsync(attempt, HttpMethod.Get, Connection.Control, path, null, [], cancellationToken);
        try
        {
            await using var bundle = await response.Content.ReadAsStreamAsync(cancellationToken);
            await bundle.CopyToAsync(output, cancellationToken);
        }
        catch (Exception cause) when (cause is HttpRequestException or HttpIOException)
        {
            throw new CliException(ExitCode.Failed, $"Could not {attempt}: the server ended the bundle before it was whole.", "The server's log says why.", cause);
        }
    }
}
