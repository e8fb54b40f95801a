using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Microsoft.Extensions.Logging;

namespace Belay.Sessions;

/// <summary>A fork that is asked for.</summary>
/// <param name="SessionId">Id of the new session.</param>
/// <param name="At">Last entry that is shared; null for the last one at which the session can be forked.</param>
/// <param name="Model">Model configuration of the fork's invocations that name none; null for what the session has.</param>
/// <param name="System">Instructions of the fork's invocations that name none; null for what the session has.</param>
public sealed record ForkRequest(string SessionId, long? At, HarnessModelConfiguration? Model, IReadOnlyList<string>? System);

/// <summary>A session that was forked.</summary>
/// <param name="Session">The new session.</param>
/// <param name="At">Last entry of the other one that it shares.</param>
/// <param name="Waiting">Whether calls wait for the caller's answers there.</param>
/// <param name="Files">What its files began as; null when it begins without any.</param>
public sealed record ForkedSession(SessionKey Session, Entry At, bool Waiting, SavedFiles? Files);

/// <summary>
/// Forks sessions. The new one shares the past of the other by reference, so the cost does not grow with the journal; it belongs to the same
/// actor, lives under the same harness, and has files of its own.
/// </summary>
/// <param name="reader">Reads sessions.</param>
/// <param name="sessions">The sessions of this server.</param>
/// <param name="files">Who keeps their files; null where nobody does.</param>
/// <param name="logger">Where it reports.</param>
public sealed partial class SessionForks(SessionReader reader, SessionHost sessions, SessionFiles? files, ILogger<SessionForks> logger)
{
    /// <summary>Forks a session. When it fails there is no new session and nothing is changed.</summary>
    /// <exception cref="ServiceException">The session or entry does not exist, it cannot be forked there, or the new id is taken.</exception>
    public async Task<ForkedSession> ForkAsync(SessionKey parent, ForkRequest request, CancellationToken cancellationToken)
    {
        // An invocation that has just ended: its files belong to its last entry.
        await sessions.SavedAsync(parent, cancellationToken);
        try
        {
            var row = await reader.RowAsync(parent, cancellationToken);
            if (row.ActorRef is { } actor && await reader.Sealer.FindAsync(parent.Scope, actor, cancellationToken) is null)
            {
                throw new JournalErasedException(parent, row.LastSequence);
            }

            var place = await ForkPlaces.FindAsync(reader.Journal, reader.Sealer, parent, row.LastSequence, request.At, cancellationToken);
            var (origin, depth) = await SessionPast.DepthAsync(reader.Journal, reader.Sealer, parent, cancellationToken);
            if (depth >= SessionPast.Deepest)
            {
                throw ServiceException.Invalid(ValidationReason.ResourceConflict, $"The past of session {parent.SessionId} leads through {SessionPast.Deepest} sessions already, which is the most.");
            }

            var key = parent with { SessionId = request.SessionId };
            SavedFiles? restored = null;
            await sessions.BeginAsync(
                key,
                async (journal, token) =>
                {
                    journal.TakeOver(row.ActorRef);
                    restored = files is null ? null : await files.RestoreAsync(parent, place.Entry.Sequence, key, BeginAsync, token);
                    if (files is null)
                    {
                        await BeginAsync(null);
                    }

                    Task BeginAsync(SavedFiles? saved) => journal.AppendAsync(
                        [
                            new SessionForked(
                                parent.HarnessId, parent.SessionId, place.Entry.Sequence, place.Hash, request.Model ?? origin?.Model, request.System ?? origin?.System, saved?.Id, place.Waiting),
                        ],
                        Durability.Synced,
                        token);
                },
                cancellationToken);
            Log.Forked(logger, parent.SessionId, place.Entry.Sequence, key.SessionId, restored is null ? "none" : $"those of entry {restored.Id}");
            return new(key, place.Entry, place.Waiting, restored);
        }
        catch (JournalException problem) when (problem is not JournalDamagedException)
        {
            throw ServiceException.Invalid(ValidationReason.ResourceConflict, problem.Message, problem);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Session {ParentId} was forked at entry {Sequence} into session {SessionId}; its files: {Files}.")]
        public static partial void Forked(ILogger logger, string parentId, long sequence, string sessionId, string files);
    }
}
