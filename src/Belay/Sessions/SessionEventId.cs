using System.Globalization;

namespace Belay.Sessions;

/// <summary>Where an event of a session stands: <c>entry.delta</c>. Events are told in the order of their ids.</summary>
/// <param name="Entry">Sequence of the entry that it tells of; for events of a model call, of the call's intent.</param>
/// <param name="Delta">Its number among the events of the entry, from 0.</param>
public readonly record struct SessionEventId(long Entry, int Delta) : IComparable<SessionEventId>
{
    /// <summary>Stands before every event.</summary>
    public static SessionEventId Start => new(0, 0);

    /// <summary>Reads an id. An entry alone stands for the last event of it.</summary>
    public static bool TryParse(string text, out SessionEventId id)
    {
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        var delta = int.MaxValue;
        var read = long.TryParse(dot < 0 ? text : text.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out var entry)
            && (dot < 0 || int.TryParse(text.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out delta));
        id = read ? new(entry, delta) : default;
        return read;
    }

    /// <inheritdoc/>
    public int CompareTo(SessionEventId other) => Entry != other.Entry ? Entry.CompareTo(other.Entry) : Delta.CompareTo(other.Delta);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Entry}.{Delta}");

    /// <summary>Whether one event is told before another.</summary>
    public static bool operator <(SessionEventId left, SessionEventId right) => left.CompareTo(right) < 0;

    /// <summary>Whether one event is told after another.</summary>
    public static bool operator >(SessionEventId left, SessionEventId right) => left.CompareTo(right) > 0;

    /// <summary>Whether one event is told before another, or is it.</summary>
    public static bool operator <=(SessionEventId left, SessionEventId right) => left.CompareTo(right) <= 0;

    /// <summary>Whether one event is told after another, or is it.</summary>
    public static bool operator >=(SessionEventId left, SessionEventId right) => left.CompareTo(right) >= 0;
}
