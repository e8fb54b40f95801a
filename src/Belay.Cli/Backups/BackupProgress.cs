using System.Globalization;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Backups;

/// <summary>How far long work is, in one line that is written over. Only where a person watches.</summary>
internal sealed class BackupProgress(Terminal terminal, TimeProvider time, string doing) : IProgress<long>
{
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(200);
    private long? _told;

    /// <inheritdoc/>
    public void Report(long value)
    {
        if (!terminal.ErrorIsTerminal || (_told is { } told && time.GetElapsedTime(told) < Every))
        {
            return;
        }

        _told = time.GetTimestamp();
        terminal.Error.Write($"\r{doing}: {Size(value)}   ");
    }

    /// <summary>Ends the line.</summary>
    public void End()
    {
        if (_told is not null)
        {
            terminal.Error.WriteLine();
        }
    }

    /// <summary>Bytes for people.</summary>
    public static string Size(long bytes) => bytes switch
    {
        < 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.0} KiB"),
        < 1024L * 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0 / 1024:0.0} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0 / 1024 / 1024:0.0} GiB"),
    };
}
