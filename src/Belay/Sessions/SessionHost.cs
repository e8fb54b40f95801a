using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Identity;
using Belay.Storage;

namespace Belay.Sessions;

/// <summary>What a server does with a session.</summary>
public enum SessionActivity
{
    /// <summary>Nothing: it does not hold it, and nothing of it runs.</summary>
    Absent,

    /// <summary>It holds it, perhaps with a sandbox; no invocation and no command runs.</summary>
    Idle,

    /// <summary>An invocation or a command runs, or is about to.</summary>
    Busy,
}

/// <summary>
/// The sessions that this server holds. It opens them on first use, keeps idle ones in memory while there is room, and gives the least
/// recently used back. What is active is never given back: a lease is held while its sandbox lives.
/// </summary>
/// <param name="journal">Where sessions are recorded.</param>
/// <param name="sealer">Seals their bodies.</param>
/// <param name="sandboxes">Makes their sandboxes.</param>
/// <param name="services">What they share.</param>
/// <param name="owner">Name of this server in leases.</param>
public sealed class SessionHost(IJournal journal, ISealer sealer, SessionSandboxFactory sandboxes, SessionServices services, string owner) : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<SessionKey, Slot> _slots = [];
    private bool _closed;

    /// <summary>Accepts an invocation on a session and starts it. Throws what can be refused before the stream.</summary>
    public async Task<AcceptedInvocation> InvokeAsync(SessionKey key, Invocation invocation, CancellationToken cancellationToken)
    {
        var (session, hold) = await TakeAsync(key, invocation.Harness, cancellationToken);
        try
        {
            var accepted = await session.InvokeAsync(invocation, hold, cancellationToken);
            hold = null;
            return accepted;
        }
        finally
        {
            hold?.Dispose();
        }
    }

    /// <summary>Starts a command in a session's sandbox. Throws what can be refused before the stream.</summary>
    public async Task<StartedCommand> RunCommandAsync(SessionKey key, Harness harness, string command, int timeoutSeconds, CancellationToken cancellationToken)
    {
        var (session, hold) = await TakeAsync(key, harness, cancellationToken);
        try
        {
            var started = await session.RunCommandAsync(harness, command, timeoutSeconds, hold, cancellationToken);
            hold = null;
            return started;
        }
        finally
        {
            hold?.Dispose();
        }
    }

    /// <summary>Ends a session's compute; its conversation and storage stay.</summary>
    public async Task StopAsync(SessionKey key, string? clientToken, CancellationToken cancellationToken)
    {
        if (await FindAsync(key, cancellationToken) is not { } found)
        {
            throw NotRunning(key);
        }

        using var hold = found.Hold;
        if (!await found.Session.StopAsync(clientToken, cancellationToken))
        {
            throw NotRunning(key);
        }
    }

    /// <summary>Ends the compute of every session of a harness.</summary>
    public async Task StopHarnessAsync(Scope scope, string harnessId, CancellationToken cancellationToken)
    {
        SessionKey[] keys;
        lock (_gate)
        {
            keys = [.. _slots.Keys.Where(key => key.Scope == scope && key.HarnessId == harnessId)];
        }

        foreach (var key in keys)
        {
            if (await FindAsync(key, cancellationToken) is { } found)
            {
                using var hold = found.Hold;
                await found.Session.StopAsync(clientToken: null, cancellationToken);
            }
        }
    }

    /// <summary>What this server does with a session now.</summary>
    public SessionActivity Look(SessionKey key)
    {
        lock (_gate)
        {
            return !_slots.TryGetValue(key, out var slot) || slot.IsSpent ? SessionActivity.Absent : slot.Busy ? SessionActivity.Busy : SessionActivity.Idle;
        }
    }

    /// <summary>Ends what runs so that it can go on after a restart, and gives every session back.</summary>
    public async ValueTask DisposeAsync()
    {
        Slot[] slots;
        lock (_gate)
        {
            _closed = true;
            slots = [.. _slots.Values];
        }

        await Task.WhenAll(slots.Select(DrainAsync));
    }

    private static async Task DrainAsync(Slot slot)
    {
        LiveSession session;
        try
        {
            session = await slot.Opening;
        }
#pragma warning disable CA1031 // Whoever asked for the session has been told.
        catch (Exception)
#pragma warning restore CA1031
        {
            return;
        }

        if (slot.Closing is { } closing)
        {
            await closing;
            return;
        }

        try
        {
            await session.DrainAsync(CancellationToken.None);
        }
        catch (ServiceException)
        {
            // It does not stop in time; whoever opens the session next repairs it.
        }
        finally
        {
            await session.DisposeAsync();
        }
    }

    private async Task<(LiveSession Session, IDisposable Hold)> TakeAsync(SessionKey key, Harness harness, CancellationToken cancellationToken)
    {
        while (true)
        {
            Slot slot;
            Task? closing;
            lock (_gate)
            {
                if (_closed)
                {
                    throw new ServiceException(FaultCode.RuntimeClientError, "The server is shutting down.");
                }

                var known = _slots.TryGetValue(key, out var existing);
                if (existing is { Users: 0, Closing: null, IsSpent: true })
                {
                    // It broke while nobody was there to give it back.
                    existing.Closing = CloseAsync(existing);
                }

                closing = existing?.Closing;
                if (closing is null && !(known && existing!.Occupied))
                {
                    ThrowIfFull(key);
                }

                if (!known)
                {
                    existing = new Slot(key);
                    existing.Opening = OpenAsync(key, harness);
                    _slots.Add(key, existing);
                }

                slot = existing!;
                slot.Users += closing is null ? 1 : 0;
            }

            if (closing is not null)
            {
                await closing.WaitAsync(cancellationToken);
                continue;
            }

            return await HoldAsync(slot, cancellationToken);
        }
    }

    private async Task<(LiveSession Session, IDisposable Hold)?> FindAsync(SessionKey key, CancellationToken cancellationToken)
    {
        Slot slot;
        lock (_gate)
        {
            if (_closed || !_slots.TryGetValue(key, out var existing) || existing.Closing is not null)
            {
                return null;
            }

            slot = existing;
            slot.Users++;
        }

        return await HoldAsync(slot, cancellationToken);
    }

    // The slot's count of users already has the caller; the hold takes it back.
    private async Task<(LiveSession Session, IDisposable Hold)> HoldAsync(Slot slot, CancellationToken cancellationToken)
    {
        var hold = new Holder(() => Release(slot));
        try
        {
            return (await slot.Opening.WaitAsync(cancellationToken), hold);
        }
        catch
        {
            hold.Dispose();
            throw;
        }
    }

    // Opening belongs to the session, not to the first caller, who may leave; so it has its own deadline.
    private async Task<LiveSession> OpenAsync(SessionKey key, Harness harness)
    {
        await Task.Yield();
        using var deadline = new CancellationTokenSource(services.Settings.OpenTime, services.Time);
        try
        {
            var opened = await SessionJournal.OpenAsync(journal, sealer, services.Time, key, owner, deadline.Token);
            try
            {
                return await LiveSession.OpenAsync(opened, harness, sandboxes, services, deadline.Token);
            }
            catch
            {
                await opened.DisposeAsync();
                throw;
            }
        }
        catch (SessionOwnedElsewhereException exception)
        {
            throw new ServiceException(FaultCode.RuntimeClientError, $"Session {key.SessionId} is held by another server.", exception);
        }
        catch (JournalErasedException exception)
        {
            throw ServiceException.Invalid(ValidationReason.ResourceConflict, exception.Message);
        }
        catch (OperationCanceledException exception)
        {
            throw new ServiceException(FaultCode.RuntimeClientError, $"Session {key.SessionId} took too long to open.", exception);
        }
    }

    private void Release(Slot slot)
    {
        var closing = new List<Slot>();
        lock (_gate)
        {
            slot.Users--;
            slot.LastUsed = services.Time.GetTimestamp();
            if (slot is { Users: 0, Closing: null } && slot.IsSpent)
            {
                closing.Add(slot);
            }

            var idle = _slots.Values.Where(candidate => candidate.Closing is null && !candidate.Occupied && !closing.Contains(candidate)).ToList();
            if (idle.Count > services.Settings.MaxIdle)
            {
                closing.Add(idle.MinBy(candidate => candidate.LastUsed)!);
            }

            foreach (var one in closing)
            {
                one.Closing = CloseAsync(one);
            }
        }
    }

    private async Task CloseAsync(Slot slot)
    {
        await Task.Yield();
        try
        {
            await (await slot.Opening).DisposeAsync();
        }
#pragma warning disable CA1031 // It never opened, or its journal is gone; either way there is nothing left to give back.
        catch (Exception)
#pragma warning restore CA1031
        {
        }

        lock (_gate)
        {
            _slots.Remove(slot.Key);
        }
    }

    private void ThrowIfFull(SessionKey key)
    {
        var active = _slots.Values.Count(slot => slot.Key.Scope.Account == key.Scope.Account && slot.Occupied);
        if (active >= services.Settings.MaxActive)
        {
            throw new ServiceException(
                FaultCode.ServiceQuotaExceededException, $"{active} sessions of this account are active, which is the most at a time. Stop one, or wait until one is idle.");
        }
    }

    private static ServiceException NotRunning(SessionKey key) =>
        new(FaultCode.ResourceNotFoundException, $"Session {key.SessionId} is not running.");

    private sealed class Slot(SessionKey key)
    {
        public SessionKey Key { get; } = key;

        public Task<LiveSession> Opening { get; set; } = null!;

        public Task? Closing { get; set; }

        public int Users { get; set; }

        public long LastUsed { get; set; }

        // One that is being opened is opened for something to run in it.
        public bool Busy => !Opening.IsCompletedSuccessfully || Live.Busy;

        public bool Occupied => Users > 0 || (Opening.IsCompletedSuccessfully && Live.Active);

        public bool IsSpent => Opening.IsFaulted || Opening.IsCanceled || (Opening.IsCompletedSuccessfully && Live.Broken);

        // Only read when it has completed.
        private LiveSession Live => Opening.GetAwaiter().GetResult();
    }

    private sealed class Holder(Action release) : IDisposable
    {
        private Action? _release = release;

        public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
    }
}
