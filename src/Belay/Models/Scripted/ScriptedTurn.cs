using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;

namespace Belay.Models.Scripted;

/// <summary>
/// Where a conversation stands, derived from it alone: the last message that a person wrote, how many replies it has had, and what
/// the tools answered meanwhile. So the scripted model goes on where it was after a restart, and a replay says the same again.
/// </summary>
/// <param name="Text">What the person wrote.</param>
/// <param name="Replies">Replies since then.</param>
/// <param name="Results">Answers of tools since then, in order.</param>
/// <param name="Latest">Answers after the last reply.</param>
/// <param name="Earlier">The newest answer from before the person wrote; null when there is none.</param>
internal sealed record ScriptedTurn(
    string Text,
    int Replies,
    IReadOnlyList<Block.ToolResult> Results,
    IReadOnlyList<Block.ToolResult> Latest,
    Block.ToolResult? Earlier)
{
    /// <summary>Reads a conversation.</summary>
    public static ScriptedTurn Of(IReadOnlyList<Message> messages)
    {
        var start = messages.Count - 1;
        while (start >= 0 && !IsPlain(messages[start]))
        {
            start--;
        }

        var text = start < 0 ? "" : string.Join('\n', messages[start].Blocks.OfType<Block.Text>().Select(block => block.Value));
        var replies = 0;
        var results = new List<Block.ToolResult>();
        var latest = new List<Block.ToolResult>();
        for (var i = start + 1; i < messages.Count; i++)
        {
            if (messages[i].Role is HarnessConversationRole.Assistant)
            {
                replies++;
                latest.Clear();
                continue;
            }

            var answers = messages[i].Blocks.OfType<Block.ToolResult>().ToList();
            results.AddRange(answers);
            latest.AddRange(answers);
        }

        var earlier = messages.Take(Math.Max(start, 0)).SelectMany(message => message.Blocks).OfType<Block.ToolResult>().LastOrDefault();
        return new ScriptedTurn(text, replies, results, latest, earlier);
    }

    /// <summary>What a tool answered, as text: the output of a shell, else its pieces one below the other.</summary>
    public static string Show(Block.ToolResult result) => string.Join('\n', result.Content.Select(content => content switch
    {
        ToolContent.Text text => text.Value,
        ToolContent.Json json => ShellAnswer.Read(json.Value)?.Output ?? json.Value.GetRawText(),
        ToolContent.Image image => RequestJson.Placeholder(image.MediaType, image.Bytes),
        _ => throw new System.Diagnostics.UnreachableException(),
    }));

    private static bool IsPlain(Message message) =>
        message.Role is HarnessConversationRole.User
        && message.Blocks.Any(block => block is Block.Text)
        && !message.Blocks.Any(block => block is Block.ToolResult);
}

/// <summary>What the shell tool answers.</summary>
internal sealed record ShellAnswer(string Output, string Errors, int ExitCode)
{
    /// <summary>Reads an answer; null when it is of another shape.</summary>
    public static ShellAnswer? Read(JsonElement json) =>
        json.ValueKind is JsonValueKind.Object
        && json.TryGetProperty("stdout", out var output) && output.ValueKind is JsonValueKind.String
        && json.TryGetProperty("stderr", out var errors) && errors.ValueKind is JsonValueKind.String
        && json.TryGetProperty("exit_code", out var code) && code.TryGetInt32(out var exitCode)
            ? new ShellAnswer(output.GetString()!, errors.GetString()!, exitCode)
            : null;
}
