using System.Text.Json.Nodes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Sessions;

/// <summary>A large result in a real sandbox: a file for whoever looks, a part for the model, and all of it again when the file is gone.</summary>
public sealed class OffloadedFilesTests(SharedServer shared)
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task LargeResult_IsInTheWorkspace_AndIsReadAgainWhenItIsGone()
    {
        await using var provider = await ChatCompletionsServer.StartAsync(Reply, CancellationToken);
        var client = (await shared.StartedAsync()).Client;
        var arn = await shared.CreateHarnessAsync(new() { ["model"] = provider.Model(), ["tags"] = new JsonObject { ["belay:offloadToolResultsAbove"] = "200" } }, CancellationToken);
        var id = $"a-session-with-large-results-{Guid.CreateVersion7():N}";

        var first = await client.TurnAsync(arn, id, "Count.", CancellationToken);

        Assert.Null(first.Exception);
        Assert.Contains("1999\\n2000\\n", first.ToolResults[0], StringComparison.Ordinal);
        Assert.Equal("8396: 1900\n8401: 1901\n", first.ToolResults[1][..22]);
        var path = PathIn(provider.Requests[1]);
        Assert.InRange(ChatRequest.TextOf(provider.Requests[1].Messages[^1]).Length, 400, 650);
        Assert.EndsWith("\n2000\nstderr:\nexit_code: 0", (await client.CommandAsync(arn, id, $"cat {path}", CancellationToken)).Stdout, StringComparison.Ordinal);
        var traces = await client.CallAsync(HttpMethod.Get, $"/belay/v1/traces?sessionId={id}", null, CancellationToken);
        var trace = await client.CallAsync(HttpMethod.Get, $"/belay/v1/traces/{traces["traces"]![0]!["traceId"]}", null, CancellationToken);
        Assert.Contains($"\"belay.tool.offloaded\":\"{path}\"", trace.ToJsonString(), StringComparison.Ordinal);

        await client.CommandAsync(arn, id, "rm -r .belay", CancellationToken);
        var second = await client.TurnAsync(arn, id, "Look again.", CancellationToken);

        Assert.Equal("8396: 1900\n8401: 1901\n", second.ToolResults[0][..22]);
        Assert.Equal(0, (await client.CommandAsync(arn, id, $"test -s {path}", CancellationToken)).ExitCode);
        var verdict = await client.CallAsync(HttpMethod.Post, $"/belay/v1/harnesses/{arn.Split('/')[^1]}/sessions/{id}/replay", new JsonObject(), CancellationToken);
        Assert.True((bool)verdict["identical"]!, verdict.ToJsonString());
    }

    private static ChatReply Reply(ChatRequest request)
    {
        var done = request.ToolResultsSinceUser;
        return ChatRequest.TextOf(request.Messages.Last(message => (string?)message["role"] == "user")) == "Count." && done == 0
            ? ChatReply.Call("shell", new() { ["command"] = "seq 2000" })
            : ChatRequest.TextOf(request.Messages[^1]).StartsWith("8396: ", StringComparison.Ordinal)
                ? ChatReply.Say("Done.")
                : ChatReply.Call("retrieve_offloaded_content", new() { ["path"] = PathIn(request), ["pattern"] = "19", ["offset"] = 8396 });
    }

    private static string PathIn(ChatRequest request) =>
        request.Messages.Select(ChatRequest.TextOf).First(text => text.Contains(" characters in .belay/", StringComparison.Ordinal)).Split(" characters in ")[1].Split(';')[0];
}
