using System.Globalization;
using System.Text.Json;
using Belay.Cli.Serving;
using Belay.Server.Logging;
using Belay.Testing;
using Belay.Tests.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Tests.Logging;

public sealed class LogLevelTests
{
    private const string Path = "/belay/v1/log-level";

    [Theory]
    [InlineData("Belay.Sessions", LogLevel.Debug, LogLevel.Debug, true)]
    [InlineData("Belay.Sessions", LogLevel.Debug, LogLevel.Trace, false)]
    [InlineData("Belay.Sessions", LogLevel.None, LogLevel.Critical, false)]
    [InlineData("Belay.Sessions", LogLevel.Trace, LogLevel.None, false)]
    [InlineData("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Trace, LogLevel.Information, false)]
    [InlineData("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Trace, LogLevel.Warning, true)]
    [InlineData("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Error, LogLevel.Warning, false)]
    [InlineData("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Trace, LogLevel.Critical, false)]
    public void Level_DecidesWhatIsWritten(string category, LogLevel least, LogLevel level, bool written) =>
        Assert.Equal(written, new LogLevels(least).Writes(category, level));

    [Fact]
    public async Task Level_IsReadAndSetWhileTheServerRuns()
    {
        var levels = new LogLevels(LogLevel.Information);
        await using var server = await StartAsync(levels, "000000000000");

        var before = await server.SendAsync(HttpMethod.Get, Path);
        var set = await server.SendAsync(HttpMethod.Put, Path, """{"level":"debug"}""");

        Assert.Equal((200, """{"level":"information"}"""), (before.Status, before.Body));
        Assert.Equal((200, """{"level":"debug"}"""), (set.Status, set.Body));
        Assert.Equal(LogLevel.Debug, levels.Level);
    }

    [Fact]
    public async Task UnknownLevel_IsRefusedByName()
    {
        var levels = new LogLevels(LogLevel.Information);
        await using var server = await StartAsync(levels, "000000000000");

        var answer = await server.SendAsync(HttpMethod.Put, Path, """{"level":"loud"}""");

        Assert.Equal((400, "ValidationException"), (answer.Status, answer.ErrorType));
        Assert.Contains("must be one of trace, debug, information, warning, error, critical, none.", answer.Body, StringComparison.Ordinal);
        Assert.Equal(LogLevel.Information, levels.Level);
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("PUT")]
    public async Task OtherAccounts_MayNot(string method)
    {
        var levels = new LogLevels(LogLevel.Information);
        await using var server = await StartAsync(levels, "111122223333");

        var answer = await server.SendAsync(new HttpMethod(method), Path, method == "PUT" ? """{"level":"trace"}""" : null);

        Assert.Equal((403, "AccessDeniedException"), (answer.Status, answer.ErrorType));
        Assert.Equal(LogLevel.Information, levels.Level);
    }

    [Fact]
    public void JsonLines_AreOneObjectEach_WithWhatTheScopesSay()
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        var scopes = new LoggerExternalScopeProvider();
        using var outer = scopes.Push(new[] { KeyValuePair.Create("requestId", (object?)"r-1"), KeyValuePair.Create("ConnectionId", (object?)"c-1") });
        using var inner = scopes.Push(new[] { KeyValuePair.Create("sessionId", (object?)"s-1"), KeyValuePair.Create("traceId", (object?)"t-1") });
        var entry = new LogEntry<string>(
            LogLevel.Warning, "Belay.Test", new EventId(7, "Happened"), "Two\nlines and a \"quote\".", new InvalidOperationException("broken"), (state, _) => state);

        new JsonLogLines(new ManualTime()).Write(entry, scopes, output);

        var line = output.ToString();
        Assert.Equal(line.Length - 1, line.IndexOf('\n', StringComparison.Ordinal));
        var members = JsonDocument.Parse(line).RootElement.EnumerateObject().ToDictionary(member => member.Name, member => member.Value.GetString());
        Assert.Equal(["time", "level", "category", "event", "message", "requestId", "sessionId", "traceId", "exception"], members.Keys);
        Assert.Equal(
            ("2026-01-01T00:00:00.000Z", "warning", "Belay.Test", "Happened", "Two\nlines and a \"quote\".", "r-1", "s-1", "t-1"),
            (members["time"], members["level"], members["category"], members["event"], members["message"], members["requestId"], members["sessionId"], members["traceId"]));
    }

    [Fact]
    public void TextLines_AreOneLineEach_AndNameTheSession()
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        var scopes = new LoggerExternalScopeProvider();
        using (scopes.Push(new Dictionary<string, object?> { ["requestId"] = "r-1", ["sessionId"] = "s-\n\e[2J1" }))
        {
            new TextLogLines(new ManualTime()).Write(
                new LogEntry<string>(LogLevel.Warning, "Belay.Test", new EventId(7, "Happened"), "Two\nlines.", new InvalidOperationException("why"), (state, _) => state), scopes, output);
        }

        new TextLogLines(new ManualTime()).Write(new LogEntry<string>(LogLevel.Debug, "Belay.Test", default, "No session.", null, (state, _) => state), scopes, output);

        Assert.Equal(
            """
            2026-01-01T00:00:00.000Z warn: Belay.Test Two lines. (session s-  [2J1) System.InvalidOperationException: why
            2026-01-01T00:00:00.000Z dbug: Belay.Test No session.

            """,
            output.ToString());
    }

    [Fact]
    public async Task Requests_AreLinesWithOperationStatusTimeAndSession()
    {
        await using var server = await NativeServer.StartAsync();

        await server.SignedAsync(HttpMethod.Get, "/belay/v1/sessions");
        await server.SignedAsync(HttpMethod.Get, "/belay/v1/harnesses/hello-0123456789/sessions/my-session");

        Assert.Matches(@"ListSessions answered 200 after \d+ ms \(request [0-9a-f-]{36}\)\.", server.Log.Text);
        Assert.Matches(@"GetSession refused with 404 ResourceNotFoundException after \d+ ms \(request [0-9a-f-]{36}\)\.", server.Log.Text);
        Assert.Contains("sessionId=my-session", server.Log.Text, StringComparison.Ordinal);
    }

    private static Task<WireServer> StartAsync(LogLevels levels, string account) =>
        WireServer.StartAsync(compose: parts => parts with { Operations = [.. LogLevelEndpoints.Operations(levels, account, NullLogger.Instance)] });
}
