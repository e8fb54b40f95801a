using System.Buffers;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Json;
using Belay.Identity;

namespace Belay.Sessions;

/// <summary>
/// The open journal of one session: seals, chains and appends entries, and reads them back. It holds the session's lease until it
/// is disposed. Appends run one after another; sealing and hashing happen on the caller's thread, so that the store's writer
/// only stores. After <see cref="Storage.StorageException"/> or <see cref="LeaseLostException"/> it is spent: dispose it, open the session again
/// and read what is there.
/// </summary>
public sealed class SessionJournal : IAsyncDisposable
{
    private readonly IJournal _journal;
    private readonly ISealer _sealer;
    private readonly TimeProvider _time;
    private readonly SessionLease _lease;
    private readonly EntryChain _chain;
    private readonly SemaphoreSlim _oneAppend = new(1, 1);
    private ReadOnlyMemory<byte> _lastHash;
    private bool _disposed;

    private SessionJournal(IJournal journal, ISealer sealer, TimeProvider time, SessionLease lease, SessionRow row)
    {
        _journal = journal;
        _sealer = sealer;
        _time = time;
        _lease = lease;
        _chain = new EntryChain(lease.Session);
        _lastHash = row.LastHash;
        LastSequence = row.LastSequence;
        ActorRef = row.ActorRef;
    }

    /// <summary>The session.</summary>
    public SessionKey Session => _lease.Session;

    /// <summary>Sequence of the last entry that was appended; 0 when there is none.</summary>
    public long LastSequence { get; private set; }

    /// <summary>Reference of the actor that the session belongs to; null until one is fixed.</summary>
    public string? ActorRef { get; private set; }

    /// <summary>Takes a session for writing, creating it at first use.</summary>
    /// <exception cref="SessionOwnedElsewhereException">Another owner holds it.</exception>
    public static async Task<SessionJournal> OpenAsync(
        IJournal journal, ISealer sealer, TimeProvider time, SessionKey session, string owner, CancellationToken cancellationToken)
    {
        var lease = await journal.TakeAsync(session, owner, cancellationToken);
        try
        {
            var row = await journal.FindAsync(session, cancellationToken)
                ?? throw new JournalDamagedException(session, 0, "the session was taken, but its row is missing.");
            return new SessionJournal(journal, sealer, time, lease, row);
        }
        catch
        {
            await journal.ReleaseAsync(lease, CancellationToken.None);
            throw;
        }
    }

    /// <summary>Whether an actor may speak in this session: nobody is fixed yet, or it is this one.</summary>
    public async Task<bool> BelongsToAsync(string actorId, CancellationToken cancellationToken) =>
        ActorRef is not { } actorRef || (await _sealer.LookUpAsync(Session.Scope, actorId, cancellationToken))?.ActorRef == actorRef;

    /// <summary>Gives the session to an actor, for good. It is stored with the next entry.</summary>
    /// <exception cref="InvalidOperationException">The session belongs to another actor.</exception>
    public async Task FixActorAsync(string actorId, CancellationToken cancellationToken)
    {
        if (!await BelongsToAsync(actorId, cancellationToken))
        {
            throw new InvalidOperationException($"Session {Session.SessionId} belongs to another actor.");
        }

        ActorRef ??= (await _sealer.ForActorAsync(Session.Scope, actorId, cancellationToken)).ActorRef;
    }

    /// <summary>Gives a session without entries to the actor of the session whose past it shares. It is stored with the first entry.</summary>
    /// <param name="actorRef">Reference of that actor; null when that session belongs to nobody yet.</param>
    public void TakeOver(string? actorRef)
    {
        if (LastSequence > 0)
        {
            throw new InvalidOperationException($"Session {Session.SessionId} has entries of its own.");
        }

        ActorRef = actorRef;
    }

    /// <summary>Appends entries, all or none. Cancelled means that nothing was written.</summary>
    /// <exception cref="JournalErasedException">The key of the session's actor was destroyed.</exception>
    /// <exception cref="LeaseLostException">Another owner took the session.</exception>
    /// <exception cref="Storage.StorageException">The store cannot write.</exception>
    public Task AppendAsync(IReadOnlyList<EntryBody> bodies, Durability durability, CancellationToken cancellationToken) =>
        AppendAsync(bodies, [], durability, cancellationToken);

    /// <summary>Appends what another journal recorded, all or none, with its times and bodies as they were there. It fails as the other does.</summary>
    public Task AppendAsync(IReadOnlyList<PlainEntry> entries, CancellationToken cancellationToken) =>
        AppendAsync([], entries, Durability.Synced, cancellationToken);

    // What happens now gets its time when those before have been appended, so that times follow each other.
    private async Task AppendAsync(IReadOnlyList<EntryBody> now, IReadOnlyList<PlainEntry> before, Durability durability, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        await _oneAppend.WaitAsync(cancellationToken);
        try
        {
            var actorRef = ActorRef;
            var key = actorRef is null
                ? await _sealer.ForActorAsync(Session.Scope, ISealer.Account, cancellationToken)
                : await _sealer.FindAsync(Session.Scope, actorRef, cancellationToken)
                    ?? throw new JournalErasedException(Session, LastSequence);

            var entries = now.Count > 0 ? Seal(now, actorRef, key) : Seal(before, actorRef, key);
            await _journal.AppendAsync(_lease, entries, durability, cancellationToken);
            LastSequence = entries[^1].Sequence;
            _lastHash = entries[^1].Hash;
        }
        finally
        {
            _oneAppend.Release();
        }
    }

    /// <summary>Completes when everything that was appended is as safe as a synced append makes it.</summary>
    /// <exception cref="LeaseLostException">Another owner took the session.</exception>
    /// <exception cref="Storage.StorageException">The store cannot write.</exception>
    public Task SyncAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _journal.SyncAsync(_lease, cancellationToken);
    }

    /// <summary>Entries after a sequence number up to the last one, opened and verified.</summary>
    /// <exception cref="JournalDamagedException">An entry is not what was appended, or the newest ones are missing.</exception>
    /// <exception cref="JournalErasedException">The key of the session's actor was destroyed.</exception>
    public async IAsyncEnumerable<Entry> ReadAsync(long afterSequence, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var tail = new JournalTail(Session, LastSequence, _lastHash, ActorRef);
        await foreach (var (stored, header) in ReadVerifiedAsync(_journal, new EntryChain(Session), Session, afterSequence, cancellationToken))
        {
            var key = await KeyOfAsync(_sealer, Session, stored, cancellationToken) ?? throw new JournalErasedException(Session, stored.Sequence);
            tail.Pass(stored);
            yield return OpenEntry(_sealer, key, Session, stored, header);
        }

        tail.End(afterSequence);
    }

    /// <summary>Every entry that the session's conversation is made of: those that it shares with others first, then its own.</summary>
    /// <exception cref="JournalException">As above.</exception>
    public IAsyncEnumerable<PastEntry> ReadWithPastAsync(CancellationToken cancellationToken) =>
        SessionPast.ReadAsync(_journal, _sealer, Session, ReadAsync(0, cancellationToken), cancellationToken);

    /// <summary>The same while others append: what they append meanwhile may be missing.</summary>
    /// <exception cref="JournalException">As above.</exception>
    public IAsyncEnumerable<PastEntry> ReadBesideAsync(CancellationToken cancellationToken) =>
        SessionPast.ReadAsync(_journal, _sealer, Session, cancellationToken);

    /// <summary>Entries after a sequence number, opened and verified, for readers that hold no lease.</summary>
    /// <exception cref="JournalDamagedException">An entry is not what was appended.</exception>
    /// <exception cref="JournalErasedException">The key of the session's actor was destroyed.</exception>
    public static async IAsyncEnumerable<Entry> ReadAsync(
        IJournal journal,
        ISealer sealer,
        SessionKey session,
        long afterSequence,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var chain = new EntryChain(session);
        await foreach (var (stored, header) in ReadVerifiedAsync(journal, chain, session, afterSequence, cancellationToken))
        {
            var key = await KeyOfAsync(sealer, session, stored, cancellationToken)
                ?? throw new JournalErasedException(session, stored.Sequence);
            yield return OpenEntry(sealer, key, session, stored, header);
        }
    }

    /// <summary>The same, with what was stored.</summary>
    /// <exception cref="JournalException">As above.</exception>
    public static async IAsyncEnumerable<OpenedEntry> ReadOpenedAsync(
        IJournal journal,
        ISealer sealer,
        SessionKey session,
        long afterSequence,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var chain = new EntryChain(session);
        await foreach (var (stored, header) in ReadVerifiedAsync(journal, chain, session, afterSequence, cancellationToken))
        {
            var key = await KeyOfAsync(sealer, session, stored, cancellationToken)
                ?? throw new JournalErasedException(session, stored.Sequence);
            yield return Open(sealer, key, session, stored, header);
        }
    }

    /// <summary>Opens one entry that was read without those before it: it is verified by itself, not in its chain.</summary>
    /// <exception cref="JournalException">As above.</exception>
    public static async ValueTask<OpenedEntry> OpenAsync(ISealer sealer, SessionKey session, StoredEntry stored, CancellationToken cancellationToken)
    {
        var header = new EntryChain(session).Header(stored);
        if (!EntryChain.Hash(header, stored.Body.Span).AsSpan().SequenceEqual(stored.Hash.Span))
        {
            throw new JournalDamagedException(session, stored.Sequence, "its hash does not match its content.");
        }

        var key = await KeyOfAsync(sealer, session, stored, cancellationToken) ?? throw new JournalErasedException(session, stored.Sequence);
        return Open(sealer, key, session, stored, header);
    }

    /// <summary>Gives the session back. Queued entries are written first.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        try
        {
            await _journal.ReleaseAsync(_lease, CancellationToken.None);
        }
        catch (ObjectDisposedException)
        {
            // The store was closed before, which wrote what was queued and ended every lease.
        }
    }

    private StoredEntry[] Seal(IReadOnlyList<EntryBody> bodies, string? actorRef, ActorKey key)
    {
        var at = DateTimeOffset.FromUnixTimeMilliseconds(_time.GetUtcNow().ToUnixTimeMilliseconds());
        var entries = new StoredEntry[bodies.Count];
        var previous = _lastHash;
        for (var i = 0; i < entries.Length; i++)
        {
            entries[i] = Seal(i, at, JournalJson.KindOf(bodies[i]), JournalBuffer.Write(bodies[i]), actorRef, key, previous);
            previous = entries[i].Hash;
        }

        return entries;
    }

    private StoredEntry[] Seal(IReadOnlyList<PlainEntry> plain, string? actorRef, ActorKey key)
    {
        var entries = new StoredEntry[plain.Count];
        var previous = _lastHash;
        for (var i = 0; i < entries.Length; i++)
        {
            entries[i] = Seal(i, plain[i].At, plain[i].Kind, plain[i].Json.Span, actorRef, key, previous);
            previous = entries[i].Hash;
        }

        return entries;
    }

    private StoredEntry Seal(int index, DateTimeOffset at, EntryKind kind, ReadOnlySpan<byte> json, string? actorRef, ActorKey key, ReadOnlyMemory<byte> previous)
    {
        var sequence = LastSequence + index + 1;
        var header = _chain.Header(sequence, at, kind, actorRef, key.KeyId, previous.Span);
        var box = _sealer.Seal(key, json, header);
        return new(sequence, at, kind, actorRef, key.KeyId, previous, EntryChain.Hash(header, box), box);
    }

    /// <summary>Stored entries after a sequence number with their headers, the chain verified from the entry before on.</summary>
    internal static async IAsyncEnumerable<(StoredEntry Entry, byte[] Header)> ReadVerifiedAsync(
        IJournal journal,
        EntryChain chain,
        SessionKey session,
        long afterSequence,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var anchor = Math.Max(0, afterSequence - 1);
        var expected = anchor + 1;
        var previous = anchor == 0 ? EntryChain.Start : (ReadOnlyMemory<byte>?)null;
        await foreach (var stored in journal.ReadAsync(session, anchor, cancellationToken))
        {
            if (stored.Sequence != expected)
            {
                throw new JournalDamagedException(session, expected, "it is missing.");
            }

            if (previous is { } before && !stored.PreviousHash.Span.SequenceEqual(before.Span))
            {
                throw new JournalDamagedException(session, stored.Sequence, "it does not follow the entry before.");
            }

            var header = chain.Header(stored);
            if (!EntryChain.Hash(header, stored.Body.Span).AsSpan().SequenceEqual(stored.Hash.Span))
            {
                throw new JournalDamagedException(session, stored.Sequence, "its hash does not match its content.");
            }

            previous = stored.Hash;
            expected++;
            if (stored.Sequence > afterSequence)
            {
                yield return (stored, header);
            }
        }
    }

    /// <summary>The key that opens a stored entry; null when it was destroyed.</summary>
    internal static ValueTask<ActorKey?> KeyOfAsync(ISealer sealer, SessionKey session, StoredEntry stored, CancellationToken cancellationToken) =>
        stored.ActorRef is { } actorRef
            ? sealer.FindAsync(session.Scope, actorRef, cancellationToken)
            : sealer.LookUpAsync(session.Scope, ISealer.Account, cancellationToken);

    /// <summary>Opens a stored entry with its key.</summary>
    internal static OpenedEntry Open(ISealer sealer, ActorKey key, SessionKey session, StoredEntry stored, byte[] header)
    {
        var json = new byte[stored.Body.Length];
        var (entry, length) = Open(sealer, key, session, stored, header, json);
        return new(stored, entry, json.AsMemory(0, length));
    }

    /// <summary>The entry alone: the memory of its JSON is used again at once, because a fold reads long bodies one after the other.</summary>
    private static Entry OpenEntry(ISealer sealer, ActorKey key, SessionKey session, StoredEntry stored, byte[] header)
    {
        var json = ArrayPool<byte>.Shared.Rent(stored.Body.Length);
        try
        {
            return Open(sealer, key, session, stored, header, json).Entry;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(json);
        }
    }

    private static (Entry Entry, int JsonLength) Open(ISealer sealer, ActorKey key, SessionKey session, StoredEntry stored, byte[] header, Span<byte> json)
    {
        if (key.KeyId != stored.KeyId)
        {
            throw new JournalUnknownEntryException(session, stored.Sequence, $"it is sealed with key {stored.KeyId} of its actor.");
        }

        try
        {
            var length = sealer.Open(key, stored.Body.Span, header, json);
            var body = JournalJson.Deserialize(stored.Kind, json[..length])
                ?? throw new JournalUnknownEntryException(session, stored.Sequence, $"its kind {(int)stored.Kind} is not known here.");
            return (new(stored.Sequence, stored.At, body), length);
        }
        catch (CryptographicException cause)
        {
            throw new JournalDamagedException(session, stored.Sequence, "its body cannot be opened.", cause);
        }
        catch (Exception cause) when (cause is JsonException or NotSupportedException)
        {
            throw new JournalUnknownEntryException(session, stored.Sequence, "its body has a form that is not known here.", cause);
        }
    }
}

/// <summary>An entry before it is sealed.</summary>
/// <param name="At">When it happened, to the millisecond.</param>
/// <param name="Kind">What happened.</param>
/// <param name="Json">Its body as UTF-8 JSON.</param>
public readonly record struct PlainEntry(DateTimeOffset At, EntryKind Kind, ReadOnlyMemory<byte> Json)
{
    /// <summary>What happens at a time.</summary>
    public static PlainEntry Of(DateTimeOffset at, EntryBody body) => new(at, JournalJson.KindOf(body), JournalJson.Serialize(body));
}

/// <summary>An entry as it is stored and as it is read.</summary>
/// <param name="Stored">As it is stored.</param>
/// <param name="Entry">As it is read.</param>
/// <param name="Json">The body as UTF-8 JSON, with members that only a later version knows.</param>
public sealed record OpenedEntry(StoredEntry Stored, Entry Entry, ReadOnlyMemory<byte> Json);
