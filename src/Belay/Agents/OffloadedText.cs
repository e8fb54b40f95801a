using System.Globalization;
using System.Text;
using System.Text.Json;
using Belay.Tools.BuiltIn;

namespace Belay.Agents;

/// <summary>The text of a large result, as its file holds it and as the conversation shows it. Pure: the same result always gives the same text.</summary>
public static class OffloadedText
{
    /// <summary>
    /// The text of a result: its pieces, one after the other. A JSON object is written member by member with its texts as they are, because a file that
    /// is one line of escapes can be neither searched nor read in part. Images are no text.
    /// </summary>
    public static string Of(Block.ToolResult result)
    {
        var text = new StringBuilder();
        foreach (var content in result.Content)
        {
            if (text.Length > 0 && text[^1] != '\n')
            {
                text.Append('\n');
            }

            switch (content)
            {
                case ToolContent.Text one:
                    text.Append(one.Value);
                    break;
                case ToolContent.Json { Value: { ValueKind: JsonValueKind.Object } members }:
                    Append(text, members);
                    break;
                case ToolContent.Json one:
                    text.Append(one.Value.GetRawText());
                    break;
                default:
                    break;
            }
        }

        return text.ToString();
    }

    /// <summary>A result as the conversation keeps it: beginning and end of its text around a notice, and its images. The first line names the file, so
    /// that what shortens results later leaves the name.</summary>
    public static Block.ToolResult Preview(Block.ToolResult result, OffloadedResult offloaded)
    {
        var text = Of(result);
        var head = Math.Min(offloaded.Preview / 2, text.Length);
        head -= head > 0 && head < text.Length && char.IsLowSurrogate(text[head]) ? 1 : 0;
        var tail = Math.Max(head, text.Length - (offloaded.Preview / 2));
        tail += tail < text.Length && char.IsLowSurrogate(text[tail]) ? 1 : 0;
        var shown = string.Create(
            CultureInfo.InvariantCulture,
            $"[{text.Length} characters in {offloaded.Path}; beginning and end follow. {RetrieveOffloadedContentTool.Name} reads more.]\n{text.AsSpan(0, head)}\n[… {tail - head} characters left out, from offset {head} …]\n{text.AsSpan(tail)}");
        return result with { Content = [new ToolContent.Text(shown), .. result.Content.OfType<ToolContent.Image>()] };
    }

    private static void Append(StringBuilder text, JsonElement members)
    {
        foreach (var member in members.EnumerateObject())
        {
            if (text.Length > 0 && text[^1] != '\n')
            {
                text.Append('\n');
            }

            text.Append(member.Name).Append(':');
            if (member.Value.ValueKind == JsonValueKind.String)
            {
                text.Append('\n').Append(member.Value.GetString());
            }
            else
            {
                text.Append(' ').Append(member.Value.GetRawText());
            }
        }
    }
}
