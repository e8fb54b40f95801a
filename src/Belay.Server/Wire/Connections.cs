using Microsoft.AspNetCore.Connections;

namespace Belay.Server.Wire;

/// <summary>
/// Who is connected, and who has to leave when there are too many. A connection is unproven until a request on it has carried a
/// good signature. When the table is full, a newcomer takes the place of the oldest unproven connection, else of the proven one
/// that has been idle longest; only when all are at work is the newcomer closed. So however many strangers sit on connections or
/// trickle requests, whoever has a key and sends a request gets in.
/// </summary>
internal sealed class Connections(int most)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<Connection> _unproven = new();
    private readonly LinkedList<Connection> _idle = new();
    private int _count;

    /// <summary>Connections at this moment.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _count;
            }
        }
    }

    /// <summary>Serves a connection for as long as it may stay.</summary>
    public async Task ServeAsync(ConnectionContext context, ConnectionDelegate next)
    {
        var connection = new Connection(this, context);
        Connection? leaves;
        lock (_gate)
        {
            leaves = _count < most ? null : _unproven.First?.Value ?? _idle.First?.Value ?? connection;
            if (leaves is not null && leaves != connection)
            {
                Remove(leaves);
            }

            if (leaves != connection)
            {
                connection.Place = _unproven.AddLast(connection);
                _count++;
            }
        }

        leaves?.Context.Abort(new ConnectionAbortedException("There are too many connections."));
        if (leaves == connection)
        {
            return;
        }

        context.Features.Set(connection);
        try
        {
            await next(context);
        }
        finally
        {
            lock (_gate)
            {
                Remove(connection);
            }
        }
    }

    // Once: whoever was told to leave gives its place away before its connection is closed.
    private void Remove(Connection connection)
    {
        if (!connection.Gone)
        {
            connection.Gone = true;
            connection.Unlink();
            _count--;
        }
    }

    /// <summary>One connection, as its requests see it. HTTP/2 has several at a time.</summary>
    internal sealed class Connection(Connections owner, ConnectionContext context)
    {
        private bool _proven;
        private int _requests;

        internal ConnectionContext Context { get; } = context;

        internal LinkedListNode<Connection>? Place { get; set; }

        internal bool Gone { get; set; }

        /// <summary>A request begins.</summary>
        public void Begin()
        {
            lock (owner._gate)
            {
                _requests++;
                if (_proven)
                {
                    Unlink();
                }
            }
        }

        /// <summary>A request has carried a good signature.</summary>
        public void Prove()
        {
            lock (owner._gate)
            {
                if (!_proven)
                {
                    _proven = true;
                    Unlink();
                }
            }
        }

        /// <summary>A request has ended.</summary>
        public void End()
        {
            lock (owner._gate)
            {
                if (--_requests == 0 && _proven && !Gone)
                {
                    Place = owner._idle.AddLast(this);
                }
            }
        }

        internal void Unlink()
        {
            Place?.List?.Remove(Place);
            Place = null;
        }
    }
}
