using System.Diagnostics;
using System.Globalization;
using Belay.Sessions;
using Belay.Storage;

namespace Belay.Crashing;

/// <summary>When the process kills itself.</summary>
/// <param name="SessionId">The session whose steps count.</param>
/// <param name="Step">The step, as <see cref="DyingJournal"/> names it.</param>
/// <param name="Moment">When: <c>before</c> the step is accepted, <c>after</c> it is, or when it is <c>stored</c>.</param>
internal sealed record Death(string SessionId, string Step, string Moment);

/// <summary>
/// Stands before the real journal. A step is an append or a sync of a session; its name is what is appended, and how often that was
/// appended already in the life of this process: <c>ModelOutcome+ToolIntent.1</c>, <c>sync.1</c>.
/// </summary>
internal sealed class DyingJournal(IJournal inner, string record, Death? death) : IJournal
{
    private const string Before = "before";
    private const string Stored = "stored";

    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _steps = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public async Task AppendAsync(SessionLease lease, IReadOnlyList<StoredEntry> entries, Durability durability, CancellationToken cancellationToken)
    {
        var dies = Dies(lease, string.Join('+', entries.Select(entry => entry.Kind)));
        Die(dies && death!.Moment == Before);
        await inner.AppendAsync(lease, entries, durability, cancellationToken);
        if (dies && death!.Moment == Stored)
        {
            await inner.SyncAsync(lease, cancellationToken);
        }

        Die(dies);
    }

    /// <inheritdoc/>
    public async Task SyncAsync(SessionLease lease, CancellationToken cancellationToken)
    {
        var dies = Dies(lease, "sync");
        Die(dies && death!.Moment == Before);
        await inner.SyncAsync(lease, cancellationToken);
        Die(dies);
    }

    /// <inheritdoc/>
    public Task<SessionLease> TakeAsync(SessionKey session, string owner, CancellationToken cancellationToken) => inner.TakeAsync(session, owner, cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<StoredEntry> ReadAsync(SessionKey session, long afterSequence, CancellationToken cancellationToken) => inner.ReadAsync(session, afterSequence, cancellationToken);

    /// <inheritdoc/>
    public Task<SessionRow?> FindAsync(SessionKey session, CancellationToken cancellationToken) => inner.FindAsync(session, cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<SessionRow> ListAsync(Scope scope, string? harnessId, SessionMark? after, CancellationToken cancellationToken) => inner.ListAsync(scope, harnessId, after, cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<SessionRow> ListUnfinishedAsync(CancellationToken cancellationToken) => inner.ListUnfinishedAsync(cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<FeedEntry> ReadFeedAsync(Scope scope, FeedQuery query, CancellationToken cancellationToken) => inner.ReadFeedAsync(scope, query, cancellationToken);

    /// <inheritdoc/>
    public Task NextAsync(Scope scope, SessionKey? session, CancellationToken cancellationToken) => inner.NextAsync(scope, session, cancellationToken);

    /// <inheritdoc/>
    public Task ReleaseAsync(SessionLease lease, CancellationToken cancellationToken) => inner.ReleaseAsync(lease, cancellationToken);

    // In one write, so that a line is there or not when the process dies.
    private bool Dies(SessionLease lease, string what)
    {
        var session = lease.Session.SessionId;
        lock (_gate)
        {
            var key = $"{session} {what}";
            var times = _steps[key] = _steps.GetValueOrDefault(key) + 1;
            var step = string.Create(CultureInfo.InvariantCulture, $"{what}.{times}");
            File.AppendAllText(record, $"{session} {step}\n");
            return death is not null && death.SessionId == session && death.Step == step;
        }
    }

    // SIGKILL: no handler, no finally, no flush.
    private static void Die(bool now)
    {
        if (now)
        {
            using var self = Process.GetCurrentProcess();
            self.Kill();
        }
    }
}
