using System.Runtime.CompilerServices;
using Belay.Agents;
using Belay.Contracts.Sessions;

namespace Belay.Sessions;

/// <summary>
/// The events of sessions, from any event on: those that the journal knows, then those of the model call that runs now, from memory, with
/// what commands print in between. A reader pulls; what is held for one that does not is the little that commands print. An event is told when
/// the entry that it belongs to is stored, so no id is ever given twice, whatever happens to the server.
/// </summary>
/// <param name="reader">Reads their journals.</param>
/// <param name="listen">What the model call that runs now in a session has said; null when this server does not hold the session.</param>
/// <param name="outputs">What commands print right now.</param>
public sealed class SessionEventStreams(SessionReader reader, Func<SessionKey, LiveReply?> listen, CommandOutputs outputs)
{
    private const long FirstLook = 64;

    /// <summary>Events of a session after one.</summary>
    /// <param name="session">The session.</param>
    /// <param name="after">The last event that the reader has.</param>
    /// <param name="follow">Whether to go on with what happens next.</param>
    /// <param name="closing">Ends following, after everything that was stored until then.</param>
    /// <param name="cancellationToken">Ends it at once.</param>
    /// <exception cref="JournalException">An entry cannot be read.</exception>
    public async IAsyncEnumerable<ToldEvent> ReadAsync(
        SessionKey session, SessionEventId after, bool follow, CancellationToken closing, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var fold = new SessionEvents();
        var sequence = await BeginningAsync(session, after.Entry, cancellationToken);
        using var printed = follow ? outputs.Listen(session) : null;
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, closing);
        try
        {
            Task? next = null;
            while (true)
            {
                var more = follow && !closing.IsCancellationRequested;
                if (next?.IsCompleted != false)
                {
                    // Asked before the read, so that no entry falls between the two.
                    next = more ? reader.Journal.NextAsync(session.Scope, session, leave.Token) : Task.CompletedTask;
                    await foreach (var entry in SessionJournal.ReadAsync(reader.Journal, reader.Sealer, session, sequence, cancellationToken))
                    {
                        sequence = entry.Sequence;
                        foreach (var told in fold.Apply(entry).Where(told => told.Id > after))
                        {
                            if (told.Event is CommandEndedNotice { CommandId: var ended })
                            {
                                foreach (var piece in Printed(printed, piece => piece.CommandId == ended))
                                {
                                    yield return piece;
                                }
                            }

                            yield return told;
                            after = told.Id;
                        }
                    }
                }

                var said = next;
                if (fold.Asking is var (call, invocation) && listen(session) is { } live)
                {
                    var from = after.Entry < call ? 0 : after.Entry > call ? int.MaxValue : after.Delta == int.MaxValue ? int.MaxValue : after.Delta + 1;
                    (var shown, said) = live.Read(call, from);
                    foreach (var item in shown)
                    {
                        after = new(call, from++);
                        yield return new(after, invocation, item);
                    }
                }

                // Only of commands whose start was told.
                var untold = fold.Asking?.Entry ?? sequence + 1;
                foreach (var piece in Printed(printed, piece => piece.Stored < untold))
                {
                    yield return piece;
                }

                var news = printed?.News ?? next;

                if (!more)
                {
                    yield break;
                }

                await Task.WhenAny(next, said, news);
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            await leave.CancelAsync();
        }
    }

    private static IEnumerable<ToldEvent> Printed(CommandOutputReader? printed, Func<PrintedPiece, bool> fits) =>
        printed?.Take(fits).Select(piece => new ToldEvent(SessionEventId.Start, null, piece.ToNotice())) ?? [];

    // The fold may begin with any invocation; which one holds an entry is seen without opening what lies before.
    private async Task<long> BeginningAsync(SessionKey session, long entry, CancellationToken cancellationToken)
    {
        for (var (end, look) = (entry, FirstLook); end > 0; look *= 4)
        {
            var (begin, found) = (Math.Max(0, end - look), 0L);
            await foreach (var stored in reader.Journal.ReadAsync(session, begin, cancellationToken))
            {
                if (stored.Sequence > end)
                {
                    break;
                }

                found = stored.Kind == EntryKind.InvocationStarted ? stored.Sequence : found;
            }

            if (found > 0)
            {
                return found - 1;
            }

            end = begin;
        }

        return 0;
    }
}
