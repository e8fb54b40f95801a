using Belay.Bundles;
using Belay.Contracts;
using Belay.Contracts.Bundles;
using Belay.Contracts.Faults;
using Belay.Harnesses;
using Belay.Server.Replays;
using Belay.Server.Wire;
using Belay.Sessions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Belay.Server.Bundles;

/// <summary>ExportSession. A bundle that fails in the middle breaks the connection: what came of it has no last line, and is no bundle.</summary>
public static class BundleEndpoints
{
    /// <summary>Media type of a bundle.</summary>
    public const string MediaType = "application/vnd.belay.session";

    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(SessionReader reader, HarnessCatalog catalog, BundleKey signer, TimeProvider time) =>
    [
        new("ExportSession", HttpMethods.Get, "/belay/v1/harnesses/{harnessId}/sessions/{sessionId}/bundle", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.ExportSessionRequest);
            var key = new SessionKey(call.Caller.Scope, request.HarnessId, request.SessionId);
            var row = await reader.RowAsync(key, cancellationToken);
            var entries = SessionJournal.ReadOpenedAsync(reader.Journal, reader.Sealer, key, 0, cancellationToken);
            await RefuseAsync(key, entries, cancellationToken);
            var header = new BundleHeader(BundleWriter.Format, key.HarnessId, key.HarnessId[..Math.Max(0, key.HarnessId.LastIndexOf('-'))], key.SessionId, time.GetUtcNow(), row.LastSequence);
            call.Http.Response.StatusCode = StatusCodes.Status200OK;
            call.Http.Response.ContentType = MediaType;
            call.Http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
            await new BundleWriter(call.Http.Response.Body, signer)
                .WriteAsync(header, entries, (version, token) => ReplayEndpoints.VersionAsync(catalog, key, version, token), cancellationToken);
        })
        { About = new("Writes a session to one signed file, for replays elsewhere.", BelayJson.Default.ExportSessionRequest, null) { Faults = [FaultCode.ResourceNotFoundException] } },
    ];

    // What can be known before anything is sent is said as a fault.
    private static async Task RefuseAsync(SessionKey key, IAsyncEnumerable<OpenedEntry> entries, CancellationToken cancellationToken)
    {
        try
        {
            if (await entries.FirstOrDefaultAsync(cancellationToken) is { Entry.Body: SessionForked })
            {
                throw ServiceException.Invalid(
                    ValidationReason.ResourceConflict, $"Session {key.SessionId} was forked; a bundle of it would need the session that it came from.");
            }
        }
        catch (JournalException problem) when (problem is not JournalDamagedException)
        {
            throw ServiceException.Invalid(ValidationReason.ResourceConflict, problem.Message, problem);
        }
    }
}
