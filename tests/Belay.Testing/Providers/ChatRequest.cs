using System.Text.Json.Nodes;

namespace Belay.Testing.Providers;

/// <summary>A request that the loopback provider received.</summary>
/// <param name="Number">From 1, over the life of the server.</param>
/// <param name="Path">Path that was asked for.</param>
/// <param name="Headers">Headers, names in lower case.</param>
/// <param name="Body">The body.</param>
public sealed record ChatRequest(int Number, string Path, IReadOnlyDictionary<string, string> Headers, JsonObject Body)
{
    /// <summary>Name of the model.</summary>
    public string Model => (string)Body["model"]!;

    /// <summary>The conversation.</summary>
    public IReadOnlyList<JsonObject> Messages => [.. Body["messages"]!.AsArray().Select(message => message!.AsObject())];

    /// <summary>Names of the tools that the model is offered.</summary>
    public string[] Tools => [.. (Body["tools"]?.AsArray() ?? []).Select(tool => (string)tool!["function"]!["name"]!)];

    /// <summary>Roles of the conversation, in order.</summary>
    public string[] Roles => [.. Messages.Select(message => (string)message["role"]!)];

    /// <summary>Answers of tools since the last user message.</summary>
    public int ToolResultsSinceUser => Roles.Reverse().TakeWhile(role => role != "user").Count(role => role == "tool");

    /// <summary>Text of a message, whether it is sent as a string or as parts.</summary>
    public static string TextOf(JsonObject message) => message["content"] switch
    {
        JsonValue text => (string)text!,
        JsonArray parts => string.Concat(parts.Select(part => (string?)part!["text"])),
        _ => "",
    };

    /// <summary>
    /// What is wrong with the pairing of calls and answers; empty when every call of an assistant message is answered right
    /// after it, once, and nothing else is.
    /// </summary>
    public IReadOnlyList<string> PairingProblems()
    {
        var problems = new List<string>();
        var open = new List<string>();
        foreach (var message in Messages)
        {
            if ((string)message["role"]! == "tool")
            {
                var id = (string)message["tool_call_id"]!;
                if (!open.Remove(id))
                {
                    problems.Add($"{id} is answered and was not asked, or twice.");
                }

                continue;
            }

            problems.AddRange(open.Select(id => $"{id} is not answered."));
            open = [.. (message["tool_calls"]?.AsArray() ?? []).Select(call => (string)call!["id"]!)];
        }

        problems.AddRange(open.Select(id => $"{id} is not answered."));
        return problems;
    }
}
