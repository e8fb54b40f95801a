using System.Buffers;
using Belay.Agents;

namespace Belay.Models;

/// <summary>
/// What an adapter has already written of one session's messages. Messages never change, so the next request copies these bytes
/// instead of writing a long conversation once more. It belongs to whoever holds the conversation and goes with it; one call at a time
/// uses it. Nothing depends on it: a request without it has the same bytes.
/// </summary>
public sealed class WrittenMessages
{
    /// <summary>Most bytes that are kept; a conversation beyond is written anew for each call.</summary>
    public const int MaxBytes = 1024 * 1024;

    // Small enough for the heap that is collected often: a session that is woken for one turn leaves nothing large behind.
    private const int PieceBytes = 32 * 1024;
    private const int LeastBytes = 1024;

    private readonly List<Message> _messages = [];
    private Piece? _first;
    private Piece? _last;
    private int _bytes;
    private string? _form;

    /// <summary>What was written of the beginning of a conversation; empty when it is another conversation now, or another form.</summary>
    /// <param name="form">The adapter and whatever else decides how it writes a message.</param>
    /// <param name="messages">The conversation.</param>
    /// <param name="count">How many of its messages were written.</param>
    internal ReadOnlySequence<byte> Find(string form, IReadOnlyList<Message> messages, out int count)
    {
        if (form != _form || !Begins(messages))
        {
            Forget();
            _form = form;
        }

        count = Math.Max(0, _messages.Count - 1);
        return _first is null ? default : new(_first, 0, _last!, _last!.Length); // There is a last one when there is a first.
    }

    /// <summary>
    /// Adds what was written of the messages after those that are kept, up to <paramref name="count"/> of them in all. What is kept holds
    /// only as long as the message after them is the same too: another one might have to be joined with them.
    /// </summary>
    internal void Add(IReadOnlyList<Message> messages, int count, ReadOnlySpan<byte> written)
    {
        if (_bytes + written.Length > MaxBytes)
        {
            Forget();
            return;
        }

        Append(written);
        for (var i = _messages.Count; i <= count; i++)
        {
            _messages.Add(messages[i]);
        }
    }

    /// <summary>Keeps nothing any more.</summary>
    internal void Forget()
    {
        if (_form is not null)
        {
            (_form, _first, _last, _bytes) = (null, null, null, 0);
            _messages.Clear();
        }
    }

    // Each piece is as long as all before it together, within bounds: a short conversation takes little.
    private void Append(ReadOnlySpan<byte> written)
    {
        while (!written.IsEmpty)
        {
            if (_last is null || _last.Room == 0)
            {
                _last = new(_last, Math.Clamp(Math.Max(_bytes, written.Length), LeastBytes, PieceBytes));
                _first ??= _last;
            }

            var taken = _last.Append(written);
            _bytes += taken;
            written = written[taken..];
        }
    }

    // The very same messages: what is equal but another object may be another shortening of the same text.
    private bool Begins(IReadOnlyList<Message> messages)
    {
        if (messages.Count < _messages.Count)
        {
            return false;
        }

        for (var i = 0; i < _messages.Count; i++)
        {
            if (!ReferenceEquals(messages[i], _messages[i]))
            {
                return false;
            }
        }

        return true;
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        private readonly byte[] _bytes;

        public Piece(Piece? before, int size)
        {
            _bytes = new byte[size];
            if (before is not null)
            {
                RunningIndex = before.RunningIndex + before.Length;
                before.Next = this;
            }
        }

        public int Length { get; private set; }

        public int Room => _bytes.Length - Length;

        public int Append(ReadOnlySpan<byte> bytes)
        {
            var taken = Math.Min(bytes.Length, Room);
            bytes[..taken].CopyTo(_bytes.AsSpan(Length));
            Length += taken;
            Memory = _bytes.AsMemory(0, Length);
            return taken;
        }
    }
}
