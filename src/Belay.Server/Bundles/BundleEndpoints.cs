using Belay.Bundles;
using Belay.Contracts;
using Belay.Contracts.Bundles;
using Belay.Contracts.Faults;
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

    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(SessionExport export, SessionImport import, BundleSettings settings, string dataDirectory) =>
    [
        new("ExportSession", HttpMethods.Get, "/belay/v1/harnesses/{harnessId}/sessions/{sessionId}/bundle", Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.ExportSessionRequest);
            var key = new SessionKey(call.Caller.Scope, request.HarnessId, request.SessionId);
            await using var bundle = await export.PrepareAsync(key, request.Files ?? true, cancellationToken);
            call.Http.Response.StatusCode = StatusCodes.Status200OK;
            call.Http.Response.ContentType = MediaType;
            call.Http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
            await bundle.WriteAsync(call.Http.Response.Body, cancellationToken);
        })
        { About = () => new("Writes a session to one signed file, for replays elsewhere.", BelayJson.Default.ExportSessionRequest, null) { Faults = [FaultCode.ResourceNotFoundException] } },
        Import(import, settings, dataDirectory, new(1, 1)),
    ];

    private static Operation Import(SessionImport import, BundleSettings settings, string dataDirectory, SemaphoreSlim one) =>
        new("ImportSession", HttpMethods.Post, "/belay/v1/sessions/import", 0, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.ImportSessionRequest);
            await one.WaitAsync(cancellationToken);
            try
            {
                await using var archive = request.Files == false ? null : RequestFile.Open(dataDirectory);
                var limits = new BundleLimits { Bytes = settings.MaxImportBytes, FileBytes = settings.MaxFileBytes };
                var bundle = await new BundleReader(limits, archive).ReadAsync(call.File!, request.Trust, cancellationToken); // The operation takes a file.
                archive?.Position = 0;
                var imported = await import.RunAsync(call.Caller.Scope, bundle, archive, request.HarnessId, request.SessionId, cancellationToken);
                var response = new ImportSessionResponse
                {
                    HarnessId = imported.Harness.HarnessId,
                    HarnessArn = imported.Harness.Arn,
                    HarnessCreated = imported.Made,
                    LeftOut = imported.Missing,
                    SessionId = imported.Session.SessionId,
                    Entries = imported.Entries,
                    PastSessionIds = imported.Past,
                    Workspace = imported.Files is { } files ? new() { Entry = files.Sequence, SavedAt = files.SavedAt, Files = files.Files, Bytes = files.Bytes } : null,
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
            File = new(dataDirectory, settings.MaxImportBytes, MediaType) { Setting = "Bundles:MaxImportMiB" },
            About = () => new("Makes a session of a file that ExportSession wrote.", BelayJson.Default.ImportSessionRequest, BelayJson.Default.ImportSessionResponse)
            {
                Status = StatusCodes.Status201Created,
                Faults = [FaultCode.ResourceNotFoundException, FaultCode.ConflictException, FaultCode.ServiceQuotaExceededException],
            },
        };
}
