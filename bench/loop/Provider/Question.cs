using System.Text.Json;

namespace Belay.Bench.Loop.Provider;

/// <summary>What the provider needs to know of a request, in any format, read without a document: it must not cost more than it has to.</summary>
/// <param name="Script">What the model does.</param>
/// <param name="Messages">Messages that it was shown, instructions aside.</param>
/// <param name="Results">Results of tools since the user spoke last.</param>
internal readonly record struct Question(Script Script, int Messages, int Results)
{
    private const int InMessage = 3;
    private const int InBlock = 5;

    /// <summary>Reads a request.</summary>
    public static Question Read(WireFormat format, string? model, ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body);
        var (messages, results, inMessages, user) = (0, 0, false, false);
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName)
            {
                continue;
            }

            if (reader.CurrentDepth == 1)
            {
                inMessages = reader.ValueTextEquals(format.MessagesMember);
                if (reader.ValueTextEquals("model"u8))
                {
                    reader.Read();
                    model = reader.GetString();
                }
            }
            else if (inMessages && reader.CurrentDepth == InMessage && reader.ValueTextEquals("role"u8))
            {
                reader.Read();
                user = reader.ValueTextEquals("user"u8);
                results += reader.ValueTextEquals("tool"u8) ? 1 : 0;
                messages += reader.ValueTextEquals("system"u8) ? 0 : 1;
            }
            else if (inMessages && reader.CurrentDepth == InMessage && reader.ValueTextEquals("type"u8))
            {
                // The Responses API has items, of which only messages have a role.
                reader.Read();
                var result = reader.ValueTextEquals("function_call_output"u8);
                results += result ? 1 : 0;
                messages += result || reader.ValueTextEquals("function_call"u8) ? 1 : 0;
            }
            else if (inMessages && user && reader.CurrentDepth == InMessage && reader.ValueTextEquals("content"u8))
            {
                // Text alone, as chat completions have it: the user speaks.
                reader.Read();
                results = reader.TokenType == JsonTokenType.String ? 0 : results;
            }
            else if (inMessages && user && reader.CurrentDepth == InBlock)
            {
                results = Count(ref reader, results);
            }
        }

        return new(Script.Parse(model!), messages, results);
    }

    // Results are blocks of a message of the user where they are no messages of their own, and go before its text.
    private static int Count(ref Utf8JsonReader reader, int results)
    {
        if (reader.ValueTextEquals("text"u8))
        {
            return 0;
        }

        if (reader.ValueTextEquals("toolResult"u8) || reader.ValueTextEquals("functionResponse"u8))
        {
            return results + 1;
        }

        if (!reader.ValueTextEquals("type"u8))
        {
            return results;
        }

        reader.Read();
        return results + (reader.ValueTextEquals("tool_result"u8) ? 1 : 0);
    }
}
