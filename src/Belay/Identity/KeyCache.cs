using Belay.Storage;

namespace Belay.Identity;

/// <summary>
/// Opened keys by actor and by reference, bounded, least recently used out first. A key that was read before a destruction cannot
/// be put in after it: whoever reads takes the <see cref="Generation"/> first and gives it back with the key.
/// </summary>
internal sealed class KeyCache(int capacity)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(Scope Scope, string ActorRef), LinkedListNode<Item>> _byRef = [];
    private readonly Dictionary<(Scope Scope, string Lookup), LinkedListNode<Item>> _byLookup = [];
    private readonly LinkedList<Item> _recent = new();
    private long _generation;

    public long Generation => Interlocked.Read(ref _generation);

    public ActorKey? ByRef(Scope scope, string actorRef)
    {
        lock (_gate)
        {
            return _byRef.TryGetValue((scope, actorRef), out var node) ? Touch(node) : null;
        }
    }

    public ActorKey? ByLookup(Scope scope, string lookup)
    {
        lock (_gate)
        {
            return _byLookup.TryGetValue((scope, lookup), out var node) ? Touch(node) : null;
        }
    }

    public void Put(Scope scope, string lookup, ActorKey key, long generation)
    {
        lock (_gate)
        {
            if (generation != _generation || _byRef.ContainsKey((scope, key.ActorRef)))
            {
                return;
            }

            var node = _recent.AddFirst(new Item(scope, lookup, key));
            _byRef[(scope, key.ActorRef)] = node;
            _byLookup[(scope, lookup)] = node;
            if (_recent.Count > capacity)
            {
                Drop(_recent.Last!); // The list holds at least the node just added.
            }
        }
    }

    public void Remove(Scope scope, string actorRef)
    {
        lock (_gate)
        {
            _generation++;
            if (_byRef.TryGetValue((scope, actorRef), out var node))
            {
                Drop(node);
            }
        }
    }

    private ActorKey Touch(LinkedListNode<Item> node)
    {
        _recent.Remove(node);
        _recent.AddFirst(node);
        return node.Value.Key;
    }

    private void Drop(LinkedListNode<Item> node)
    {
        _recent.Remove(node);
        _byRef.Remove((node.Value.Scope, node.Value.Key.ActorRef));
        _byLookup.Remove((node.Value.Scope, node.Value.Lookup));
    }

    private sealed record Item(Scope Scope, string Lookup, ActorKey Key);
}
