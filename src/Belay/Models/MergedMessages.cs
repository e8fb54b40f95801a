using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;

namespace Belay.Models;

/// <summary>
/// Writes the messages of providers that insist on turns of user and assistant, neighbours of one role as one. What differs between
/// them is which blocks they take and how each is written.
/// </summary>
/// <param name="json">Where to.</param>
/// <param name="form">The adapter and whatever else decides how it writes a message.</param>
/// <param name="cachePoints">
/// How many of the user's last messages, two at most, mark up to where the provider may keep what it has read. The last one is where the next call
/// goes on; the one before is where the last call wrote, which a provider that looks back over few blocks would not find behind many parallel tools.
/// </param>
internal abstract class MergedMessages(Utf8JsonWriter json, string form, int cachePoints)
{
    /// <summary>Where to write.</summary>
    protected Utf8JsonWriter Json => json;

    private int Position => (int)(json.BytesCommitted + json.BytesPending);

    /// <summary>
    /// Writes the messages into the array that is open. Those that <paramref name="written"/> has are copied. Never kept are the last one
    /// written, which what comes next may still join, and those from the first cache point on, which move on.
    /// </summary>
    public void Write(IReadOnlyList<Message> messages, WrittenMessages? written, RequestBuffer output)
    {
        var count = 0;
        var kept = written is null ? default : written.Find(form, messages, out count);
        var merged = Merge(messages, count);
        if (written is not null && !kept.IsEmpty && merged.Count(one => one.Role is HarnessConversationRole.User) < cachePoints)
        {
            // The conversation lost its end, and a cache point now falls into what is kept.
            written.Forget();
            kept = written.Find(form, messages, out count);
            merged = Merge(messages, count);
        }

        if (!kept.IsEmpty)
        {
            // Several elements of the array at once; they were validated when they were written.
            json.WriteRawValue(kept, skipInputValidation: true);
        }

        var lastUser = cachePoints > 0 ? merged.FindLastIndex(one => one.Role is HarnessConversationRole.User) : -1;
        var userBefore = cachePoints > 1 && lastUser > 0 ? merged.FindLastIndex(lastUser - 1, one => one.Role is HarnessConversationRole.User) : -1;
        var notKept = userBefore >= 0 ? userBefore : lastUser >= 0 ? lastUser : merged.Count - 1;
        var begin = Position;
        var end = begin;
        for (var i = 0; i < merged.Count; i++)
        {
            end = i == notKept ? Position : end;
            WriteOne(merged[i], cachePoint: i == lastUser || i == userBefore);
        }

        json.Flush();
        if (written is not null && notKept >= 0 && merged[notKept].First > count)
        {
            var added = output.Written[begin..end];
            written.Add(messages, merged[notKept].First, kept.IsEmpty && added is [(byte)',', ..] ? added[1..] : added);
        }
    }

    /// <summary>Whether the provider takes a block back.</summary>
    protected abstract bool IsKept(Block block);

    /// <summary>Writes the content of one message, in the array that is open.</summary>
    /// <param name="blocks">At least one block.</param>
    /// <param name="user">Whether the user speaks.</param>
    /// <param name="cachePoint">Whether the provider may keep what it has read up to its end.</param>
    protected abstract void WriteContent(IReadOnlyList<Block> blocks, bool user, bool cachePoint);

    private List<Merged> Merge(IReadOnlyList<Message> messages, int from)
    {
        var merged = new List<Merged>();
        for (var i = from; i < messages.Count; i++)
        {
            // Dropping blocks can empty a message and make its neighbours meet, so it comes before merging.
            foreach (var block in messages[i].Blocks)
            {
                if (!IsKept(block))
                {
                    continue;
                }

                if (merged.Count == 0 || merged[^1].Role != messages[i].Role)
                {
                    merged.Add(new(i, messages[i].Role, []));
                }

                merged[^1].Blocks.Add(block);
            }
        }

        return merged;
    }

    private void WriteOne(Merged message, bool cachePoint)
    {
        var user = message.Role is HarnessConversationRole.User;
        json.WriteStartObject();
        json.WriteString("role", user ? "user" : "assistant");
        json.WriteStartArray("content");
        // Results answer the message before and must come first, also after merging.
        WriteContent(user ? [.. message.Blocks.OrderBy(block => block is Block.ToolResult ? 0 : 1)] : message.Blocks, user, cachePoint);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Messages that became one.</summary>
    /// <param name="First">Index of the first of them that has anything to say.</param>
    /// <param name="Role">Who speaks.</param>
    /// <param name="Blocks">What is said.</param>
    private sealed record Merged(int First, HarnessConversationRole Role, List<Block> Blocks);
}
