using Belay.Backups;
using Belay.Contracts.Faults;
using Belay.Contracts.Operators;
using Belay.Server.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Belay.Server.Backups;

/// <summary>
/// Streams a backup of everything that the server keeps. For keys of the operator's account, because it holds what belongs to every
/// account; one at a time. A backup that fails in the middle breaks the connection: half an archive does not look whole, and is none.
/// </summary>
public static partial class BackupEndpoints
{
    /// <summary>The operations.</summary>
    /// <param name="backups">Writes the archive.</param>
    /// <param name="account">The operator's account.</param>
    /// <param name="logger">Where backups are noted.</param>
    public static IEnumerable<Operation> Operations(BackupWriter backups, string account, ILogger logger)
    {
        var running = 0;
        return
        [
            new("CreateBackup", HttpMethods.Post, "/belay/v1/backup", Operation.ControlBodyBytes, async (call, cancellationToken) =>
            {
                OperatorAccount.Demand(call.Caller, account);
                var passphrase = call.Bind(OperatorJson.Default.BackupRequest).Passphrase;
                if (Interlocked.Exchange(ref running, 1) == 1)
                {
                    throw new ServiceException(FaultCode.ConflictException, "A backup is being made. Try again when it is done.");
                }

                try
                {
                    Log.Began(logger, call.Caller.AccessKeyId);
                    call.Http.Response.StatusCode = StatusCodes.Status200OK;
                    call.Http.Response.ContentType = "application/octet-stream";
                    call.Http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
                    var content = await backups.WriteAsync(call.Http.Response.Body, passphrase, progress: null, cancellationToken);
                    Log.Ended(logger, content.Files, content.Bytes, content.LeftOut);
                }
                finally
                {
                    Volatile.Write(ref running, 0);
                }
            })
        { About = () => new("Streams a sealed archive of everything that the server keeps, its master key included.", OperatorJson.Default.BackupRequest, null), NeedsAccessKey = true },
        ];
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Access key {AccessKeyId} makes a backup.")]
        public static partial void Began(ILogger logger, string accessKeyId);

        [LoggerMessage(LogLevel.Information, "The backup is made: {Files} files, {Bytes} bytes, {LeftOut} entries left out.")]
        public static partial void Ended(ILogger logger, long files, long bytes, long leftOut);
    }
}
