using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using Belay.Cli.CommandLine;
using Belay.Contracts.Signing;
using Belay.Server.Bundles;

namespace Belay.Cli.Client;

/// <content>Sessions as files.</content>
internal sealed partial class BelayClient
{
    /// <summary>ExportSession: copies the bundle. That it is whole, only reading it tells.</summary>
    public async Task ExportSessionAsync(string harnessId, string sessionId, bool files, Stream output, CancellationToken cancellationToken)
    {
        var attempt = $"export session {sessionId}";
        var path = $"/belay/v1/harnesses/{Escape(harnessId)}/sessions/{Escape(sessionId)}/bundle{Query(("files", files ? null : "false"))}";
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

    /// <summary>ImportSession: sends the bundle.</summary>
    public async Task<JsonElement> ImportSessionAsync(
        Stream bundle, string? harnessId, string? sessionId, string? trust, bool files, IProgress<long> progress, CancellationToken cancellationToken)
    {
        const string Attempt = "import the session";
        using var request = Request(
            HttpMethod.Post, Connection.Control, $"/belay/v1/sessions/import{Query(("harnessId", harnessId), ("sessionId", sessionId), ("trust", trust), ("files", files ? null : "false"))}");
        var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(bundle, cancellationToken));
        bundle.Position = 0;
        request.Content = new StreamContent(new ReportingStream(bundle, progress))
        {
            Headers = { ContentType = new MediaTypeHeaderValue(BundleEndpoints.MediaType), ContentLength = bundle.Length },
        };
        SigV4Signer.Sign(request, hash, Connection.Key.AccessKeyId, Connection.Key.Secret, Connection.Region, SigningName, time.GetUtcNow());
        using var response = await SendAsync(Attempt, Connection.Control, request, cancellationToken);
        return Parse(Attempt, Connection.Control, await ReadBodyAsync(Attempt, Connection.Control, response, cancellationToken));
    }
}
