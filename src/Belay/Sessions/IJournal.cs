using Belay.Storage;

namespace Belay.Sessions;

/// <summary>
/// The record of what happened, append-only, one for each session, one writer at a time. It stores sealed entries and knows
/// nothing of their bodies; <see cref="SessionJournal"/> seals, chains and folds on top of it.
/// <para>Leases belong to an owner, a running server. A store that only one server can open (SQLite, whose data directory is
/// locked) keeps them while it is open: opening it again ends every lease of the server before, however that one died. A store
/// that servers share has to let a dead server's leases expire by time.</para>
/// <para>Reads see every entry whose append was accepted. Cancellation is heeded until an append is accepted: an append that ends
/// cancelled wrote nothing. After <see cref="StorageException"/> nothing is known to be written, the lease is spent, and whoever
/// wants to go on takes the session again and reads what is there.</para>
/// </summary>
public interface IJournal
{
    /// <summary>
    /// Takes a session for writing, creating it at first use. Answers with a lease whose fencing token is larger than any
    /// before; the same owner may take again, which ends its older lease. Throws <see cref="SessionOwnedElsewhereException"/>
    /// while another owner's lease holds.
    /// </summary>
    Task<SessionLease> TakeAsync(SessionKey session, string owner, CancellationToken cancellationToken);

    /// <summary>
    /// Appends entries whose sequence numbers follow the last accepted one, all or none. With <see cref="Durability.Synced"/> the
    /// task completes when they survive a power cut (as far as the store's settings promise); with
    /// <see cref="Durability.Queued"/> it completes at once and the entries ride with the next synced commit of any session, or
    /// follow within 10 ms; a queued append that cannot be written fails the next call with that lease. Throws
    /// <see cref="LeaseLostException"/> when the lease was released or a newer one exists, and nothing is written.
    /// </summary>
    /// <exception cref="ArgumentException">The entries break <see cref="JournalRules"/> or do not follow the last one, or name
    /// another actor than the session's.</exception>
    Task AppendAsync(SessionLease lease, IReadOnlyList<StoredEntry> entries, Durability durability, CancellationToken cancellationToken);

    /// <summary>Entries after a sequence number, in order, paged from disk. Nothing is held between pages.</summary>
    IAsyncEnumerable<StoredEntry> ReadAsync(SessionKey session, long afterSequence, CancellationToken cancellationToken);

    /// <summary>A session's row; null when it was never taken.</summary>
    Task<SessionRow?> FindAsync(SessionKey session, CancellationToken cancellationToken);

    /// <summary>Sessions of a scope, newest activity first, optionally of one harness, optionally only those behind a mark. A session that
    /// becomes active while the list is read may be missing from the rest of it; none comes twice.</summary>
    IAsyncEnumerable<SessionRow> ListAsync(Scope scope, string? harnessId, SessionMark? after, CancellationToken cancellationToken);

    /// <summary>Sessions of all scopes whose newest <see cref="EntryKind.InvocationStarted"/> has no <see cref="EntryKind.InvocationEnded"/> after
    /// it, the oldest session first. The cost is that of the answer, however many sessions are stored.</summary>
    IAsyncEnumerable<SessionRow> ListUnfinishedAsync(CancellationToken cancellationToken);

    /// <summary>Entries of all sessions of a scope in the order in which they were stored, paged from disk; it ends with what was accepted
    /// when it began. Nothing is held between pages.</summary>
    IAsyncEnumerable<FeedEntry> ReadFeedAsync(Scope scope, FeedQuery query, CancellationToken cancellationToken);

    /// <summary>A task that completes when the next entry of a session, or of any session of the scope, can be read. Call it before reading,
    /// read to the end, then await it: nothing is missed. It may complete without need, and costs appends nothing while nobody
    /// waits. Cancel it to stop waiting.</summary>
    Task NextAsync(Scope scope, SessionKey? session, CancellationToken cancellationToken);

    /// <summary>Gives a session back. Queued entries are written first. A lease that is lost already is no error.</summary>
    Task ReleaseAsync(SessionLease lease, CancellationToken cancellationToken);
}

/// <summary>Names a session: conversation and sandbox of one session id on one harness.</summary>
public readonly record struct SessionKey(Scope Scope, string HarnessId, string SessionId);

/// <summary>The right to append to a session until a newer lease exists.</summary>
/// <param name="Session">The session.</param>
/// <param name="Number">Small integer that names the session inside the store.</param>
/// <param name="Token">Fencing token; larger than any before.</param>
public sealed record SessionLease(SessionKey Session, long Number, long Token);

/// <summary>What a store knows of a session without opening a body.</summary>
/// <param name="Session">The session.</param>
/// <param name="LastSequence">Sequence of the last entry; 0 when there is none.</param>
/// <param name="LastHash">Hash of the last entry's header and body; 32 zero bytes when there is none.</param>
/// <param name="ActorRef">Reference of the actor that the session belongs to, from the first entry that names one; null until then.</param>
/// <param name="CreatedAt">When it was first taken.</param>
/// <param name="LastActivityAt">Time of the last entry; of its creation when there is none.</param>
/// <param name="LastKind">Kind of the last entry; null when there is none.</param>
/// <param name="Number">Number of the session inside the store; see <see cref="SessionLease"/>.</param>
/// <param name="Unfinished">Whether its newest invocation has no end.</param>
public sealed record SessionRow(
    SessionKey Session,
    long LastSequence,
    ReadOnlyMemory<byte> LastHash,
    string? ActorRef,
    DateTimeOffset CreatedAt,
    DateTimeOffset LastActivityAt,
    EntryKind? LastKind,
    long Number,
    bool Unfinished)
{
    /// <summary>Where it stands in a list by activity.</summary>
    public SessionMark Mark => new(LastActivityAt.ToUnixTimeMilliseconds(), Number);
}

/// <summary>A place in a list of sessions by activity; the list behind it has less of it.</summary>
/// <param name="LastActivityMs">Unix milliseconds of a last activity.</param>
/// <param name="Number">Number of the session; 0 stands before every session of the millisecond before.</param>
public readonly record struct SessionMark(long LastActivityMs, long Number)
{
    /// <summary>The place before everything that was last active earlier than a time.</summary>
    public static SessionMark Before(DateTimeOffset time) => new(time.ToUnixTimeMilliseconds(), 0);
}

/// <summary>Which entries of a scope are read, and in which order.</summary>
public sealed record FeedQuery
{
    /// <summary>How far the times of entries may be out of the order in which they were stored.</summary>
    public static readonly TimeSpan Disorder = TimeSpan.FromMinutes(10);

    /// <summary>Only what was stored after this position.</summary>
    public long After { get; init; }

    /// <summary>Only what was stored before this position.</summary>
    public long Before { get; init; } = long.MaxValue;

    /// <summary>Older entries are of no interest; where a store can tell cheaply it leaves them out, so some may be there all the same.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Entries of this time or later are of no interest; some may be there all the same.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Only sessions of this harness.</summary>
    public string? HarnessId { get; init; }

    /// <summary>Only sessions of this id.</summary>
    public string? SessionId { get; init; }

    /// <summary>Whether what was stored last comes first.</summary>
    public bool NewestFirst { get; init; }
}

/// <summary>An entry with its place among the entries of all sessions.</summary>
/// <param name="Position">Grows from entry to entry, with gaps.</param>
/// <param name="Session">Whose entry it is.</param>
/// <param name="Entry">The entry.</param>
public sealed record FeedEntry(long Position, SessionKey Session, StoredEntry Entry);

/// <summary>One entry as it is stored: a clear header and a sealed body.</summary>
/// <param name="Sequence">From 1, without gaps.</param>
/// <param name="At">When it was appended, to the millisecond.</param>
/// <param name="Kind">What happened.</param>
/// <param name="ActorRef">Whose key sealed the body; null for entries that belong to no actor, sealed with the account's key.</param>
/// <param name="KeyId">Which key sealed the body.</param>
/// <param name="PreviousHash">Hash of the entry before.</param>
/// <param name="Hash">SHA-256 over the header's fields, the previous hash and the digest of the stored body.</param>
/// <param name="Body">Sealed bytes.</param>
public sealed record StoredEntry(
    long Sequence,
    DateTimeOffset At,
    EntryKind Kind,
    string? ActorRef,
    string KeyId,
    ReadOnlyMemory<byte> PreviousHash,
    ReadOnlyMemory<byte> Hash,
    ReadOnlyMemory<byte> Body);

/// <summary>What an append waits for.</summary>
public enum Durability
{
    /// <summary>Nothing; it rides with the next synced commit.</summary>
    Queued,

    /// <summary>The commit.</summary>
    Synced,
}

/// <summary>Another owner holds the session.</summary>
public sealed class SessionOwnedElsewhereException(SessionKey session, string owner)
    : Exception($"Session {session.SessionId} is owned by {owner}.")
{
    /// <summary>Who holds it.</summary>
    public string Owner { get; } = owner;
}

/// <summary>The lease was released or a newer one exists; whoever held the old one must stop.</summary>
public sealed class LeaseLostException(SessionKey session)
    : Exception($"The lease of session {session.SessionId} is lost: it was released or taken over.");
