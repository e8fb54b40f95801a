using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Contracts.Faults;

namespace Belay.Cli.Client;

/// <content>Belay's own API, for what no AWS shape can carry. It is signed as everything else is, and its faults look the same.</content>
internal sealed partial class BelayClient
{
    /// <summary>The settings of a harness: id, version, document and tags. Null when the server has no such API.</summary>
    public async Task<JsonElement?> GetSettingsAsync(string harnessId, string? version, CancellationToken cancellationToken)
    {
        try
        {
            return await AnswerAsync($"get the settings of harness {harnessId}", HttpMethod.Get, Connection.Control, $"/belay/v1/harnesses/{Escape(harnessId)}/settings{Query(("harnessVersion", version))}", null, cancellationToken);
        }
        catch (CliException fault) when (fault.Fault == nameof(FaultCode.UnknownOperationException))
        {
            return null;
        }
    }

    /// <summary>GetLogLevel, or PutLogLevel when a level is given: the level that holds then.</summary>
    public async Task<string> LogLevelAsync(string? level, CancellationToken cancellationToken)
    {
        const string Path = "/belay/v1/log-level";
        var answer = level is null
            ? await AnswerAsync("read the log level", HttpMethod.Get, Connection.Control, Path, null, cancellationToken)
            : await AnswerAsync("set the log level", HttpMethod.Put, Connection.Control, Path, new JsonObject { ["level"] = level }, cancellationToken);
        return answer.Text("level") ?? "";
    }
}
