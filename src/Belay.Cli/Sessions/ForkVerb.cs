using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Harnesses;
using Belay.Cli.Runtimes;

namespace Belay.Cli.Sessions;

/// <summary><c>belay fork</c>: makes a session that shares the past of another one up to an entry.</summary>
internal static class ForkVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var id = new Argument<string>("session") { Description = "Id of the session whose past is shared." };
        var at = new Option<int?>("--at") { Description = "Last entry that is shared; when left out, the last one at which the session can be forked.", HelpName = "ENTRY" };
        var target = SessionTarget.NewHarness();
        var fresh = new SessionOption(required: false, "Id of the new session; a new UUID when left out.");
        var modelId = new Option<string?>("--model-id") { Description = "Model of the new session, by id; that of the session when left out.", HelpName = "ID" };
        var systemPrompt = new Option<string?>("--system-prompt") { Description = "Instructions of the new session, as text or as a JSON list of blocks.", HelpName = "TEXT|JSON" };
        var connection = new ConnectionOptions();
        var command = new Command("fork", "Fork a session: go on from one of its entries in a new session.") { id, at };
        Validation.Between(at, 1, int.MaxValue);
        target.AddTo(command);
        fresh.AddTo(command);
        command.Add(modelId);
        command.Add(systemPrompt);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = connection.Connect(parsed, host);
            var sessionId = parsed.GetRequiredValue(id);
            var harnessId = await SessionTarget.HarnessIdAsync(target, parsed, client, sessionId, cancellationToken);
            var body = new JsonObject();
            Set("at", parsed.GetValue(at));
            Set("newSessionId", fresh.Read(parsed));
            Set("model", parsed.GetValue(modelId) is { } model ? HarnessFields.ModelNamed(model, null) : null);
            Set("systemPrompt", parsed.GetValue(systemPrompt) is { } prompt ? HarnessFields.Prompt("--system-prompt", prompt, host) : null);
            var answer = await client.ForkSessionAsync(harnessId, sessionId, body, cancellationToken);
            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, JsonOutput.Node(answer));
            }
            else
            {
                Write(host.Terminal, answer);
            }

            return (int)ExitCode.Done;

            void Set(string name, JsonNode? value)
            {
                if (value is not null)
                {
                    body[name] = value;
                }
            }
        });
        return new Verb(command, """
            The new session's files are those that were saved last at the entry or before it, at the end of an invocation. To see the entries of a
            session: belay logs --session-id "$SESSION" --level debug --json | jq -r '"\(.sequence) \(.message)"'

            Examples:
              belay fork "$SESSION"
              belay fork "$SESSION" --at 12 --model-id openai/gpt-5
              NEW=$(belay fork "$SESSION" --json | jq -r .sessionId) && belay invoke --harness hello --session-id "$NEW" "Try it another way."
            """);
    }

    private static void Write(Terminal terminal, JsonElement answer)
    {
        var origin = answer.Member("forkedFrom") ?? default;
        var files = answer.Member("workspace");
        terminal.WriteFacts(
            ("session", answer.Text("sessionId")),
            ("harness", answer.Text("harnessId")),
            ("forked from", $"{origin.Text("sessionId")} at entry {origin.Number("entry")}"),
            ("files", files is { } saved
                ? $"as of entry {saved.Number("entry")}, saved {saved.Text("savedAt")}: {Amounts.Count(saved.Number("files"), "file")}, {Amounts.Count(saved.Number("bytes"), "byte")}"
                : "no snapshot: the workspace starts empty"),
            ("waits for", answer.Member("waiting") is { ValueKind: JsonValueKind.True } ? "answers to its tool calls" : null));
    }
}
