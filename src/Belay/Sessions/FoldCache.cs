namespace Belay.Sessions;

/// <summary>Folds by session, bounded by number and by weight; the least recently used go first. One that is in use may go, too: whoever uses
/// it keeps it alive.</summary>
internal sealed class FoldCache(int most, long mostBytes)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<SessionKey, LinkedListNode<Kept>> _byKey = [];
    private readonly LinkedList<Kept> _byUse = new();
    private long _bytes;

    /// <summary>The fold of a session, an empty one when none is kept.</summary>
    public Kept Take(SessionKey key)
    {
        lock (_gate)
        {
            if (_byKey.TryGetValue(key, out var node))
            {
                _byUse.Remove(node);
            }
            else
            {
                node = new(new(key));
                _byKey.Add(key, node);
            }

            _byUse.AddLast(node);
            Trim();
            return node.Value;
        }
    }

    /// <summary>Notes what a fold weighs now.</summary>
    public void Weigh(Kept kept)
    {
        lock (_gate)
        {
            if (_byKey.TryGetValue(kept.Key, out var node) && node.Value == kept)
            {
                _bytes += kept.Bytes - kept.Counted;
                kept.Counted = kept.Bytes;
                Trim();
            }
        }
    }

    /// <summary>Forgets a session.</summary>
    public void Remove(SessionKey key)
    {
        lock (_gate)
        {
            if (_byKey.Remove(key, out var node))
            {
                _byUse.Remove(node);
                _bytes -= node.Value.Counted;
            }
        }
    }

    private void Trim()
    {
        while (_byUse.First is { } oldest && (_byKey.Count > most || _bytes > mostBytes))
        {
            _byKey.Remove(oldest.Value.Key);
            _byUse.Remove(oldest);
            _bytes -= oldest.Value.Counted;
        }
    }

    /// <summary>A fold that is kept. Everything but its weight belongs to whoever has passed its gate.</summary>
    internal sealed class Kept(SessionKey key)
    {
        public SessionKey Key { get; } = key;

        public SemaphoreSlim Gate { get; } = new(1, 1);

        public SessionFold Fold { get; set; } = new();

        /// <summary>Why the journal could not be read; it holds until there are more entries.</summary>
        public JournalException? Problem { get; set; }

        public long ProblemAt { get; set; }

        public long Bytes { get; set; }

        public long Counted { get; set; }
    }
}
