using System.Text;
using Belay.Contracts.Sessions;
using Belay.Sandboxes;

namespace Belay.Sessions;

/// <summary>
/// What the commands of sessions print, for whoever reads along right now. Nothing is kept for those who come later, since it is in no journal; each
/// piece says where in its stream it stands, so that a gap shows. Safe for concurrent use.
/// </summary>
public sealed class CommandOutputs
{
    private readonly Lock _gate = new();
    private readonly Dictionary<SessionKey, List<CommandOutputReader>> _readers = [];

    /// <summary>Reads along with the commands of a session from now on, until it is disposed.</summary>
    public CommandOutputReader Listen(SessionKey session)
    {
        var reader = new CommandOutputReader(left => Leave(session, left));
        lock (_gate)
        {
            if (!_readers.TryGetValue(session, out var readers))
            {
                _readers[session] = readers = [];
            }

            readers.Add(reader);
        }

        return reader;
    }

    /// <summary>Tells the readers of a session, if there are any.</summary>
    public void Add(SessionKey session, PrintedPiece piece)
    {
        CommandOutputReader[] readers;
        lock (_gate)
        {
            readers = _readers.TryGetValue(session, out var all) ? [.. all] : [];
        }

        foreach (var reader in readers)
        {
            reader.Add(piece);
        }
    }

    private void Leave(SessionKey session, CommandOutputReader reader)
    {
        lock (_gate)
        {
            if (_readers.TryGetValue(session, out var readers) && readers.Remove(reader) && readers.Count == 0)
            {
                _readers.Remove(session);
            }
        }
    }
}

/// <summary>A piece of what a command printed.</summary>
/// <param name="Stored">Sequence up to which the journal holds the command's beginning.</param>
/// <param name="CommandId">The command.</param>
/// <param name="Kind">Which stream.</param>
/// <param name="Offset">Bytes that the stream had before it.</param>
/// <param name="Text">What was printed.</param>
public sealed record PrintedPiece(long Stored, string CommandId, OutputKind Kind, long Offset, string Text)
{
    /// <summary>As readers are told it.</summary>
    public CommandOutputNotice ToNotice() => new()
    {
        CommandId = CommandId,
        Offset = Offset,
        Stdout = Kind == OutputKind.Stdout ? Text : null,
        Stderr = Kind == OutputKind.Stderr ? Text : null,
    };
}

/// <summary>One reader of what the commands of a session print. What it does not take in time is dropped, the oldest first.</summary>
public sealed class CommandOutputReader : IDisposable
{
    /// <summary>Largest output that waits for a reader, in bytes of UTF-8.</summary>
    public const int MaxWaitingBytes = 256 * 1024;

    private readonly Lock _gate = new();
    private readonly LinkedList<PrintedPiece> _waiting = [];
    private readonly Action<CommandOutputReader> _leave;
    private long _bytes;
    private TaskCompletionSource _news = NewNews();

    internal CommandOutputReader(Action<CommandOutputReader> leave) => _leave = leave;

    /// <summary>Completes when something came since the last <see cref="Take"/>.</summary>
    public Task News
    {
        get
        {
            lock (_gate)
            {
                return _news.Task;
            }
        }
    }

    /// <summary>Takes the waiting pieces that fit, in the order in which they were printed.</summary>
    public IReadOnlyList<PrintedPiece> Take(Func<PrintedPiece, bool> fits)
    {
        lock (_gate)
        {
            if (_news.Task.IsCompleted)
            {
                _news = NewNews();
            }

            var taken = new List<PrintedPiece>();
            for (var node = _waiting.First; node is not null;)
            {
                var next = node.Next;
                if (fits(node.Value))
                {
                    taken.Add(node.Value);
                    Drop(node);
                }

                node = next;
            }

            return taken;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _leave(this);

    internal void Add(PrintedPiece piece)
    {
        lock (_gate)
        {
            _waiting.AddLast(piece);
            _bytes += Encoding.UTF8.GetByteCount(piece.Text);
            while (_bytes > MaxWaitingBytes && _waiting.First is { } oldest)
            {
                Drop(oldest);
            }

            _news.TrySetResult();
        }
    }

    private void Drop(LinkedListNode<PrintedPiece> node)
    {
        _waiting.Remove(node);
        _bytes -= Encoding.UTF8.GetByteCount(node.Value.Text);
    }

    private static TaskCompletionSource NewNews() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
