using Belay.Sessions;

namespace Belay.Replays;

/// <summary>An entry of a journal as a replay reads it.</summary>
/// <param name="Sequence">From 1.</param>
/// <param name="Body">What happened.</param>
/// <param name="Json">The body as it is kept: what a replay's own entry must equal byte for byte.</param>
public sealed record RecordedEntry(long Sequence, EntryBody Body, ReadOnlyMemory<byte> Json)
{
    /// <summary>What a session's journal yields.</summary>
    public static RecordedEntry Of(OpenedEntry opened) => new(opened.Entry.Sequence, opened.Entry.Body, opened.Json);
}
