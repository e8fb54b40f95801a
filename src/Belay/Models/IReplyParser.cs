namespace Belay.Models;

/// <summary>
/// Turns the bytes of one reply into events. Pure: no I/O, no clock. Where the bytes are cut does not matter. It throws nothing
/// but <see cref="ModelException"/>, and events that precede what is wrong are in the list when it does.
/// </summary>
internal interface IReplyParser
{
    /// <summary>Whether the provider has said why it stopped; what breaks afterwards cannot take the answer back.</summary>
    bool Finished { get; }

    /// <summary>Whether nothing that matters can follow.</summary>
    bool Ended { get; }

    /// <summary>Takes bytes as they arrive and adds what they complete.</summary>
    void Feed(ReadOnlySpan<byte> bytes, List<ModelEvent> events);

    /// <summary>The stream is over: adds the last events, or throws because the finish marker never came.</summary>
    void End(List<ModelEvent> events);
}
