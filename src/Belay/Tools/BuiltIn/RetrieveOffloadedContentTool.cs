using System.Globalization;
using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;

namespace Belay.Tools.BuiltIn;

/// <summary>The built-in tool <c>retrieve_offloaded_content</c>: reads more of a result of which the conversation shows a part.</summary>
public sealed class RetrieveOffloadedContentTool : ITool
{
    /// <summary>Its name.</summary>
    public const string Name = "retrieve_offloaded_content";

    private const int DefaultLength = 6_000;
    private const int LongestLength = 24_000;
    private const int LongestPath = 256;
    private const int LongestPattern = 256;
    private const int LongestLine = 400;

    /// <inheritdoc/>
    public ToolSpec Spec { get; } = new()
    {
        Name = Name,
        Description =
            "Read more of a tool result of which you were shown only the beginning and the end. The result's first line names its file. " +
            "With 'pattern' it lists the lines that contain that text, each with the offset where it starts; otherwise it returns the text from 'offset' on.",
        InputSchema = JsonElement.Parse(
            """
            {"type":"object","properties":{
              "path":{"type":"string","description":"the file that the result's first line names"},
              "offset":{"type":"integer","description":"the character to start at, default 0","minimum":0},
              "length":{"type":"integer","description":"how many characters to return at most, 1 to 24000, default 6000","minimum":1,"maximum":24000},
              "pattern":{"type":"string","description":"plain text to look for, upper and lower case alike"}},
             "required":["path"]}
            """),
        Server = AllowedTools.BuiltIn,
        Kind = HarnessToolUseType.ToolUse,
    };

    /// <summary>Reading changes nothing, and a file that is written again is the same file.</summary>
    public ToolRecovery RecoveryOf(JsonElement input) => ToolRecovery.Pure;

    /// <inheritdoc/>
    public async Task<ToolResult> RunAsync(ToolCall call, ToolContext context, CancellationToken cancellationToken)
    {
        var arguments = new Arguments(call.Input);
        var path = arguments.Text("path", required: true, LongestPath);
        var offset = arguments.Number("offset", required: false, 0, int.MaxValue) ?? 0;
        var length = arguments.Number("length", required: false, 1, LongestLength) ?? DefaultLength;
        var pattern = arguments.Text("pattern", required: false, LongestPattern);
        if (pattern is { Length: 0 } || pattern?.Contains('\n', StringComparison.Ordinal) == true)
        {
            arguments.Problem("'pattern' must not be empty and must be of one line");
        }

        if (path is null || arguments.Refusal is not null)
        {
            return arguments.Refusal!;
        }

        if (context.Offloads is not { } offloads || await offloads.ReadAsync(path, cancellationToken) is not { } text)
        {
            return ToolResult.Error("Error: 'path' names no offloaded result of this session; take it from the first line of the result that was shown in part");
        }

        if (offset >= text.Length)
        {
            return ToolResult.Error(string.Create(CultureInfo.InvariantCulture, $"Error: 'offset' must be less than {text.Length}, the length of the result, but is {offset}"));
        }

        return new(HarnessToolUseStatus.Success, [new ToolContent.Text(pattern is null ? Part(text, offset, length) : Lines(text, offset, length, pattern))]);
    }

    private static string Part(string text, int offset, int length)
    {
        // No character is cut in two.
        offset -= offset > 0 && char.IsLowSurrogate(text[offset]) ? 1 : 0;
        var end = (int)Math.Min(text.Length, (long)offset + length);
        end += end < text.Length && char.IsLowSurrogate(text[end]) ? 1 : 0;
        var rest = end < text.Length ? string.Create(CultureInfo.InvariantCulture, $"\n[… go on with offset {end} …]") : "";
        return string.Create(CultureInfo.InvariantCulture, $"[characters {offset} to {end} of {text.Length}]\n{text.AsSpan(offset, end - offset)}{rest}");
    }

    private static string Lines(string text, int offset, int length, string pattern)
    {
        var found = new StringBuilder();
        for (var at = offset; text.IndexOf(pattern, at, StringComparison.OrdinalIgnoreCase) is >= 0 and var match;)
        {
            var start = match == 0 ? 0 : text.LastIndexOf('\n', match - 1) + 1;
            var end = text.IndexOf('\n', match) is >= 0 and var next ? next : text.Length;
            if (found.Length >= length)
            {
                return found.Append(CultureInfo.InvariantCulture, $"[… more lines; go on with offset {match} …]").ToString();
            }

            found.Append(CultureInfo.InvariantCulture, $"{start}: {Around(text, start, end, match, pattern.Length)}\n");
            at = Math.Min(end + 1, text.Length);
        }

        return found.Length > 0 ? found.ToString() : string.Create(CultureInfo.InvariantCulture, $"No line from offset {offset} on contains this text.");
    }

    // A line without an end is as long as the whole; the part around what was looked for is enough.
    private static string Around(string text, int start, int end, int match, int length)
    {
        if (end - start <= LongestLine)
        {
            return text[start..end];
        }

        var from = Math.Max(start, match - ((LongestLine - Math.Min(length, LongestLine)) / 2));
        var to = Math.Min(end, from + LongestLine);
        from -= from > start && char.IsLowSurrogate(text[from]) ? 1 : 0;
        to += to < end && char.IsLowSurrogate(text[to]) ? 1 : 0;
        return $"{(from > start ? "…" : "")}{text.AsSpan(from, to - from)}{(to < end ? "…" : "")}";
    }
}
