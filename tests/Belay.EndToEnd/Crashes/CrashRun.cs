using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using Belay.Testing.Clients;
using Belay.Testing.Providers;

namespace Belay.EndToEnd.Crashes;

/// <summary>One scenario in one session: what the client did and saw, whatever became of the server meanwhile, and what must be true afterwards.</summary>
public sealed class CrashRun(CrashServer server, ChatCompletionsServer provider, string harnessArn, CrashScenario scenario, string sessionId)
{
    private const string Interrupted = "interrupted";

    private readonly List<Shown> _shown = [];
    private bool _accepted;
    private bool _forked;
    private string _printed = "";

    private string Session => $"/belay/v1/harnesses/{harnessArn.Split('/')[^1]}/sessions/{sessionId}";

    /// <summary>Does what the scenario says, as far as the server lives.</summary>
    public async Task ActAsync(CancellationToken cancellationToken)
    {
        try
        {
            switch (scenario.Client)
            {
                case CrashClient.Attached:
                    await InvokeAsync(HarnessClient.UserText(scenario.Question), cancellationToken);
                    if (_shown.LastOrDefault(one => one.Type == "messageStop") is { } stop && (string?)stop.Data["stopReason"] == "tool_use")
                    {
                        await InvokeAsync(Approved(_shown), cancellationToken);
                    }

                    break;
                case CrashClient.Forked:
                    var past = $"past-of-{sessionId}";
                    await server.Client.TurnAsync(harnessArn, past, CrashScenario.Past, cancellationToken);
                    await server.Client.CallAsync(
                        HttpMethod.Post, $"/belay/v1/harnesses/{harnessArn.Split('/')[^1]}/sessions/{past}/forks", new JsonObject { ["newSessionId"] = sessionId }, cancellationToken);
                    _forked = true;
                    await InvokeAsync(HarnessClient.UserText(scenario.Question), cancellationToken);
                    break;
                case CrashClient.Detached:
                    var body = HarnessClient.UserText(scenario.Question);
                    body["detach"] = true;
                    await server.Client.CallAsync(HttpMethod.Post, Session + "/invocations", body, cancellationToken);
                    _accepted = true;
                    await FollowAsync(cancellationToken);
                    break;
                default:
                    _printed = (await server.Client.CommandAsync(harnessArn, sessionId, CrashScenario.Command(scenario.Effects[0]), cancellationToken)).Stdout;
                    break;
            }
        }
        catch (Exception broken) when (broken is IOException or HttpRequestException or InvalidDataException)
        {
            // The server died.
        }
    }

    /// <summary>Goes on after the server's restart, and answers everything that is wrong. An undisturbed run has nothing to forgive.</summary>
    public async Task<IReadOnlyList<string>> ProblemsAsync(CancellationToken cancellationToken)
    {
        var problems = new List<string>();

        // 1. A detached run ends by itself, and whoever followed it goes on.
        var told = await ToldAsync(cancellationToken);
        if (scenario.Client == CrashClient.Detached)
        {
            if (told.Exists(one => one.Type == "invocationStarted"))
            {
                await FollowAsync(cancellationToken);
            }

            told = await ToldAsync(cancellationToken);
            problems.AddRange(DetachedProblems(told));
        }

        // 2. A pause for the client's answer is still one.
        if (told.FindLastIndex(one => one.Type == "invocationPaused") is var pause and >= 0 && !told[pause..].Exists(one => one.Type == "invocationStarted"))
        {
            var resumed = new Turn(await server.Client.InvokeAsync(harnessArn, sessionId, Approved(told), cancellationToken).ToListAsync(cancellationToken));
            if (!resumed.Text.EndsWith(CrashScenario.LastText, StringComparison.Ordinal))
            {
                problems.Add($"The answered pause ends with {resumed.Exception?.Raw ?? resumed.Text}");
            }

            problems.AddRange(resumed.ToolResults.Length == 0 || !resumed.ToolResults[0].Contains("appended", StringComparison.Ordinal) ? ["The answered pause did not run its tool."] : []);
        }

        // 3. The session answers, and its model sees everything, in pairs.
        var before = provider.Requests.Count;
        var next = await server.Client.TurnAsync(harnessArn, sessionId, "Are you still there?", cancellationToken);
        if (next.Text != CrashScenario.StillHere || provider.Requests.Count != before + 1)
        {
            problems.Add($"The session does not answer: {next.Exception?.Raw ?? next.Text}");
            return problems;
        }

        var request = provider.Requests[^1];
        problems.AddRange(request.PairingProblems());
        var said = request.Messages.SelectMany(message => ChatRequest.TextOf(message).Split('\n')).ToList();
        if ((_accepted || _shown.Count > 0) && !said.Contains(scenario.Question))
        {
            problems.Add("The model is not shown what the client said.");
        }

        if (_forked && !said.Contains(CrashScenario.Past))
        {
            problems.Add("The model is not shown what was said before the fork.");
        }

        // 4. Nothing that an attached client was shown is lost. It is looked at now, because whatever was left is settled.
        if (scenario.Client is CrashClient.Attached or CrashClient.Forked)
        {
            problems.AddRange(AttachedProblems(await ToldAsync(cancellationToken)));
        }

        // 5. Effects: none twice, and those that the client or the model was told of happened.
        var effects = (await server.Client.CommandAsync(harnessArn, sessionId, CrashScenario.Look, cancellationToken)).Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var shown = $"{string.Concat(_shown.Select(one => one.Data.ToJsonString()))}{string.Join('\n', request.Messages.Where(message => (string?)message["role"] == "tool").Select(ChatRequest.TextOf))}{_printed}";
        foreach (var effect in scenario.Effects)
        {
            var times = effects.Count(line => line == effect);
            problems.AddRange(times > 1 ? [$"{effect} happened {times} times."] : []);
            problems.AddRange(times == 0 && shown.Contains($"\"appended {effect}", StringComparison.Ordinal) ? [$"{effect} was acknowledged and did not happen."] : []);
        }

        problems.AddRange(effects.Except(scenario.Effects).Select(effect => $"{effect} happened and nobody asked for it."));
        return problems;
    }

    /// <summary>What an undisturbed run lacks; nothing, or the scenario is not what it says.</summary>
    public async Task<IReadOnlyList<string>> IncompleteAsync(CancellationToken cancellationToken)
    {
        var effects = (await server.Client.CommandAsync(harnessArn, sessionId, CrashScenario.Look, cancellationToken)).Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var text = string.Concat(_shown.Select(one => (string?)one.Data["delta"]?["text"]));
        return
        [
            .. scenario.Effects.Except(effects).Select(effect => $"{effect} did not happen."),
            .. scenario.Client == CrashClient.Command || text.EndsWith(CrashScenario.LastText, StringComparison.Ordinal) ? Array.Empty<string>() : [$"It ended with: {text}"],
        ];
    }

    private static JsonObject Approved(IEnumerable<Shown> shown)
    {
        var id = shown.Select(one => (string?)one.Data["start"]?["toolUse"]?["toolUseId"]).OfType<string>().First();
        var result = new JsonObject { ["toolUseId"] = id, ["status"] = "success", ["content"] = new JsonArray(new JsonObject { ["text"] = "approved" }) };
        return new() { ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = new JsonArray(new JsonObject { ["toolResult"] = result }) }) };
    }

    private async Task InvokeAsync(JsonObject body, CancellationToken cancellationToken)
    {
        await foreach (var frame in server.Client.InvokeAsync(harnessArn, sessionId, body, cancellationToken))
        {
            _shown.Add(new(null, frame.Type, frame.Payload));
        }
    }

    // From the last event that it has, to the end of the invocation.
    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        if (_shown is [.., { Type: "invocationEnded" }])
        {
            return;
        }

        await foreach (var one in EventsAsync("", _shown.LastOrDefault()?.Id, cancellationToken))
        {
            _shown.Add(one);
            if (one.Type == "invocationEnded")
            {
                return;
            }
        }
    }

    private async Task<List<Shown>> ToldAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await EventsAsync("?follow=false", null, cancellationToken).ToListAsync(cancellationToken);
        }
        catch (HttpRequestException)
        {
            return [];
        }
    }

    private async IAsyncEnumerable<Shown> EventsAsync(string query, string? after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (id, type) = ("", "");
        await foreach (var line in server.Client.ReadEventsAsync(Session + "/events" + query, after, cancellationToken))
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal))
            {
                id = line[4..];
            }
            else if (line.StartsWith("event: ", StringComparison.Ordinal))
            {
                type = line[7..];
            }
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                yield return new(id, type, JsonNode.Parse(line[6..])!["data"]!.AsObject());
            }
        }
    }

    // Ids tell everything: what was shown, without what is void, is what the journal tells.
    private List<string> DetachedProblems(List<Shown> told)
    {
        if (told.Count == 0)
        {
            return _accepted ? ["The detached run was accepted and is lost."] : [];
        }

        var gone = _shown.Where(one => one.Type == "modelVoided").Select(one => $"{one.Data["void"]}").ToHashSet(StringComparer.Ordinal);
        var kept = ShownMessage.Of(_shown.Where(one => !gone.Contains(one.Entry!)));
        var problems = kept.SequenceEqual(ShownMessage.Of(told)) ? [] : new List<string> { $"The follower saw {Text(kept)} and the journal tells {Text(ShownMessage.Of(told))}" };
        var end = told.Find(one => one.Type == "invocationEnded");
        if ((string?)end?.Data["stopReason"] != "end_turn" || ShownMessage.Of(told)[^1].Text != CrashScenario.LastText + "|end_turn")
        {
            problems.Add($"The detached run ended with {end?.Data.ToJsonString()} and {Text(ShownMessage.Of(told))}");
        }

        return problems;
    }

    // Whole messages of the model are in the journal. The newest results may be told as interrupted, because they are safe with the next intent
    // of a tool or the end; and what was cut off is void: both only of an invocation that is told to be interrupted.
    private IEnumerable<string> AttachedProblems(List<Shown> told)
    {
        var (shown, kept) = (ShownMessage.Of(_shown), ShownMessage.Of(told));
        var safe = shown.Count;
        if (told.Exists(one => one.Type == "invocationEnded" && (string?)one.Data["stopReason"] == Interrupted))
        {
            safe -= shown is [.., { Whole: false }] ? 1 : 0;
            safe -= safe > 0 && shown[safe - 1].Role == "user" ? 1 : 0;
        }

        for (var i = 0; i < safe; i++)
        {
            var same = i < kept.Count && (shown[i] == kept[i] || (!shown[i].Whole && kept[i].Text.StartsWith(shown[i].Text, StringComparison.Ordinal)));
            if (!same)
            {
                yield return $"The client saw {Text([shown[i]])} and the journal tells {Text(kept)}";
            }
        }
    }

    private static string Text(IReadOnlyList<ShownMessage> messages) =>
        messages.Aggregate(new StringBuilder(), (text, message) => text.Append(message.Role).Append(": ").Append(message.Text).Append("; ")).ToString();
}
