using System.Security.Cryptography;
using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Identity;
using Belay.Storage;

namespace Belay.Sessions;

/// <summary>
/// The sessions that this server holds. It opens them on first use, keeps idle ones in memory while there is room, and gives the least
/// recently used back. What is active is never given back: a lease is held while its sandbox lives.
/// </summary>
/// <param name="journal">Where sessions are recorded.</param>
/// <param name="sealer">Seals their bodies.</param>
/// <param name="sandboxes">Makes their sandboxes.</param>
/// <param name="services">What they share.</param>
/// <param name="owner">Name of this server in leases.</param>
public sealed partial class SessionHost(IJournal journal, ISealer sealer, SessionSandboxFactory sandboxes, SessionServices services, string owner) : IAsyncDisposable
{
    private const int LooksPerRelease = 2;

    private readonly Lock _gate = new();
    private readonly Dictionary<SessionKey, SessionSlot> _slots = [];

    // Every slot without a user that is not being closed is in one of two lists: idle ones, the least recently used first, and those whose
    // sandbox was running when they were left. Nobody says when a sandbox ends, so each release looks at a few of these: a request costs
    // the same however many sessions there are.
    private readonly LinkedList<SessionSlot> _idle = new();
    private readonly LinkedList<SessionSlot> _kept = new();
    private readonly Dictionary<string, int> _active = new(StringComparer.Ordinal);
    private TaskCompletionSource? _quiet;
    private bool _draining;
    private bool _closed;

    /// <summary>Sessions that something runs in, or that hold a sandbox, now.</summary>
    public int Active
    {
        get
        {
            lock (_gate)
            {
                return _active.Values.Sum();
            }
        }
    }

    /// <summary>Whether nothing new is accepted any more.</summary>
    public bool Draining
    {
        get
        {
            lock (_gate)
            {
                return _draining;
            }
        }
    }

    /// <summary>Sessions of an account that are in memory now.</summary>
    public int CountOf(string account)
    {
        lock (_gate)
        {
            return _slots.Keys.Count(key => key.Scope.Account == account);
        }
    }

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

    /// <summary>Takes a session that has an unfinished invocation, so that it is settled; see <see cref="LiveSession.RecoverAsync"/>.</summary>
    public async Task RecoverAsync(SessionKey key, Harness harness, CancellationToken cancellationToken)
    {
        var (_, hold) = await TakeAsync(key, harness, cancellationToken, counted: false);
        hold.Dispose();
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

    /// <summary>Ends the compute of every session of a harness. One that does not stop holds up no other; its failure is thrown when the
    /// rest has ended.</summary>
    public async Task StopHarnessAsync(Scope scope, string harnessId, CancellationToken cancellationToken)
    {
        SessionKey[] keys;
        lock (_gate)
        {
            keys = [.. _slots.Keys.Where(key => key.Scope == scope && key.HarnessId == harnessId)];
        }

        await Task.WhenAll(keys.Select(key => StopIfOpenAsync(key, cancellationToken)));
    }

    /// <summary>
    /// Accepts nothing new, lets what runs come to its end by itself, and then ends the rest as <see cref="DisposeAsync"/> does.
    /// </summary>
    /// <param name="patience">How long what runs may take.</param>
    /// <param name="hurry">Ends the patience.</param>
    public async Task DrainAsync(TimeSpan patience, CancellationToken hurry)
    {
        var quiet = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _draining = true;
            _quiet = quiet;
            TellIfQuiet();
        }

        try
        {
            await quiet.Task.WaitAsync(patience, services.Time, hurry);
        }
        catch (Exception over) when (over is TimeoutException || hurry.IsCancellationRequested)
        {
            // What still runs ends as a part of its turn, and says so to its reader and in its journal.
        }

        await DisposeAsync();
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
        SessionSlot[] slots;
        lock (_gate)
        {
            _draining = _closed = true;
            slots = [.. _slots.Values];
        }

        await Task.WhenAll(slots.Select(DrainAsync));
    }

    private async Task StopIfOpenAsync(SessionKey key, CancellationToken cancellationToken)
    {
        if (await FindAsync(key, cancellationToken) is { } found)
        {
            using var hold = found.Hold;
            await found.Session.StopAsync(clientToken: null, cancellationToken);
        }
    }

    private static async Task DrainAsync(SessionSlot slot)
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

    // What ran before a crash goes on even where an account has too many sessions since: they were not too many then.
    private async Task<(LiveSession Session, IDisposable Hold)> TakeAsync(SessionKey key, Harness harness, CancellationToken cancellationToken, bool counted = true)
    {
        while (true)
        {
            SessionSlot slot;
            Task? closing;
            lock (_gate)
            {
                if (_draining)
                {
                    throw ShuttingDown();
                }

                services.Quarantine.ThrowIfIn(key);

                if (_slots.TryGetValue(key, out var existing) && existing is { Users: 0, Closing: null })
                {
                    Look(existing);
                    if (existing.IsSpent)
                    {
                        // It broke while nobody was there to give it back.
                        Close(existing);
                    }
                }

                closing = existing?.Closing;
                if (counted && closing is null && (existing is null || existing.Place.List == _idle))
                {
                    ThrowIfFull(key.Scope.Account);
                }

                if (existing is null)
                {
                    existing = new SessionSlot(key);
                    existing.Opening = OpenAsync(existing, harness);
                    _slots.Add(key, existing);
                }

                slot = existing;
                if (closing is null)
                {
                    Enter(slot);
                }
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
        SessionSlot slot;
        lock (_gate)
        {
            if (_closed || !_slots.TryGetValue(key, out var existing) || existing.Closing is not null)
            {
                return null;
            }

            slot = existing;
            Enter(slot);
        }

        return await HoldAsync(slot, cancellationToken);
    }

    // The slot's count of users already has the caller; the hold takes it back.
    private async Task<(LiveSession Session, IDisposable Hold)> HoldAsync(SessionSlot slot, CancellationToken cancellationToken)
    {
        var hold = new Release(() => Leave(slot));
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
    private async Task<LiveSession> OpenAsync(SessionSlot slot, Harness harness)
    {
        await Task.Yield();
        var key = slot.Key;
        using var deadline = new CancellationTokenSource(services.Settings.OpenTime, services.Time);
        try
        {
            var opened = await SessionJournal.OpenAsync(journal, sealer, services.Time, key, owner, deadline.Token);
            try
            {
                var session = await LiveSession.OpenAsync(opened, harness, sandboxes, services, deadline.Token);
                await session.RecoverAsync(() => Hold(slot), deadline.Token);
                return session;
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
        catch (JournalDamagedException damage)
        {
            services.Quarantine.Add(damage);
            throw;
        }
        catch (CryptographicException cause)
        {
            var damage = new JournalDamagedException(key, 1, "the key of its actor cannot be opened.", cause);
            services.Quarantine.Add(damage);
            throw damage;
        }
        catch (OperationCanceledException exception)
        {
            throw new ServiceException(FaultCode.RuntimeClientError, $"Session {key.SessionId} took too long to open.", exception);
        }
    }

    private Release Hold(SessionSlot slot)
    {
        lock (_gate)
        {
            Enter(slot);
        }

        return new(() => Leave(slot));
    }

    private void Leave(SessionSlot slot)
    {
        lock (_gate)
        {
            if (--slot.Users > 0)
            {
                return;
            }

            _kept.AddLast(slot.Place);
            Look(slot);
            if (slot.IsSpent)
            {
                Close(slot);
            }

            for (var i = 0; i < LooksPerRelease && _kept.First is { Value: var oldest }; i++)
            {
                Look(oldest);
            }

            while (_idle.Count > services.Settings.MaxIdle)
            {
                Close(_idle.First!.Value);
            }

            TellIfQuiet();
        }
    }

    // The caller holds the gate.
    private void TellIfQuiet()
    {
        if (_quiet is not null && _slots.Values.All(slot => slot.Users == 0))
        {
            _quiet.TrySetResult();
        }
    }

    // All of the following under the gate.
    private void Enter(SessionSlot slot)
    {
        if (slot.Users++ == 0 && slot.Place.List != _kept)
        {
            Count(slot, 1);
        }

        slot.Place.List?.Remove(slot.Place);
    }

    // What is kept for its sandbox becomes idle when that has ended; else it goes to the end of its list.
    private void Look(SessionSlot slot)
    {
        if (slot.Place.List != _kept)
        {
            return;
        }

        _kept.Remove(slot.Place);
        if (slot.IsActive)
        {
            _kept.AddLast(slot.Place);
        }
        else
        {
            Count(slot, -1);
            _idle.AddLast(slot.Place);
        }
    }

    private void Close(SessionSlot slot)
    {
        if (slot.Place.List == _kept)
        {
            Count(slot, -1);
        }

        slot.Place.List?.Remove(slot.Place);
        slot.Closing = CloseAsync(slot);
    }

    private void Count(SessionSlot slot, int change)
    {
        var account = slot.Key.Scope.Account;
        _active[account] = _active.GetValueOrDefault(account) + change;
    }

    private async Task CloseAsync(SessionSlot slot)
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

    private void ThrowIfFull(string account)
    {
        if (_active.GetValueOrDefault(account) < services.Settings.MaxActive)
        {
            return;
        }

        foreach (var kept in _kept.ToArray())
        {
            Look(kept);
        }

        var active = _active.GetValueOrDefault(account);
        if (active >= services.Settings.MaxActive)
        {
            throw new ServiceException(
                FaultCode.ServiceQuotaExceededException, $"{active} sessions of this account are active, which is the most at a time. Stop one, or wait until one is idle.");
        }
    }

    private static ServiceException NotRunning(SessionKey key) =>
        new(FaultCode.ResourceNotFoundException, $"Session {key.SessionId} is not running.");
}
