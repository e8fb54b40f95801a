using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Sandboxes;

namespace Belay.Tools.BuiltIn;

/// <summary>The built-in tool <c>file_operations</c>: look at, write and edit text files in the session's sandbox.</summary>
public sealed class FileOperationsTool : ITool
{
    private const int LongestPath = 4096;
    private const int LargestView = 1024 * 1024;
    private const int LargestText = 16 * 1024 * 1024;
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <inheritdoc/>
    public ToolSpec Spec { get; } = new()
    {
        Name = "file_operations",
        Description =
            "View, create and edit text files in the session environment. Commands: 'view' shows a file with line numbers or lists a directory; " +
            "'create' writes a whole file; 'str_replace' replaces a text that occurs exactly once; 'insert' adds text after a line. " +
            "Relative paths start at the session's working directory.",
        InputSchema = JsonElement.Parse(
            """
            {"type":"object","properties":{
              "command":{"type":"string","enum":["view","create","str_replace","insert"],"description":"what to do"},
              "path":{"type":"string","description":"the file or directory"},
              "file_text":{"type":"string","description":"for create: the whole content"},
              "old_str":{"type":"string","description":"for str_replace: the text to replace; must occur exactly once"},
              "new_str":{"type":"string","description":"for str_replace: the text that takes its place; for insert: the text to add"},
              "insert_line":{"type":"integer","description":"for insert: the line after which to add, 0 for the top","minimum":0},
              "view_range":{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":2,"description":"for view: [start, end], from 1; end -1 for the end of the file"}},
             "required":["command","path"]}
            """),
        Server = AllowedTools.BuiltIn,
        Kind = HarnessToolUseType.ToolUse,
    };

    /// <summary>Looking changes nothing, and writing a whole file twice is writing it once. An edit that happened does not find its text again.</summary>
    public ToolRecovery RecoveryOf(JsonElement input) =>
        input.ValueKind == JsonValueKind.Object && input.TryGetProperty("command", out var command) && command.ValueKind == JsonValueKind.String
            ? command.GetString() switch
            {
                "view" => ToolRecovery.Pure,
                "create" => ToolRecovery.Idempotent,
                _ => ToolRecovery.Unknown,
            }
            : ToolRecovery.Unknown;

    /// <inheritdoc/>
    public async Task<ToolResult> RunAsync(ToolCall call, ToolContext context, CancellationToken cancellationToken)
    {
        // 1. Everything that is wrong with the arguments, at once.
        var arguments = new Arguments(call.Input);
        var command = arguments.Text("command", required: true, 64);
        var path = arguments.Text("path", required: true, LongestPath);
        if (command is not (null or "view" or "create" or "str_replace" or "insert"))
        {
            arguments.Problem("'command' must be one of view, create, str_replace, insert");
        }

        if (path is not null && (path.Length == 0 || path.Contains('\0')))
        {
            arguments.Problem("'path' must not be empty and must contain no NUL character");
        }

        var range = command == "view" ? arguments.Range("view_range") : null;
        var text = command == "create" ? arguments.Text("file_text", required: true, LargestText) : null;
        var old = command == "str_replace" ? arguments.Text("old_str", required: true, LargestText) : null;
        if (old is { Length: 0 })
        {
            arguments.Problem("'old_str' must not be empty");
        }

        // Replacing with nothing is deleting, so a missing new_str is as good as an empty one there.
        var added = command is "insert" or "str_replace" ? arguments.Text("new_str", required: command == "insert", LargestText) : null;
        var line = command == "insert" ? arguments.Number("insert_line", required: true, 0, int.MaxValue) : null;
        if (arguments.Refusal is { } refusal)
        {
            return refusal;
        }

        // 2. What was asked. What is wrong with the file is for the model to read.
        var sandbox = await context.Sandbox.GetAsync(cancellationToken);
        try
        {
            return command switch
            {
                "view" => await ViewAsync(sandbox, path!, range, cancellationToken),
                "create" => await CreateAsync(sandbox, path!, text!, cancellationToken),
                "str_replace" => await ReplaceAsync(sandbox, path!, old!, added ?? "", cancellationToken),
                "insert" => await InsertAsync(sandbox, path!, line!.Value, added!, cancellationToken),
                _ => throw new UnreachableException(),
            };
        }
        catch (SandboxFileException exception)
        {
            return ToolResult.Error("Error: " + exception.Message);
        }
    }

    private static async Task<ToolResult> ViewAsync(ISandbox sandbox, string path, (int First, int Last)? range, CancellationToken cancellationToken)
    {
        var listing = await sandbox.ListAsync(path, cancellationToken);
        if (listing.IsDirectory)
        {
            var names = string.Join('\n', listing.Names);
            return range is not null
                ? ToolResult.Error($"Error: '{path}' is a directory; 'view_range' is for files")
                : Success(listing.Truncated ? $"{names}\n[… there are more than {listing.Names.Count} names …]" : names);
        }

        var bytes = await ReadAsync(sandbox, path, listing.Length, cancellationToken);
        var lines = Lines(Encoding.UTF8.GetString(bytes));
        var (first, last) = range ?? (1, -1);
        if (range is not null && first > lines.Count)
        {
            return ToolResult.Error($"Error: '{path}' has {lines.Count} lines; 'view_range' starts at {first}");
        }

        last = last == -1 ? lines.Count : Math.Min(last, lines.Count);
        var view = new StringBuilder();
        for (var number = first; number <= last; number++)
        {
            view.Append(CultureInfo.InvariantCulture, $"{number}: {lines[number - 1]}{(number < last ? "\n" : "")}");
        }

        return Success(view.ToString());
    }

    private static async Task<ToolResult> CreateAsync(ISandbox sandbox, string path, string text, CancellationToken cancellationToken)
    {
        await sandbox.WriteFileAsync(path, Encoding.UTF8.GetBytes(text), cancellationToken);
        return Success($"Successfully created file '{path}'");
    }

    private static async Task<ToolResult> ReplaceAsync(ISandbox sandbox, string path, string old, string replacement, CancellationToken cancellationToken)
    {
        var text = await ReadTextAsync(sandbox, path, cancellationToken);
        var count = Count(text, old);
        if (count != 1)
        {
            return ToolResult.Error(count == 0
                ? $"Error: 'old_str' was not found in '{path}' (0 occurrences)"
                : $"Error: 'old_str' occurs {count} times in '{path}'; it must occur exactly once, so give more of the text around it");
        }

        var at = text.IndexOf(old, StringComparison.Ordinal);
        var replaced = string.Concat(text.AsSpan(0, at), replacement, text.AsSpan(at + old.Length));
        await sandbox.WriteFileAsync(path, Strict.GetBytes(replaced), cancellationToken);
        return Success($"Successfully replaced text in '{path}'");
    }

    private static async Task<ToolResult> InsertAsync(ISandbox sandbox, string path, int line, string added, CancellationToken cancellationToken)
    {
        var text = await ReadTextAsync(sandbox, path, cancellationToken);
        var lines = Lines(text).Count;
        if (line > lines)
        {
            return ToolResult.Error($"Error: 'insert_line' must be from 0 to {lines}, the number of lines of '{path}', but is {line}");
        }

        var at = 0;
        for (var passed = 0; passed < line; passed++)
        {
            var end = text.IndexOf('\n', at);
            at = end < 0 ? text.Length : end + 1;
        }

        // After a last line that does not end, the new text begins one.
        var before = at > 0 && text[at - 1] != '\n' ? "\n" : "";
        var inserted = string.Concat(text.AsSpan(0, at), before + added + "\n", text.AsSpan(at));
        await sandbox.WriteFileAsync(path, Strict.GetBytes(inserted), cancellationToken);
        return Success(string.Create(CultureInfo.InvariantCulture, $"Successfully inserted text in '{path}' at line {line + 1}"));
    }

    private static async Task<string> ReadTextAsync(ISandbox sandbox, string path, CancellationToken cancellationToken)
    {
        var listing = await sandbox.ListAsync(path, cancellationToken);
        if (listing.IsDirectory)
        {
            throw new SandboxFileException($"'{path}': it is a directory.");
        }

        try
        {
            return Strict.GetString(await ReadAsync(sandbox, path, listing.Length, cancellationToken));
        }
        catch (DecoderFallbackException)
        {
            throw new SandboxFileException($"'{path}': it is not UTF-8 text, and editing would change the rest of it; use the shell instead.");
        }
    }

    private static async Task<byte[]> ReadAsync(ISandbox sandbox, string path, long length, CancellationToken cancellationToken)
    {
        if (length > LargestView)
        {
            throw new SandboxFileException($"'{path}': it has {length} bytes; files over 1 MiB are not opened here, use the shell instead.");
        }

        var bytes = await sandbox.ReadFileAsync(path, LargestView, cancellationToken);
        return bytes.Contains((byte)0) ? throw new SandboxFileException($"'{path}': it contains NUL bytes, so it is no text.") : bytes;
    }

    /// <summary>Lines without their ends; what follows the last line end is a line only when there is something.</summary>
    private static List<string> Lines(string text)
    {
        List<string> lines = [.. text.Split('\n')];
        if (lines[^1].Length == 0)
        {
            lines.RemoveAt(lines.Count - 1);
        }

        return lines;
    }

    private static int Count(string text, string part)
    {
        var count = 0;
        for (var at = text.IndexOf(part, StringComparison.Ordinal); at >= 0; at = text.IndexOf(part, at + 1, StringComparison.Ordinal))
        {
            count++;
        }

        return count;
    }

    private static ToolResult Success(string text) => new(HarnessToolUseStatus.Success, [new ToolContent.Text(text)]);
}
