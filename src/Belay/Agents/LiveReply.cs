using Belay.Contracts.Invocations;

namespace Belay.Agents;

/// <summary>
/// What the model call that runs now in a session has shown so far. The loop adds to it, any number of readers look; it is let go when
/// the call's outcome is in the journal, which then says the same. Safe for concurrent use.
/// </summary>
public sealed class LiveReply
{
    private readonly Lock _gate = new();
    private List<InvocationEvent> _shown = [];
    private long _entry;
    private TaskCompletionSource? _news;

    /// <summary>A call begins.</summary>
    /// <param name="entry">Sequence of its intent.</param>
    public void Begin(long entry) => Set(entry);

    /// <summary>The call is over.</summary>
    public void End() => Set(0);

    /// <summary>The call showed this.</summary>
    public void Add(List<InvocationEvent> shown)
    {
        if (shown.Count == 0)
        {
            return;
        }

        TaskCompletionSource? news;
        lock (_gate)
        {
            _shown.AddRange(shown);
            news = Interlocked.Exchange(ref _news, null);
        }

        news?.SetResult();
    }

    /// <summary>What a call has shown from a number on, and a task that completes when there may be more.</summary>
    /// <param name="entry">Sequence of the call's intent; nothing was shown when another call runs.</param>
    /// <param name="from">Number of the first event that is wanted.</param>
    public (IReadOnlyList<InvocationEvent> Shown, Task More) Read(long entry, int from)
    {
        lock (_gate)
        {
            _news ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            return (entry == _entry && from < _shown.Count ? _shown.GetRange(from, _shown.Count - from) : [], _news.Task);
        }
    }

    private void Set(long entry)
    {
        TaskCompletionSource? news;
        lock (_gate)
        {
            _entry = entry;
            _shown = [];
            news = Interlocked.Exchange(ref _news, null);
        }

        news?.SetResult();
    }
}
