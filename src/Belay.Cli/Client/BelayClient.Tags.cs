using System.Text.Json;
using System.Text.Json.Nodes;

namespace Belay.Cli.Client;

/// <content>The operations on tags.</content>
internal sealed partial class BelayClient
{
    /// <summary>ListTagsForResource.</summary>
    public Task<JsonElement> ListTagsAsync(string arn, CancellationToken cancellationToken) =>
        AnswerAsync($"list the tags of {arn}", HttpMethod.Get, Connection.Control, $"/tags/{Escape(arn)}", null, cancellationToken);

    /// <summary>TagResource: adds tags, or gives those that are there a new value.</summary>
    public Task TagAsync(string arn, JsonObject tags, CancellationToken cancellationToken) =>
        AnswerAsync($"tag {arn}", HttpMethod.Post, Connection.Control, $"/tags/{Escape(arn)}", new JsonObject { ["tags"] = tags }, cancellationToken);

    /// <summary>UntagResource.</summary>
    public Task UntagAsync(string arn, IEnumerable<string> keys, CancellationToken cancellationToken) =>
        AnswerAsync($"untag {arn}", HttpMethod.Delete, Connection.Control, $"/tags/{Escape(arn)}{Query([.. keys.Select(key => ("tagKeys", (string?)key))])}", null, cancellationToken);
}
