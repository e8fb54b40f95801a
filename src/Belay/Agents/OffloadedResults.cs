using System.Text;
using Belay.Sandboxes;
using Belay.Storage;
using Belay.Tools;
using Belay.Tools.BuiltIn;

namespace Belay.Agents;

/// <summary>
/// The large results of a session's tools: each is a file in the session's workspace, and the model is shown its beginning and end. The journal has
/// them whole, so a file that is gone is written again when it is asked for, and one that cannot be written leaves its result in the conversation.
/// </summary>
/// <param name="above">Estimated tokens above which a result goes to a file; null for never.</param>
/// <param name="sandbox">The session's sandbox.</param>
/// <param name="conversation">The session's conversation: it knows which results are shown in part.</param>
/// <param name="findAsync">Finds the whole result of a path in the journal; null when there is none.</param>
/// <param name="ids">Where names come from.</param>
/// <param name="time">The clock.</param>
public sealed class OffloadedResults(
    int? above, ISandboxSource sandbox, Conversation conversation, Func<string, CancellationToken, Task<Block.ToolResult?>> findAsync, IdSource ids, TimeProvider time)
{
    /// <summary>UTF-16 characters of all results of a session that go to files; later ones stay in the conversation.</summary>
    public const long MostCharacters = 256L * 1024 * 1024;

    private const string Folder = ".belay/results/";
    private const int CharactersPerToken = 4;
    private const int BytesPerCharacter = 3;

    /// <summary>How long the sandbox may take to write a file. It writes one in milliseconds; a model should not wait for one that hangs.</summary>
    private static readonly TimeSpan WriteTime = TimeSpan.FromSeconds(10);

    /// <summary>Stores a result that is large enough; null when it is not, and when it cannot be stored: then it stays whole.</summary>
    /// <param name="tool">What answered.</param>
    /// <param name="result">The answer.</param>
    /// <param name="cancellationToken">Ends it; the result stays whole.</param>
    public async Task<OffloadedResult?> StoreAsync(ToolSpec tool, Block.ToolResult result, CancellationToken cancellationToken)
    {
        // What was asked for in so many words is not taken away again.
        if (above is not { } tokens || tool.Name == RetrieveOffloadedContentTool.Name || !IsLarge(result, tokens * CharactersPerToken))
        {
            return null;
        }

        var text = OffloadedText.Of(result);
        if (text.Length <= tokens * CharactersPerToken || conversation.OffloadedCharacters + text.Length > MostCharacters)
        {
            return null;
        }

        var path = $"{Folder}{ids.NewUuid()}.txt";
        return await WriteAsync(path, text, cancellationToken) ? new(path, text.Length, tokens * CharactersPerToken / 2) : null;
    }

    /// <summary>The whole text of a result that is shown in part; null when there is none of that path.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async Task<string?> ReadAsync(string path, CancellationToken cancellationToken)
    {
        if (!conversation.Offloaded.TryGetValue(path, out var characters))
        {
            return null;
        }

        // 1. The file. Whoever changed it may have done so for a reason; one of another length is not what the preview speaks of.
        try
        {
            var place = await sandbox.GetAsync(cancellationToken);
            var text = Encoding.UTF8.GetString(await place.ReadFileAsync(path, (long)characters * BytesPerCharacter, cancellationToken));
            if (text.Length == characters)
            {
                return text;
            }
        }
        catch (Exception problem) when (problem is SandboxFileException or SandboxException)
        {
            // A fresh sandbox, a fork or an imported session has no such file yet.
        }

        // 2. The journal, and the file again.
        if (await findAsync(path, cancellationToken) is not { } result)
        {
            return null;
        }

        var whole = OffloadedText.Of(result);
        await WriteAsync(path, whole, cancellationToken);
        return whole;
    }

    private async Task<bool> WriteAsync(string path, string text, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(WriteTime, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            var place = await sandbox.GetAsync(both.Token);
            await place.WriteFileAsync(path, Encoding.UTF8.GetBytes(text), both.Token);
            return true;
        }
#pragma warning disable CA1031 // The sandbox is foreign: whatever it throws, the result is in the journal and in the conversation.
        catch (Exception)
#pragma warning restore CA1031
        {
            return false;
        }
    }

    // Before any text is put together; what JSON escapes makes it no shorter.
    private static bool IsLarge(Block.ToolResult result, int characters) =>
        result.Content.Sum(content => content switch
        {
            ToolContent.Text text => text.Value.Length,
            ToolContent.Json json => json.Value.GetRawText().Length,
            _ => 0L,
        }) > characters;
}
