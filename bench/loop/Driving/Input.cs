using System.Globalization;
using System.Text;

namespace Belay.Bench.Loop.Driving;

/// <summary>Messages of a request: a history of a given length, and what the user says now. Made once, sent often.</summary>
internal sealed class Input
{
    private const int TextLength = 200;

    private Input(int messages)
    {
        Messages = [.. Enumerable.Range(0, messages).Select(Message)];
        Json = Encoding.UTF8.GetBytes($"[{string.Join(',', Messages.Select(one => $$"""{"role":"{{one.Role}}","content":[{"text":"{{one.Text}}"}]}"""))}]");
    }

    /// <summary>One message.</summary>
    public static Input One { get; } = new(1);

    /// <summary>Role and text of each.</summary>
    public IReadOnlyList<(string Role, string Text)> Messages { get; }

    /// <summary>As the array of a request.</summary>
    public byte[] Json { get; }

    /// <summary>A history, of an odd number of messages, because the user speaks last.</summary>
    public static Input Of(int messages) => new(messages | 1);

    private static (string Role, string Text) Message(int index)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"message {index} ");
        return (index % 2 == 0 ? "user" : "assistant", text.PadRight(TextLength, (char)('a' + (index % 26))));
    }
}
