using Belay.Contracts.Faults;
using Microsoft.Extensions.Logging;

namespace Belay.Sessions;

/// <summary>
/// The sessions of a server that are known to be damaged: they are refused with the reason, each is logged once, and the others work. It
/// only remembers: what it does not know is found again by whoever reads.
/// </summary>
public sealed partial class Quarantine(ILogger logger)
{
    private const int Most = 10_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<SessionKey, JournalDamagedException> _known = [];

    /// <summary>Damaged sessions of an account that are known.</summary>
    public int CountOf(string account)
    {
        lock (_gate)
        {
            return _known.Keys.Count(key => key.Scope.Account == account);
        }
    }

    /// <summary>Takes a session in.</summary>
    public void Add(JournalDamagedException damage)
    {
        lock (_gate)
        {
            if (_known.Count >= Most || !_known.TryAdd(damage.Session, damage))
            {
                return;
            }
        }

        Log.Damaged(logger, damage.Session.SessionId, damage.Message);
    }

    /// <summary>Refuses a session that is known to be damaged.</summary>
    /// <exception cref="JournalDamagedException">It is.</exception>
    public void ThrowIfIn(SessionKey session)
    {
        JournalDamagedException? damage;
        lock (_gate)
        {
            damage = _known.Count == 0 ? null : _known.GetValueOrDefault(session);
        }

        if (damage is not null)
        {
            throw new JournalDamagedException(damage.Session, damage.Sequence, damage.Problem, damage);
        }
    }

    /// <summary>What a caller is told.</summary>
    public static ServiceException Fault(JournalDamagedException damage) => new(
        FaultCode.InternalServerException,
        $"{damage.Message} The session is quarantined and other sessions are not affected; use a new session id. Whoever runs the server learns more from belay verify.",
        damage);

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "Session {SessionId} is quarantined. {Reason} Run belay verify.")]
        public static partial void Damaged(ILogger logger, string sessionId, string reason);
    }
}
