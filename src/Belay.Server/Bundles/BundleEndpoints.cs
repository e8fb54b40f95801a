using Belay.Bundles;
using Belay.Contracts;
using Belay.Contracts.Bundles;
using Belay.Contracts.Faults;
using Belay.Harnesses;
using Belay.Server.Wire;
using Belay.Sessions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Belay.Server.Bundles;

/// <summary>
/// ExportSession and ImportSession. A bundle that fails in the middle breaks the connection: what came of it has no last line, and is no bundle.
/// </summary>
public static class BundleEndpoints
{
    /// <summary>Media type of a bundle.</summary>
    public const string MediaType = "application/vnd.belay.session";

    /// <summary>Largest bundle that is imported. While it is read it is held in memory, some times over, and one is read at a time.</summary>
    private const long MaxImportBytes = 256 * 1024 * 1024;

    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(SessionReader reader, HarnessCatalog catalog, BundleKey signer, SessionImport import, string dataDirectory, TimeProvider time) =>
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
                .WriteAsync(header, entries, (version, token) => catalog.FindVersionAsync(key, version, token), cancellationToken);
        })
        { About = () => new("Writes a session to one signed file, for replays elsewhere.", BelayJson.Default.ExportSessionRequest, null) { Faults = [FaultCode.ResourceNotFoundException] } },
        Import(import, dataDirectory, new(1, 1)),
    ];

    private static Operation Import(SessionImport import, string dataDirectory, SemaphoreSlim one) =>
        new("ImportSession", HttpMethods.Post, "/belay/v1/sessions/import", 0, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.ImportSessionRequest);
            await one.WaitAsync(cancellationToken);
            try
            {
                var bundle = await new BundleReader(new() { Bytes = MaxImportBytes }).ReadAsync(call.File!, request.Trust, cancellationToken);
                var imported = await import.RunAsync(call.Caller.Scope, bundle, request.HarnessId, request.SessionId, cancellationToken);
                var response = new ImportSessionResponse
                {
                    HarnessId = imported.Harness.HarnessId,
                    HarnessArn = imported.Harness.Arn,
                    HarnessCreated = imported.Made,
                    LeftOut = imported.Missing,
                    SessionId = imported.Session.SessionId,
                    Entries = imported.Entries,
                    Interrupted = imported.Interrupted,
                    Fingerprint = bundle.Fingerprint,
                };
                await call.RespondAsync(StatusCodes.Status201Created, response, BelayJson.Default.ImportSessionResponse);
            }
            catch (BundleException problem)
            {
                throw ServiceException.Invalid(ValidationReason.CannotParse, problem.Message, problem);
            }
            finally
            {
                one.Release();
            }
        })
        {
            File = new(dataDirectory, MaxImportBytes, MediaType),
            About = () => new("Makes a session of a file that ExportSession wrote.", BelayJson.Default.ImportSessionRequest, BelayJson.Default.ImportSessionResponse)
            {
                Status = StatusCodes.Status201Created,
                Faults = [FaultCode.ResourceNotFoundException, FaultCode.ConflictException, FaultCode.ServiceQuotaExceededException],
            },
        };

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
