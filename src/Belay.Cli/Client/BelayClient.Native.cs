using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Contracts.Faults;

namespace Belay.Cli.Client;

/// <content>Belay's own API, for what no AWS shape can carry. It is signed as everything else is, and its faults look the same.</content>
internal sealed partial class BelayClient
{
    /// <summary>The settings of a harness: id, version, document and tags. Null when the server has no such API.</summary>
    public async Task<JsonElement?> GetSettingsAsync(string harnessId, CancellationToken cancellationToken)
    {
        try
        {
            return await AnswerAsync($"get the settings of harness {harnessId}", HttpMethod.Get, Connection.Control, Settings(harnessId), null, cancellationToken);
        }
        catch (CliException fault) when (fault.Fault == nameof(FaultCode.UnknownOperationException))
        {
            return null;
        }
    }

    /// <summary>Replaces the document of a harness's settings. A document that changes something makes a new version.</summary>
    public Task<JsonElement> PutSettingsAsync(string harnessId, JsonObject document, CancellationToken cancellationToken) =>
        AnswerAsync(
            $"set the settings of harness {harnessId}",
            HttpMethod.Put,
            Connection.Control,
            Settings(harnessId),
            new JsonObject { ["document"] = document },
            cancellationToken);

    private static string Settings(string harnessId) => $"/belay/v1/harnesses/{Escape(harnessId)}/settings";
}
