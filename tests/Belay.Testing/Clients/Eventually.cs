namespace Belay.Testing.Clients;

/// <summary>Waits for what another process does: polls a condition under one generous deadline.</summary>
public static class Eventually
{
    /// <summary>The limit on anything that a test waits for.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    /// <summary>Answers the first value that is not null; throws with the name of what was waited for when there is none in time.</summary>
    public static async Task<T> GetAsync<T>(string what, Func<Task<T?>> look, CancellationToken cancellationToken)
        where T : class
    {
        var start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (await look() is { } value)
            {
                return value;
            }

            if (TimeProvider.System.GetElapsedTime(start) > Deadline)
            {
                throw new TimeoutException($"Waited {Deadline.TotalSeconds} s in vain until {what}.");
            }

            await Task.Delay(Interval, TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>Returns when the condition holds.</summary>
    public static Task TrueAsync(string what, Func<Task<bool>> holds, CancellationToken cancellationToken) =>
        GetAsync<object>(what, async () => await holds() ? what : null, cancellationToken);
}
