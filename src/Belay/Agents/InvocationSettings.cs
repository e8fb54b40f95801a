namespace Belay.Agents;

/// <summary>What the operator decides about invocations.</summary>
public sealed record InvocationSettings
{
    /// <summary>Tools of one message that run side by side; 1 gives strict sequence.</summary>
    public int ToolConcurrency { get; init; } = 8;

    /// <summary>Members of a call that may replace the harness's; null for all.</summary>
    public IReadOnlyList<string>? AllowedOverrides { get; init; }

    /// <summary>Whether every invocation goes on when its client leaves.</summary>
    public bool FinishOnDisconnect { get; init; }

    /// <summary>Whether the caller's <c>baggage</c> goes out with model calls. It may say anything about anyone, so it does not by default.</summary>
    public bool PropagateBaggage { get; init; }

    /// <summary>Bytes of one tool result; text beyond them is cut in the middle, an image is left out.</summary>
    public int ToolResultBytes { get; init; } = 1024 * 1024;

    /// <summary>How long a cancelled tool may take to end before it is left alone. Whoever interrupts waits for it, and should not wait for a second.</summary>
    public TimeSpan ToolGrace { get; init; } = TimeSpan.FromSeconds(0.8);

    /// <summary>Events that wait for a slow reader before the loop does.</summary>
    public int BufferedEvents { get; init; } = 256;

    /// <summary>How long the last events of a stream wait for a reader that has stopped reading.</summary>
    public TimeSpan ClosingTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Everything wrong with these settings, in the operator's words. Empty when they are valid.</summary>
    public IEnumerable<string> Problems()
    {
        if (ToolConcurrency < 1)
        {
            yield return $"Tools:Concurrency must be at least 1, but was {ToolConcurrency}.";
        }

        if (ToolResultBytes < 1024)
        {
            yield return $"Tools:ResultBytes must be at least 1024, but was {ToolResultBytes}.";
        }

        if (BufferedEvents < 1)
        {
            yield return $"Invoke:BufferedEvents must be at least 1, but was {BufferedEvents}.";
        }
    }
}
