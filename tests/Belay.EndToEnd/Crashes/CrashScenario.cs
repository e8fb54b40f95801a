using System.Globalization;
using System.Text.Json.Nodes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Crashes;

/// <summary>How a scenario's client asks.</summary>
public enum CrashClient
{
    /// <summary>It invokes and reads the stream.</summary>
    Attached,

    /// <summary>It starts a detached invocation and follows the session's events.</summary>
    Detached,

    /// <summary>It runs a command.</summary>
    Command,

    /// <summary>It forks another session, then invokes the fork and reads the stream.</summary>
    Forked,
}

/// <summary>
/// Something that a client does with a session, in the middle of which servers die. Whoever adds a kind of thing that is journaled adds a
/// scenario here.
/// </summary>
/// <param name="Name">Its name; the client says it, and so the model knows what to answer.</param>
/// <param name="Client">How the client asks.</param>
/// <param name="Replies">What the model calls: each is the effects that one reply wants, all at once. <see cref="Approval"/> is a call that the
/// client answers. After the last comes <see cref="LastText"/>.</param>
public sealed record CrashScenario(string Name, CrashClient Client, params string[][] Replies)
{
    /// <summary>What the model says at the end of every scenario.</summary>
    public const string LastText = "It is done.";

    /// <summary>What the model says to a client that asks whether the session still answers.</summary>
    public const string StillHere = "Still here.";

    /// <summary>What is said in a session before it is forked.</summary>
    public const string Past = "Remember this.";

    /// <summary>The tool that the client runs.</summary>
    public const string Approval = "approve";

    /// <summary>Reads more of the result before, of which the model was shown a part.</summary>
    public const string Retrieval = "retrieve";

    private const string Done = "Steps done: ";

    // Messages of a conversation that the model of this scenario takes.
    private const int Window = 4;
    private const string SummaryRequest = "Condense the conversation above into notes.";
    private const string Log = "/workspace/effects";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<CrashScenario> All { get; } =
    [
        new("plain", CrashClient.Attached),
        new("tool", CrashClient.Attached, ["one"], ["two"]),
        new("parallel", CrashClient.Attached, ["one", "two", "three"]),
        new("pause", CrashClient.Attached, [Approval], ["one"]),
        new("detached", CrashClient.Detached, ["one"], ["two", "three"]),
        new("command", CrashClient.Command, ["one"]),
        new("fork", CrashClient.Forked, ["one"]),
        new("summary", CrashClient.Detached, ["one"], ["two"], ["three"]),
        new("offload", CrashClient.Detached, ["one"], [Retrieval]),
    ];

    /// <summary>The shell command that has an effect, and says so.</summary>
    public static string Command(string effect) => $"echo {effect} >> {Log} && echo appended {effect}";

    /// <summary>The shell command that shows which effects there were.</summary>
    public static string Look => $"cat {Log} 2>/dev/null; true";

    /// <summary>What the client says.</summary>
    public string Question => $"Do {Name}.";

    /// <summary>Effects of an undisturbed run.</summary>
    public IReadOnlyList<string> Effects => [.. Replies.SelectMany(effects => effects).Where(effect => effect is not (Approval or Retrieval))];

    /// <summary>What the model answers to a conversation: the same, whoever asks how often.</summary>
    public static ChatReply Reply(ChatRequest request)
    {
        var question = request.Messages.Where(message => (string?)message["role"] == "user").Select(ChatRequest.TextOf).Last().Split('\n')[^1];
        if (question.EndsWith(SummaryRequest, StringComparison.Ordinal))
        {
            // The notes say what the next replies are counted from, and end as the conversation began.
            var summarised = All.First(one => request.Messages.Any(message => ChatRequest.TextOf(message).Split('\n').Contains(one.Question)));
            return ChatReply.Say(string.Create(CultureInfo.InvariantCulture, $"{Done}{DoneBefore(request) + request.Roles.Count(role => role == "assistant")}\n{summarised.Question}"));
        }

        if (All.FirstOrDefault(one => one.Question == question) is not { } scenario)
        {
            return ChatReply.Say(StillHere);
        }

        if (scenario.Name == "summary" && request.Roles.Count(role => role != "system") > Window)
        {
            return new ChatReply.Error(400, "This model's maximum context length is 10 tokens.");
        }

        var calls = DoneBefore(request) + request.Roles.Reverse().TakeWhile(role => role != "user").Count(role => role == "assistant");
        List<ChatPiece> pieces = [new ChatPiece.Text("It is "), new ChatPiece.Text(calls < scenario.Replies.Length ? string.Create(CultureInfo.InvariantCulture, $"step {calls}.") : "done.")];
        if (calls == scenario.Replies.Length)
        {
            return new ChatReply.Streamed(pieces, "stop", new(7, 3));
        }

        pieces.AddRange(scenario.Replies[calls].Select((effect, i) => effect switch
        {
            Approval => new ChatPiece.ToolCall(i, Approval, """{"amount":1}"""),
            Retrieval => new ChatPiece.ToolCall(i, "retrieve_offloaded_content", new JsonObject { ["path"] = PathIn(request), ["pattern"] = "appended" }.ToJsonString()),
            _ => new ChatPiece.ToolCall(i, "shell", new JsonObject { ["command"] = Command(effect) + (scenario.Name == "offload" ? " && seq 1000" : "") }.ToJsonString()),
        }));
        return new ChatReply.Streamed(pieces, "tool_calls", new(7, 3));
    }

    private static int DoneBefore(ChatRequest request) => request.Messages
        .SelectMany(message => ChatRequest.TextOf(message).Split('\n'))
        .Where(line => line.StartsWith(Done, StringComparison.Ordinal))
        .Select(line => int.Parse(line[Done.Length..], CultureInfo.InvariantCulture))
        .LastOrDefault();

    // Nothing to be read when the result is that of a call that a crash cut off.
    private static string PathIn(ChatRequest request) => request.Messages
        .Select(ChatRequest.TextOf)
        .Where(text => text.Contains(" characters in .belay/results/", StringComparison.Ordinal))
        .Select(text => text.Split(" characters in ")[1].Split(';')[0])
        .LastOrDefault("nowhere");
}
