using System.Text.Json;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Sessions;

/// <summary>
/// Follows the log until it is interrupted. A connection that ends is made again, from the last line that was taken, so that none is lost and
/// none comes twice. A server that was never there, or that refuses, ends it.
/// </summary>
internal sealed class LogFollower(BelayClient client, CliHost host, LogView view)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(2);

    /// <summary>Lines of different sessions may be stored in another order than that of their times, by this much at most.</summary>
    private static readonly TimeSpan Disorder = TimeSpan.FromSeconds(10);

    /// <summary>Shows lines as they happen.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="newest">How many of those that are there already; all of them when null.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task RunAsync(LogQuery filter, int? newest, CancellationToken cancellationToken)
    {
        // 1. What is there already: a stream cannot be asked for the newest lines only, a page can.
        Seam? seam = null;
        if (newest is { } limit)
        {
            var (lines, _) = await client.ReadLogsAsync(filter.Parameters, limit, cancellationToken);
            foreach (var line in lines)
            {
                view.Show(line);
            }

            seam = Seam.After(lines);
            filter = seam is null || filter.Since > seam.LastAt - Disorder ? filter : filter with { Since = seam.LastAt - Disorder };
        }

        // 2. What happens next. Without an earlier line the beginning must not move when the connection is made again.
        filter = filter with { Since = filter.Since ?? host.Time.GetUtcNow() - TimeSpan.FromHours(1) };
        var reconnection = new Reconnection(host, FirstPause);
        var position = new StreamPosition { Connected = reconnection.Connected };
        while (true)
        {
            try
            {
                await foreach (var line in client.FollowLogsAsync(filter.Parameters, position, cancellationToken))
                {
                    if (seam?.Skips(line) != true)
                    {
                        view.Show(line);
                    }
                }
            }
            catch (Exception problem) when (reconnection.CanPass(problem))
            {
            }

            // 3. The connection has ended; nobody else ends it.
            await reconnection.PauseAsync(cancellationToken);
        }
    }

    /// <summary>Where the page ended and the stream takes over. The stream begins a little earlier, and that little is skipped.</summary>
    private sealed class Seam
    {
        private readonly HashSet<(string?, string?, long?)> _shown;
        private readonly (string?, string?, long?) _last;
        private bool _passed;

        private Seam(IReadOnlyList<JsonElement> lines)
        {
            _shown = [.. lines.Select(Key)];
            _last = Key(lines[^1]);
            LastAt = At(lines[^1]);
        }

        /// <summary>Time of the page's last line.</summary>
        public DateTimeOffset LastAt { get; }

        /// <summary>The seam behind a page; null when the page is empty.</summary>
        public static Seam? After(IReadOnlyList<JsonElement> lines) => lines.Count == 0 ? null : new Seam(lines);

        /// <summary>Whether a line of the stream was shown, or left out, with the page.</summary>
        public bool Skips(JsonElement line)
        {
            var key = Key(line);
            if (_shown.Contains(key))
            {
                _passed |= key == _last;
                return true;
            }

            // The page's last line may have been erased since; a later line then ends the wait for it.
            _passed |= At(line) > LastAt;
            return !_passed;
        }

        private static (string?, string?, long?) Key(JsonElement line) => (line.Text("harnessId"), line.Text("sessionId"), line.Number("sequence"));

        private static DateTimeOffset At(JsonElement line) => line.Member("at") is { ValueKind: JsonValueKind.String } at && at.TryGetDateTimeOffset(out var time) ? time : DateTimeOffset.UnixEpoch;
    }
}
