using System.Text.Json;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Sessions;

/// <summary>Shows lines of the log: for people one line each, for programs one JSON object each.</summary>
internal sealed class LogView(Terminal terminal, bool json)
{
    private const int SessionLength = 8;
    private const int MessageLength = 2000;

    /// <summary>Shows a line.</summary>
    public void Show(JsonElement line)
    {
        if (json)
        {
            JsonOutput.WriteLine(terminal.Output, JsonOutput.Node(line));
            return;
        }

        var level = line.Text("level") ?? "";
        var tone = level switch { "error" => Tone.Bad, "warn" => Tone.Strong, "debug" => Tone.Dim, _ => Tone.Plain };
        var session = Terminal.OneLine(line.Text("sessionId") ?? "", 256);
        terminal.Output.WriteLine(string.Join(
            "  ",
            terminal.Show(Terminal.OneLine(line.Text("at") ?? "", 40), Tone.Dim),
            terminal.Show(Terminal.OneLine(level, 10).PadRight(5), tone),
            session[..Math.Min(session.Length, SessionLength)],
            terminal.Show(Terminal.OneLine(line.Text("message") ?? "", MessageLength), tone)));
    }
}
