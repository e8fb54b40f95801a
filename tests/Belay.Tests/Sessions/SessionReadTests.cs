using System.Text.Json;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Server.Sessions;
using Belay.Server.Usages;
using Belay.Server.Wire;
using Belay.Sessions;
using Belay.Storage;
using Belay.Testing.Sessions;
using Belay.Tests.Harnesses;
using Belay.Tests.Wire;

namespace Belay.Tests.Sessions;

/// <summary>The operations that read sessions, over a socket, with the engine in memory behind them.</summary>
public sealed class SessionReadTests : IAsyncLifetime
{
    private static readonly Scope Theirs = EngineWorld.Scope with { Account = "210987654321" };

    private readonly EngineWorld _world = new();
    private readonly Subscriptions _subscriptions = new();
    private WireServer _server = null!; // Set before every test.

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Session => $"/belay/v1/harnesses/{_world.Harness.HarnessId}/sessions/{EngineWorld.SessionId}";

    public async ValueTask InitializeAsync()
    {
        var reader = new SessionReader(_world.Journal, _world.Sealer, key => _world.Host.Look(key), new() { PageBudget = 30, LogBudget = 200, MaxTraceInvocations = 2 });
        var lists = new SessionLists(reader, new() { ByModel = new Dictionary<string, ModelPrice> { ["fake-1"] = new(1_000, 2_000) } });
        _server = await WireServer.StartAsync(compose: parts => parts with
        {
            Operations =
            [
                .. SessionEndpoints.Operations(lists, new OperationDriver.PlainPageTokens(), _world.Time),
                .. JournalEndpoints.Operations(reader, new(reader), _subscriptions, _world.Time),
                .. UsageEndpoints.Operations(lists, _world.Time),
            ],
            DrainAsync = async _ =>
            {
                await _world.DisposeAsync();
                await _subscriptions.CloseAsync();
            },
        });
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _world.DisposeAsync();
        _subscriptions.Dispose();
    }

    [Fact]
    public async Task Sessions_AreFoundByHowTheyEnded()
    {
        _world.Model.Say("Done.").Fail(ModelFailure.Refused, "no such model");
        await _world.InvokeAsync(EngineWorld.User("Hi"));

        Assert.Single(await SessionsAsync("?stopReason=end_turn"));
        Assert.Single(await SessionsAsync("?stopReason=end_turn&state=idle"));
        Assert.Empty(await SessionsAsync("?stopReason=max_tokens"));
        Assert.Empty(await SessionsAsync("?fault=RuntimeClientError"));

        await Assert.ThrowsAnyAsync<Exception>(() => _world.InvokeAsync(EngineWorld.User("Again")));

        Assert.Empty(await SessionsAsync("?stopReason=end_turn"));
        Assert.Single(await SessionsAsync("?fault=RuntimeClientError"));
        Assert.Empty(await SessionsAsync("?fault=ConflictException"));
    }

    [Fact]
    public async Task UnknownMembersOfAQuery_AreRefusedTogetherWithWhatElseIsWrong()
    {
        var answer = await _server.SendAsync(HttpMethod.Get, "/belay/v1/sessions?stopreason=end_turn&state=asleep&harness=hello&maxResults=0");

        Assert.Equal((400, "ValidationException"), (answer.Status, answer.ErrorType));
        var fields = answer.Json.GetProperty("fieldList").EnumerateArray().ToDictionary(field => field.GetProperty("name").GetString()!, field => field.GetProperty("message").GetString()!);
        Assert.Equal(["harness", "maxResults", "state", "stopreason"], fields.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("is no member of the query; there are: actorId, fault, harnessId, maxResults, nextToken, sessionId, since, state, stopReason, until", fields["stopreason"]);
        Assert.Contains("this operation has none", (await _server.SendAsync(HttpMethod.Get, Session + "?version=1")).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Session_IsWhatItsJournalSays()
    {
        _world.Model.Call(("a", "shell", """{"command":"echo hi"}""")).Say("Done.");
        await _world.InvokeAsync(EngineWorld.User("Hi"));

        var answer = await GetAsync(Session);

        var session = answer.GetProperty("session");
        Assert.Equal("idle", session.GetProperty("state").GetString());
        Assert.Equal((1, 2, 1), (session.GetProperty("invocations").GetInt32(), session.GetProperty("iterations").GetInt32(), session.GetProperty("toolCalls").GetInt32()));
        Assert.Equal("""{"input":20,"output":10,"cacheRead":0,"cacheWrite":0}""", session.GetProperty("usage").GetRawText());
        Assert.Equal("""{"amount":0.04,"currency":"USD"}""", session.GetProperty("cost").GetRawText());
        Assert.Equal("end_turn", session.GetProperty("stopReason").GetString());
        Assert.Equal("end_turn", answer.GetProperty("invocations")[0].GetProperty("stopReason").GetString());
        Assert.Equal(2, answer.GetProperty("models")[0].GetProperty("calls").GetInt32());
        _world.Time.Advance(TimeSpan.FromSeconds(1));
        var usage = await GetAsync("/belay/v1/usage?groupBy=harness,model");
        Assert.Equal((2, 20), (usage.GetProperty("rows")[0].GetProperty("modelCalls").GetInt32(), usage.GetProperty("rows")[0].GetProperty("usage").GetProperty("input").GetInt32()));
    }

    [Fact]
    public async Task States_FollowTheSession()
    {
        _world.Harness = _world.Harness with { Tools = [EngineWorld.Inline("ask")] };
        _world.Model.Call(("a", "ask", "{}"));
        await _world.InvokeAsync(EngineWorld.User("Hi"));
        Assert.Equal("waiting", await StateAsync());

        _world.Model.Hang(new ModelEvent.Text(0, "Half"));
        await using (await _world.StartAsync(_world.Request(EngineWorld.Results(("a", "yes")))))
        {
            Assert.Equal("running", await StateAsync());
            Assert.Single(await SessionsAsync("?state=running"));
            Assert.Empty(await SessionsAsync("?state=idle"));
        }

        Assert.Equal("idle", await StateAsync());
    }

    [Fact]
    public async Task CrashInATurn_IsInterrupted()
    {
        var key = _world.Key with { SessionId = "crashed" };
        await WriteAsync(key, "ada", new InvocationStarted("inv", "DEFAULT", "1", [], [], [], new(1, 1, 1)), new ModelIntent("inv", 1, "fake", "fake-1", 1));

        Assert.Equal("interrupted", (await SessionsAsync(""))[0].GetProperty("state").GetString());
    }

    [Theory]
    [InlineData("?sessionId=two", "other two", "mine two")]
    [InlineData("?sessionId=two&harnessId=mine", "mine two")]
    [InlineData("?sessionId=two&harnessId=mine&actorId=ada", "mine two")]
    [InlineData("?sessionId=two&harnessId=mine&actorId=bob")]
    [InlineData("?sessionId=two&harnessId=mine&until=2000-01-01T00:00:00Z")]
    [InlineData("?sessionId=two&maxResults=1", "other two")]
    [InlineData("?sessionId=one", "mine one")]
    [InlineData("?sessionId=three")]
    public async Task List_OfAnId_HasEachHarnesssOwn(string query, params string[] expected)
    {
        var begin = new EntryBody[] { new InvocationStarted("inv", "DEFAULT", "1", [], [], [], new(1, 1, 1)) };
        foreach (var (harness, session, actor) in ((string, string, string)[])[("mine", "one", "ada"), ("mine", "two", "ada"), ("other", "two", "bob")])
        {
            await WriteAsync(_world.Key with { HarnessId = harness, SessionId = session }, actor, begin);
            _world.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(expected, (await SessionsAsync(query)).Select(session => $"{session.GetProperty("harnessId")} {session.GetProperty("sessionId")}"));
    }

    [Fact]
    public async Task Trace_ShowsAStepTheMomentItIsJournaled()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _world.Model.Call(("a", "shell", """{"command":"echo hi"}""")).Reply((_, token) =>
        {
            asked.TrySetResult();
            return Never(token);
        });
        await using var accepted = await _world.StartAsync(_world.Request(EngineWorld.User("Hi")));
        await asked.Task;

        var trace = (await GetAsync($"/belay/v1/traces/{accepted.InvocationId}")).GetProperty("traces")[0];

        Assert.Equal(
            ["invoke_agent running", "execute_event_loop_cycle ok", "chat ok", "execute_tool ok", "execute_command ok", "execute_event_loop_cycle running", "chat running"],
            trace.GetProperty("spans").EnumerateArray().Where(span => span.GetProperty("operation").GetString() != "sandbox.start")
                .Select(span => $"{span.GetProperty("operation").GetString()} {span.GetProperty("status").GetString()}"));
        var traceId = trace.GetProperty("summary").GetProperty("traceId").GetString();
        Assert.Single((await GetAsync($"/belay/v1/traces/{traceId}")).GetProperty("traces").EnumerateArray());
        Assert.Equal(traceId, (await GetAsync("/belay/v1/traces")).GetProperty("traces")[0].GetProperty("traceId").GetString());
    }

    [Fact]
    public async Task TraceOfTooManyInvocations_IsRefused_AndEachOfThemIsShown()
    {
        const string TraceId = "0af7651916cd43dd8448eb211c80319c";
        for (var i = 0; i < 3; i++)
        {
            _world.Model.Say("Done.");
            await _world.InvokeAsync(_world.Request(EngineWorld.User("Hi")) with { TraceParent = $"00-{TraceId}-b7ad6b7169203331-01" });
        }

        var refused = await _server.SendAsync(HttpMethod.Get, $"/belay/v1/traces/{TraceId}");

        Assert.Equal(400, refused.Status);
        Assert.Contains("more than 2 invocations", refused.Body, StringComparison.Ordinal);
        var one = (await GetAsync("/belay/v1/traces")).GetProperty("traces")[0].GetProperty("invocation").GetProperty("invocationId").GetString();
        Assert.Single((await GetAsync($"/belay/v1/traces/{one}")).GetProperty("traces").EnumerateArray());
    }

    [Fact]
    public async Task WarmList_ReadsNoJournal()
    {
        for (var i = 0; i < 20; i++)
        {
            await TurnAsync(_world.Key with { SessionId = $"session-{i}" });
        }

        Assert.Equal(20, (await SessionsAsync("")).Count);
        var reads = _world.Journal.Reads;

        Assert.Equal(20, (await SessionsAsync("")).Count);
        Assert.Equal(20, (await GetAsync("/belay/v1/traces?maxResults=50")).GetProperty("traces").GetArrayLength());
        await GetAsync("/belay/v1/usage?interval=hour&groupBy=actor");

        Assert.Equal(reads, _world.Journal.Reads);
        await TurnAsync(_world.Key with { SessionId = "one-more" });
        await SessionsAsync("");
        Assert.Equal(reads + 1, _world.Journal.Reads);
    }

    [Theory]
    [InlineData("sessions")]
    [InlineData("traces")]
    public async Task Lists_ArePaged_EachOnce_WithBoundedWork(string what)
    {
        const int Count = 75;
        for (var i = 0; i < Count; i++)
        {
            await TurnAsync(_world.Key with { SessionId = $"session-{i:00}" });
            _world.Time.Advance(TimeSpan.FromSeconds(i % 3));
        }

        var (seen, pages, token) = (new List<string>(), 0, "");
        do
        {
            var before = _world.Journal.Reads;
            var page = await GetAsync($"/belay/v1/{what}?maxResults=10{token}");
            Assert.InRange(_world.Journal.Reads - before, 0, 31);
            Assert.InRange(page.GetProperty(what).GetArrayLength(), 0, 10);
            seen.AddRange(page.GetProperty(what).EnumerateArray().Select(item => item.GetProperty("sessionId").GetString()!));
            token = page.TryGetProperty("nextToken", out var next) ? $"&nextToken={Uri.EscapeDataString(next.GetString()!)}" : "";
            Assert.InRange(++pages, 1, 20);
        }
        while (token.Length > 0);

        Assert.Equal(Count, seen.Distinct().Count());
        Assert.Equal(Count, seen.Count);
        Assert.Equal("session-74", seen[0]);
    }

    [Fact]
    public async Task List_IsNarrowedByActorTimeAndHarness()
    {
        await TurnAsync(_world.Key with { SessionId = "one" }, "ada");
        _world.Time.Advance(TimeSpan.FromMinutes(1));
        var minute = Uri.EscapeDataString(_world.Time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture));
        await TurnAsync(_world.Key with { SessionId = "two" }, "bob");

        Assert.Equal(["two", "one"], await IdsAsync(""));
        Assert.Equal(["one"], await IdsAsync("?actorId=ada"));
        Assert.Empty(await IdsAsync("?actorId=nobody"));
        Assert.Equal(["two"], await IdsAsync($"?since={minute}"));
        Assert.Equal(["one"], await IdsAsync($"?until={minute}"));
        Assert.Empty(await IdsAsync("?harnessId=other-AAAAAAAAAA"));

        async Task<IEnumerable<string?>> IdsAsync(string query) => (await SessionsAsync(query)).Select(session => session.GetProperty("sessionId").GetString());
    }

    [Theory]
    [InlineData("sessions?state=busy", "state")]
    [InlineData("sessions?since=10:00", "since")]
    [InlineData("sessions?since=yesterday", "since")]
    [InlineData("sessions?maxResults=0", "maxResults")]
    [InlineData("sessions?nextToken=made-up", "nextToken")]
    [InlineData("logs?level=fatal", "level")]
    [InlineData("logs?follow=maybe", "follow")]
    [InlineData("logs?before=0", "before")]
    [InlineData("usage?groupBy=colour", "groupBy")]
    [InlineData("usage?interval=minute", "interval")]
    [InlineData("usage?since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z", "since")]
    public async Task WhatIsMalformed_IsNamed(string target, string field)
    {
        var answer = await _server.SendAsync(HttpMethod.Get, "/belay/v1/" + target);

        Assert.Equal((400, field), (answer.Status, answer.Json.GetProperty("fieldList")[0].GetProperty("name").GetString()));
    }

    [Fact]
    public async Task WhatIsAnothers_IsAnsweredLikeWhatDoesNotExist()
    {
        var foreign = new SessionKey(Theirs, "theirs-AAAAAAAAAA", "their-session");
        await WriteAsync(foreign, "eve", new InvocationStarted("their-invocation", "DEFAULT", "1", [], [], [], new(1, 1, 1), "0af7651916cd43dd8448eb211c80319c"));
        var (theirs, missing) = ("harnesses/theirs-AAAAAAAAAA/sessions/their-session", "harnesses/nobody-AAAAAAAAAA/sessions/none");
        foreach (var (one, other) in new[]
        {
            (theirs, missing), (theirs + "/journal", missing + "/journal"), ("traces/their-invocation", "traces/none"), ("traces/0af7651916cd43dd8448eb211c80319c", "traces/none"),
            ("traces/their-invocation?harnessId=theirs-AAAAAAAAAA&sessionId=their-session", "traces/none"),
        })
        {
            var answers = new[] { await _server.SendAsync(HttpMethod.Get, "/belay/v1/" + one), await _server.SendAsync(HttpMethod.Get, "/belay/v1/" + other) };
            Assert.All(answers, answer => Assert.Equal((404, "ResourceNotFoundException"), (answer.Status, answer.ErrorType)));
        }

        foreach (var list in new[] { "sessions", "traces", "logs" })
        {
            foreach (var narrow in new[] { "", "?harnessId=theirs-AAAAAAAAAA", "?harnessId=theirs-AAAAAAAAAA&sessionId=their-session" })
            {
                var answer = await GetAsync($"/belay/v1/{list}{narrow}");
                Assert.Equal(0, answer.GetProperty(list == "logs" ? "lines" : list).GetArrayLength());
            }
        }

        Assert.Equal(0, (await GetAsync("/belay/v1/usage?harnessId=theirs-AAAAAAAAAA")).GetProperty("rows")[0].GetProperty("invocations").GetInt32());
        Assert.Empty(await SessionsAsync("?actorId=eve"));
    }

    [Fact]
    public async Task Erased_VanishesAtOnce()
    {
        await TurnAsync(_world.Key, "ada");
        Assert.Equal("idle", await StateAsync());
        var row = await _world.Journal.FindAsync(_world.Key, Token);

        await _world.Sealer.DestroyAsync(EngineWorld.Scope, row!.ActorRef!, Token);

        Assert.Equal("erased", await StateAsync());
        Assert.Equal("erased", (await SessionsAsync(""))[0].GetProperty("state").GetString());
        Assert.Empty((await GetAsync("/belay/v1/traces")).GetProperty("traces").EnumerateArray());
        Assert.Empty((await GetAsync("/belay/v1/logs?level=debug")).GetProperty("lines").EnumerateArray());
        var journal = await _server.SendAsync(HttpMethod.Get, Session + "/journal");
        Assert.Equal(400, journal.Status);
        Assert.Contains("erased", journal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task EntryOfANewerVersion_IsSaidInSoManyWords()
    {
        await TurnAsync(_world.Key, "ada");
        await AppendUnknownAsync();

        Assert.Equal("unreadable", (await SessionsAsync(""))[0].GetProperty("state").GetString());
        Assert.Contains("newer version", (await GetAsync(Session)).GetProperty("session").GetProperty("why").GetString(), StringComparison.Ordinal);
        var page = await GetAsync(Session + "/journal");
        var rest = await _server.SendAsync(HttpMethod.Get, $"{Session}/journal?after={page.GetProperty("nextAfter").GetInt64()}");
        Assert.Equal(400, rest.Status);
        Assert.Contains("newer version", rest.Message, StringComparison.Ordinal);
        var lines = (await GetAsync("/belay/v1/logs")).GetProperty("lines");
        Assert.Contains("newer version", lines[lines.GetArrayLength() - 1].GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Journal_IsPaged_WithBodiesAsTheyWereStored()
    {
        await WriteAsync(_world.Key, "ada", [.. JournalJsonTests.Samples, new ToolIntent("i", "u", "t", "s", JsonElement.Parse("""{ "b":1.0e+2, "a":"\ud800" }"""), "run")]);
        var (sequences, after, last) = (new List<long>(), 0L, "");
        while (true)
        {
            var answer = await _server.SendAsync(HttpMethod.Get, $"{Session}/journal?maxResults=4&after={after}");
            last = answer.Body;
            sequences.AddRange(answer.Json.GetProperty("entries").EnumerateArray().Select(entry => entry.GetProperty("sequence").GetInt64()));
            if (!answer.Json.TryGetProperty("nextAfter", out var next))
            {
                break;
            }

            after = next.GetInt64();
        }

        Assert.Equal(Enumerable.Range(1, JournalJsonTests.Samples.Count + 1).Select(i => (long)i), sequences);
        Assert.Contains("""{ "b":1.0e+2, "a":"\ud800" }""", last, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Logs_AreTheNewestLines_AndGoOnBackwards()
    {
        for (var i = 0; i < 5; i++)
        {
            await TurnAsync(_world.Key with { SessionId = $"session-{i}" });
        }

        var whole = Lines(await GetAsync("/belay/v1/logs?level=debug&maxResults=1000"));
        var (pieces, before) = (new List<string>(), "");
        do
        {
            var page = await GetAsync($"/belay/v1/logs?level=debug&maxResults=3{before}");
            pieces.InsertRange(0, Lines(page));
            before = page.TryGetProperty("nextBefore", out var next) ? $"&before={next.GetInt64()}" : "";
        }
        while (before.Length > 0);

        Assert.Equal(20, whole.Count);
        Assert.Equal(whole, pieces);
        Assert.Equal(5, Lines(await GetAsync("/belay/v1/logs?query=INVOCATION%20BEGAN")).Count);
        Assert.Empty(Lines(await GetAsync("/belay/v1/logs?level=error")));

        static List<string> Lines(JsonElement page) =>
            [.. page.GetProperty("lines").EnumerateArray().Select(line => $"{line.GetProperty("sessionId").GetString()} {line.GetProperty("sequence").GetInt64()}")];
    }

    internal static async IAsyncEnumerable<ModelEvent> Never([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.Delay(Timeout.Infinite, cancellationToken);
        yield break;
    }

    private async Task TurnAsync(SessionKey key, string actor = "ada") => await WriteAsync(
        key,
        actor,
        new InvocationStarted($"inv-{key.SessionId}", "DEFAULT", "1", [], [], [], new(1, 1, 1), null, actor),
        new ModelIntent($"inv-{key.SessionId}", 1, "fake", "fake-1", 1),
        new ModelOutcome($"inv-{key.SessionId}", 1, null, HarnessStopReason.EndTurn, new(10, 5), [], 1, 1, null, null),
        new InvocationEnded($"inv-{key.SessionId}", HarnessStopReason.EndTurn, "Done.", new(10, 5), 1, 1, null));

    private async Task WriteAsync(SessionKey key, string actor, params EntryBody[] bodies)
    {
        await using var session = await SessionJournal.OpenAsync(_world.Journal, _world.Sealer, _world.Time, key, "writer", Token);
        await session.FixActorAsync(actor, Token);
        await session.AppendAsync(bodies, Durability.Synced, Token);
    }

    private async Task AppendUnknownAsync()
    {
        var row = (await _world.Journal.FindAsync(_world.Key, Token))!; // It was just written.
        var key = (await _world.Sealer.FindAsync(EngineWorld.Scope, row.ActorRef!, Token))!; // As above.
        var chain = new EntryChain(_world.Key);
        var header = chain.Header(row.LastSequence + 1, row.LastActivityAt, (EntryKind)999, row.ActorRef, key.KeyId, row.LastHash.Span);
        var body = _world.Sealer.Seal(key, "{}"u8, header);
        var lease = await _world.Journal.TakeAsync(_world.Key, "writer", Token);
        await _world.Journal.AppendAsync(
            lease, [new(row.LastSequence + 1, row.LastActivityAt, (EntryKind)999, row.ActorRef, key.KeyId, row.LastHash, EntryChain.Hash(header, body), body)], Durability.Synced, Token);
        await _world.Journal.ReleaseAsync(lease, Token);
    }

    private async Task<string?> StateAsync() => (await GetAsync(Session)).GetProperty("session").GetProperty("state").GetString();

    private async Task<IReadOnlyList<JsonElement>> SessionsAsync(string query) =>
        [.. (await GetAsync("/belay/v1/sessions" + query)).GetProperty("sessions").EnumerateArray()];

    private async Task<JsonElement> GetAsync(string target)
    {
        var answer = await _server.SendAsync(HttpMethod.Get, target);
        Assert.True(answer.Status == 200, answer.Body);
        return answer.Json;
    }
}
