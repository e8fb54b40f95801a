using System.Text;
using System.Text.Json.Nodes;

namespace Belay.EndToEnd.Crashes;

/// <summary>An event that a client was shown, or that the journal tells.</summary>
/// <param name="Id">Its id; null in the stream of an invocation, which has none.</param>
/// <param name="Type">Its type.</param>
/// <param name="Data">Its payload.</param>
public sealed record Shown(string? Id, string Type, JsonObject Data)
{
    /// <summary>The entry that its id names.</summary>
    public string? Entry => Id?.Split('.')[0];
}

/// <summary>A message as events tell it, whatever pieces it came in.</summary>
/// <param name="Role">Who speaks.</param>
/// <param name="Text">Everything in it.</param>
/// <param name="Whole">Whether its end is there.</param>
public sealed record ShownMessage(string Role, string Text, bool Whole)
{
    /// <summary>The messages of events, in order; notices say nothing here.</summary>
    public static IReadOnlyList<ShownMessage> Of(IEnumerable<Shown> events)
    {
        var messages = new List<ShownMessage>();
        var (role, text) = ((string?)null, new StringBuilder());
        foreach (var one in events)
        {
            switch (one.Type)
            {
                case "messageStart":
                    (role, text) = ((string)one.Data["role"]!, new());
                    break;
                case "contentBlockStart":
                    text.Append(one.Data["start"]?.ToJsonString());
                    break;
                case "contentBlockDelta":
                    var delta = one.Data["delta"]!;
                    text.Append((string?)delta["text"] ?? (string?)delta["toolUse"]?["input"] ?? delta.ToJsonString());
                    break;
                case "messageStop":
                    messages.Add(new(role!, $"{text}|{one.Data["stopReason"]}", Whole: true));
                    role = null;
                    break;
            }
        }

        if (role is not null)
        {
            messages.Add(new(role, text.ToString(), Whole: false));
        }

        return messages;
    }
}
