using System.Reflection;
using Belay.Contracts;
using Belay.Contracts.Doctor;
using Belay.Doctor;
using Belay.Models;
using Belay.Sandboxes;
using Belay.Server.Wire;
using Belay.Storage;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Doctor;

/// <summary>
/// The native operation that says how the server is. It calls no provider and tells no path and no secret. Its first call has the
/// sandbox driver try all its guarantees, which takes a moment; the others repeat what that found.
/// </summary>
public static class DoctorEndpoints
{
    /// <summary>The operation.</summary>
    /// <param name="settings">How the server was started.</param>
    /// <param name="documents">The store, which is written to.</param>
    /// <param name="driver">Name of the sandbox driver in use.</param>
    /// <param name="probeAsync">What the driver guarantees, tried once.</param>
    /// <param name="sandbox">Driver and label, as shown at the start.</param>
    /// <param name="openSessions">Sessions of an account that are in memory.</param>
    /// <param name="damagedSessions">Sessions of an account that are known to be damaged.</param>
    /// <param name="openCircuits">Models of an account that are not asked, because their last calls failed.</param>
    /// <param name="time">The clock.</param>
    public static Operation Operation(
        ServerSettings settings, IDocumentStore documents, string driver, Func<Task<SandboxProbe>> probeAsync, string sandbox, Func<string, int> openSessions, Func<string, int> damagedSessions, Func<string?, IReadOnlyList<OpenCircuit>> openCircuits, TimeProvider time)
    {
        var startedAt = time.GetUtcNow();
        var version = typeof(DoctorEndpoints).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
        return new("Examine", HttpMethods.Get, NativeApi.Root + "/doctor", Wire.Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var scope = call.Caller.Scope;
            var answer = new ExamineResponse
            {
                Version = version,
                StartedAt = startedAt,
                Account = scope.Account,
                Sandbox = sandbox,
                OpenSessions = openSessions(scope.Account),
                Findings =
                [
                    await StoreAsync(documents, settings.Storage, scope, call.RequestId, cancellationToken),
                    Checks.Journals(damagedSessions(scope.Account)),
                    Checks.Disk(settings.DataDirectory),
                    Checks.KeyFiles(settings.DataDirectory),
                    Checks.Clock(settings.DataDirectory, time.GetUtcNow()),
                    Checks.OpenFiles(),
                    Checks.Models(settings.ModelCredentials),
                    Checks.Circuits(openCircuits(scope.Account)),
                    .. Checks.Sandbox(driver, await probeAsync().WaitAsync(cancellationToken)),
                ],
            };
            await call.RespondAsync(StatusCodes.Status200OK, answer, BelayJson.Default.ExamineResponse);
        })
        {
            About = () => new("Says what this server is, what it guarantees, and what is wrong with it.", null, BelayJson.Default.ExamineResponse),
        };
    }

    private static async Task<Finding> StoreAsync(IDocumentStore documents, StorageSettings settings, Scope scope, string requestId, CancellationToken cancellationToken)
    {
        // Written, read and removed again: what a disk that is full or gone would refuse.
        var key = new DocumentKey("examinations", requestId);
        try
        {
            var works = await documents.WriteAsync(scope, [new DocumentWrite(key, new byte[] { (byte)'1' }, 0)], cancellationToken)
                && await documents.GetAsync(scope, key, cancellationToken) is not null
                && await documents.WriteAsync(scope, [new DocumentWrite(key, null, null)], cancellationToken);
            return works
                ? Checks.Of("store", FindingStatus.Ok, $"SQLite {Checks.SqliteVersion()} can be written and read; {Checks.Durability(settings.Synchronous)}.")
                : Checks.Of("store", FindingStatus.Failed, "The store did not keep what was written.");
        }
        catch (Exception failure) when (failure is StorageException or IOException)
        {
            return Checks.Of("store", FindingStatus.Failed, "The store cannot be written; the server's log says why.");
        }
    }
}
