using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Belay.Testing.Clients;
using Belay.Testing.Processes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Sessions;

/// <summary>A detached run whose server is killed in the middle of a reply: whoever followed it goes on, and is told what is void.</summary>
public sealed class EventResumeTests : IAsyncLifetime
{
    private const string Session = "a-detached-session-whose-server-is-killed";

    private ChatCompletionsServer _provider = null!; // Set before every test.
    private BelayProcess _server = null!; // As above.

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _provider = await ChatCompletionsServer.StartAsync(_ => ChatReply.Say("Done."), CancellationToken);
        _server = await BelayProcess.StartAsync(CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _provider.DisposeAsync();
    }

    [Fact]
    public async Task KilledInAReply_FollowersGoOn_AndNothingIsLostOrComesTwice()
    {
        var asked = 0;
        _provider.Answer = _ => ++asked switch
        {
            1 => ChatReply.Call("shell", new JsonObject { ["command"] = "echo one" }),
            2 => new ChatReply.Streamed([new ChatPiece.Text("It is "), new ChatPiece.Text("nearly"), new ChatPiece.Pause(left => Task.Delay(Timeout.Infinite, left))], "stop"),
            _ => ChatReply.Say("It is done."),
        };
        var harness = await _server.Client.CreateHarnessAsync("followed", new JsonObject { ["model"] = _provider.Model() }, CancellationToken);
        var arn = (string)harness["arn"]!;
        var path = $"/belay/v1/harnesses/{arn.Split('/')[^1]}/sessions/{Session}/events";
        await BelayAsync("invoke", "--harness", arn, "--session-id", Session, "--detach", "Go on.");
        var token = (await BelayAsync("keys", "token", "--name", "reader", "--data", _server.DataDirectory)).Output.Trim();
        using var waiting = Wait();
        var shown = await ReadUntilAsync(waiting.StandardOutput, "nearly");

        // 1. Up to the middle of the second reply, and then no server.
        var seen = await FollowAsync(path, token, null, one => Text(one) == "nearly");
        await _server.Kill9Async(CancellationToken);

        // 2. The same data again: the reader goes on from the last event that it had.
        await _server.StartAgainAsync(CancellationToken);
        seen.AddRange(await FollowAsync(path, token, seen[^1].Id, one => one.Name == "invocationEnded"));

        // 3. The undisturbed transcript is what was seen without what is void.
        var gone = Assert.Single(seen, one => one.Name == "modelVoided").Data.GetProperty("data").GetProperty("void").GetInt64();
        Assert.Equal("nearly", Text(seen.Last(one => IsOf(one, gone))));
        var all = await FollowAsync(path + "?follow=false", token, null, _ => false);
        Assert.Equal(all.Select(one => one.Data.GetRawText()), seen.Where(one => !IsOf(one, gone)).Select(one => one.Data.GetRawText()));
        Assert.Equal("It is done.", string.Concat(all.Select(Text)));
        Assert.Equal("end_turn", all[^1].Data.GetProperty("data").GetProperty("stopReason").GetString());

        // 4. Who waited in a terminal saw the same.
        shown += await waiting.StandardOutput.ReadToEndAsync(CancellationToken);
        var notes = await waiting.StandardError.ReadToEndAsync(CancellationToken);
        await waiting.WaitForExitAsync(CancellationToken);
        Assert.Equal((0, "It is nearly\nIt is done.\n"), (waiting.ExitCode, shown));
        Assert.Contains("asked for again", notes, StringComparison.Ordinal);
    }

    private Process Wait()
    {
        var start = _server.ClientProgram("dotnet", RepositoryPaths.Cli, "wait", Session, "--port", $"{_server.Port}");
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        return Process.Start(start)!;
    }

    private static async Task<string> ReadUntilAsync(StreamReader reader, string text)
    {
        var (read, part) = ("", new char[256]);
        while (!read.Contains(text, StringComparison.Ordinal))
        {
            var count = await reader.ReadAsync(part.AsMemory(), CancellationToken);
            Assert.True(count > 0, $"ended with: {read}");
            read += new string(part, 0, count);
        }

        return read;
    }

    private static bool IsOf(ServerSentEventReader.Event one, long entry) => one.Id!.StartsWith($"{entry}.", StringComparison.Ordinal);

    private static string? Text(ServerSentEventReader.Event one) =>
        one.Name == "contentBlockDelta" && one.Data.GetProperty("data").GetProperty("delta").TryGetProperty("text", out var text) ? text.GetString() : null;

    private async Task<List<ServerSentEventReader.Event>> FollowAsync(string path, string token, string? lastEventId, Func<ServerSentEventReader.Event, bool> isLast)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{_server.Port}{path}");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, CancellationToken);
        var seen = new List<ServerSentEventReader.Event>();
        await foreach (var one in ServerSentEventReader.ReadAsync(await response.EnsureSuccessStatusCode().Content.ReadAsStreamAsync(CancellationToken), CancellationToken))
        {
            seen.Add(one);
            if (isLast(one))
            {
                break;
            }
        }

        return seen;
    }

    private Task<ProgramRun> BelayAsync(params string[] arguments) =>
        ProgramRun.SucceedAsync(_server.ClientProgram("dotnet", [RepositoryPaths.Cli, .. arguments, "--port", $"{_server.Port}"]), Eventually.Deadline, CancellationToken);
}
