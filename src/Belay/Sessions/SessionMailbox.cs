using System.Threading.Channels;
using Belay.Agents;
using Belay.Telemetry;

namespace Belay.Sessions;

/// <summary>
/// The one writer of a session. Loop, commands, sandbox and timers post what happened; entries are appended and folded in the order of
/// posting. When an append fails the mailbox is spent: every later post fails with the same cause, because what is stored is no longer known.
/// </summary>
internal sealed class SessionMailbox : IAsyncDisposable
{
    private readonly SessionJournal _journal;
    private readonly Conversation _conversation;
    private readonly LiveReply _live;
    private readonly Channel<Post> _posts;
    private readonly Instrumentation _telemetry;
    private readonly Task _pump;

    public SessionMailbox(SessionJournal journal, Conversation conversation, LiveReply live, int depth, Instrumentation telemetry)
    {
        _telemetry = telemetry;
        _journal = journal;
        _conversation = conversation;
        _live = live;
        // Whoever posts runs the pump up to its first wait, and the pump runs whoever waits for it: an append that need not wait for the disk
        // changes no thread. The pump never holds a lock, and who goes on inside it only comes as far as the next wait.
        _posts = Channel.CreateBounded<Post>(new BoundedChannelOptions(depth) { SingleReader = true, AllowSynchronousContinuations = true });
        _pump = PumpAsync();
    }

    /// <summary>Why nothing can be appended any more; null while it can.</summary>
    public Exception? Broken { get; private set; }

    /// <summary>Told once that nothing can be appended any more: what runs must not go on without its record.</summary>
    public Action? Broke { get; init; }

    /// <summary>Appends entries and folds them. Completes as the durability says.</summary>
    public async Task AppendAsync(IReadOnlyList<EntryBody> entries, Durability durability)
    {
        var post = new Post(entries, durability, new TaskCompletionSource());
        await _posts.Writer.WriteAsync(post);
        await post.Done.Task;
    }

    /// <summary>Completes when everything that was appended so far is on the disk. Other appends go on meanwhile.</summary>
    public async Task SyncAsync()
    {
        try
        {
            var began = _telemetry.Time.GetTimestamp();
            await _journal.SyncAsync(CancellationToken.None);
            _telemetry.JournalAppended(began, Durability.Synced);
        }
        catch (Exception exception)
        {
            Broken ??= exception;
            Broke?.Invoke();
            throw;
        }
    }

    /// <summary>Appends what was posted, and gives the session back.</summary>
    public async ValueTask DisposeAsync()
    {
        _posts.Writer.TryComplete();
        await _pump;
        await _journal.DisposeAsync();
    }

    private async Task PumpAsync()
    {
        await foreach (var post in _posts.Reader.ReadAllAsync())
        {
            if (Broken is not null)
            {
                post.Done.SetException(Broken);
                continue;
            }

            try
            {
                // An append is never abandoned half-way: what interrupts an invocation does not interrupt its record.
                var began = _telemetry.Time.GetTimestamp();
                await _journal.AppendAsync(post.Entries, post.Durability, CancellationToken.None);
                _telemetry.JournalAppended(began, post.Durability);
                var sequence = _journal.LastSequence - post.Entries.Count;
                foreach (var entry in post.Entries)
                {
                    sequence++;
                    _conversation.Apply(entry);
                    if (entry is ModelIntent)
                    {
                        _live.Begin(sequence);
                    }
                    else if (entry is ModelOutcome)
                    {
                        _live.End();
                    }
                }

                post.Done.SetResult();
            }
#pragma warning disable CA1031 // Handed to whoever posted.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                Broken = exception;
                post.Done.SetException(exception);
                Broke?.Invoke();
            }
        }
    }

    private sealed record Post(IReadOnlyList<EntryBody> Entries, Durability Durability, TaskCompletionSource Done);
}
