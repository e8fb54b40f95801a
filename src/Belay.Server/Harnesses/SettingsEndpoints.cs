using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Harnesses;
using Belay.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Harnesses;

/// <summary>The native operations on the settings of a harness that no AWS shape can carry.</summary>
public static class SettingsEndpoints
{
    private const string Settings = NativeApi.Root + "/harnesses/{harnessId}/settings";

    /// <summary>The operations.</summary>
    public static IEnumerable<Operation> Operations(HarnessCatalog catalog) =>
    [
        new("GetHarnessSettings", HttpMethods.Get, Settings, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.GetHarnessSettingsRequest);
            var (harness, settings) = await catalog.GetWithSettingsAsync(call.Caller.Scope, request.HarnessId, request.HarnessVersion, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, Response(harness, settings), BelayJson.Default.HarnessSettingsResponse);
        })
        {
            About = () => new("Shows the settings of a version.", BelayJson.Default.GetHarnessSettingsRequest, BelayJson.Default.HarnessSettingsResponse)
            {
                Faults = [FaultCode.ResourceNotFoundException],
            },
        },
        new("PutHarnessSettings", HttpMethods.Put, Settings, Operation.ControlBodyBytes, async (call, cancellationToken) =>
        {
            var request = call.Bind(BelayJson.Default.PutHarnessSettingsRequest, request => HarnessCatalog.SettingsProblems(request.Document, "document"));
            var (harness, settings) = await catalog.PutSettingsAsync(call.Caller.Scope, request.HarnessId, request.Document, cancellationToken);
            await call.RespondAsync(StatusCodes.Status200OK, Response(harness, settings), BelayJson.Default.HarnessSettingsResponse);
        })
        {
            About = () => new("Replaces the settings of a harness; a document that changes something makes the next version.", BelayJson.Default.PutHarnessSettingsRequest, BelayJson.Default.HarnessSettingsResponse)
            {
                Faults = [FaultCode.ResourceNotFoundException, FaultCode.ConflictException],
            },
        },
    ];

    private static HarnessSettingsResponse Response(Harness harness, BelaySettings settings) => new()
    {
        HarnessId = harness.HarnessId,
        HarnessVersion = harness.HarnessVersion!, // Every version that is stored has its number.
        Document = settings.Document,
        Tags = settings.Tags,
    };
}
