using System.Text;
using Belay.Contracts.Invocations;
using Belay.Models;

namespace Belay.Testing.Models;

/// <summary>Events of a reply as lines, so that a test shows the whole of what it expects.</summary>
public static class ModelEventText
{
    /// <summary>One line for each event; neighbouring pieces of one block as one line when <paramref name="joined"/>.</summary>
    public static string Print(IEnumerable<ModelEvent> events, bool joined = true)
    {
        var lines = new List<(string Head, StringBuilder Text)>();
        foreach (var one in events)
        {
            var (head, text) = Line(one);
            if (joined && text.Length > 0 && lines.Count > 0 && lines[^1].Head == head && one is ModelEvent.Text or ModelEvent.Reasoning or ModelEvent.ToolInput)
            {
                lines[^1].Text.Append(text);
            }
            else
            {
                lines.Add((head, new StringBuilder(text)));
            }
        }

        return string.Join('\n', lines.Select(line => line.Text.Length == 0 ? line.Head : $"{line.Head} {line.Text.Replace("\n", "\\n")}"));
    }

    /// <summary>The wire's name of a stop reason.</summary>
    public static string Name(HarnessStopReason reason) => System.Text.Json.JsonSerializer.Serialize(reason).Trim('"');

    private static (string Head, string Text) Line(ModelEvent one) => one switch
    {
        ModelEvent.Text text => ($"{text.Block} text", text.Value),
        ModelEvent.Reasoning reasoning => ($"{reasoning.Block} reasoning", reasoning.Value),
        ModelEvent.Signature signature => ($"{signature.Block} signature", signature.Value),
        ModelEvent.Redacted redacted => ($"{redacted.Block} redacted", Convert.ToHexStringLower(redacted.Value.Span)),
        ModelEvent.ToolOpened tool => ($"{tool.Block} tool", tool.Id.Length == 0 ? tool.Name : $"{tool.Name}#{tool.Id}"),
        ModelEvent.ToolInput input => ($"{input.Block} input", input.Fragment),
        ModelEvent.ServerTool tool => ($"{tool.Block} server tool", $"{tool.Name}#{tool.Id} {tool.Input.GetRawText()}"),
        ModelEvent.Citation citation => ($"{citation.Block} citation", $"{citation.Source} | {citation.Title} | {citation.Quote}"),
        ModelEvent.Image image => ($"{image.Block} image", $"{image.MediaType} {Convert.ToHexStringLower(image.Bytes.Span)}"),
        ModelEvent.State state => ($"{state.Block} state", state.Value.GetRawText()),
        ModelEvent.BlockClosed closed => ($"{closed.Block} closed", ""),
        ModelEvent.Usage { Tokens: var tokens } => ("usage", $"{tokens.Input} {tokens.Output} {tokens.CacheRead} {tokens.CacheWrite}"),
        ModelEvent.Stopped stopped => ("stopped", Name(stopped.Reason)),
        _ => throw new System.Diagnostics.UnreachableException(),
    };
}
