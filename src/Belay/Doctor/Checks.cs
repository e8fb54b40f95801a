using System.Globalization;
using Belay.Contracts.Doctor;
using Belay.Identity;
using Belay.Models;
using Belay.Sandboxes;
using Belay.Storage;
using Belay.Storage.Sqlite;
using SQLitePCL;

namespace Belay.Doctor;

/// <summary>
/// The checks that a running server and <c>belay doctor</c> share. Each finds out by looking and changes nothing. No message holds a secret; a
/// path of the host is named only where the reader is at the host.
/// </summary>
public static class Checks
{
    private const long Gibibyte = 1L << 30;
    private const long LittleDisk = Gibibyte;
    private const long NoDisk = 100L << 20;
    private const long FewFiles = 4096;
    private static readonly TimeSpan ClockSlack = TimeSpan.FromMinutes(5);
    private static readonly string[] SecretFiles = [MasterKey.FileName, AccessKeys.FileName];

    /// <summary>Room on the disk of the data directory: a warning below 1 GiB, a failure below 100 MiB.</summary>
    public static Finding Disk(string dataDirectory)
    {
        try
        {
            var free = new DriveInfo(Existing(dataDirectory)).AvailableFreeSpace;
            var words = string.Create(CultureInfo.InvariantCulture, $"{free / (double)Gibibyte:0.0} GiB are free on the disk of the data directory");
            return free switch
            {
                < NoDisk => Of("disk", FindingStatus.Failed, $"{words}; the store is about to fail. Make room."),
                < LittleDisk => Of("disk", FindingStatus.Warning, $"{words}; make room before the store fails."),
                _ => Of("disk", FindingStatus.Ok, $"{words}."),
            };
        }
        catch (Exception unknown) when (unknown is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return Of("disk", FindingStatus.Warning, "The free space on the disk of the data directory could not be read.");
        }
    }

    /// <summary>Sessions that are quarantined because their journals are damaged.</summary>
    public static Finding Journals(int damaged) => damaged == 0
        ? Of("journals", FindingStatus.Ok, "No damaged session is known; belay verify looks at all of them.")
        : Of("journals", FindingStatus.Failed, $"{damaged} sessions are quarantined because their journals are damaged; belay verify says which, and from where on.");

    /// <summary>That only their owner may read the files with keys.</summary>
    public static Finding KeyFiles(string dataDirectory)
    {
        const UnixFileMode Others = ~(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        try
        {
            var there = SecretFiles.Where(name => File.Exists(Path.Combine(dataDirectory, name))).ToList();
            var open = there.Where(name => (File.GetUnixFileMode(Path.Combine(dataDirectory, name)) & Others) != 0).ToList();
            return (there.Count, open.Count) switch
            {
                (0, _) => Of("key files", FindingStatus.Ok, "There are no keys yet; the first start makes them."),
                (_, 0) => Of("key files", FindingStatus.Ok, $"Only their owner may read {string.Join(" and ", there)}."),
                _ => Of("key files", FindingStatus.Failed, $"Others than their owner may read {string.Join(" and ", open)}; run in the data directory: chmod 600 {string.Join(' ', open)}"),
            };
        }
        catch (Exception foreign) when (foreign is IOException or UnauthorizedAccessException)
        {
            return Of("key files", FindingStatus.Failed, "The modes of the key files could not be read; run as the owner of the data directory.");
        }
    }

    /// <summary>Which credentials for models are configured, by name; nothing is called.</summary>
    public static Finding Models(IReadOnlyList<string> credentials) => Of("models", FindingStatus.Ok, credentials.Count == 0
        ? "No credentials for models are in the server's environment; belay/scripted needs none, and a harness may name a key of the token vault."
        : $"Credentials are configured: {string.Join(", ", credentials)}. Whether providers accept them shows at the first call.");

    /// <summary>Models that are not asked, because their last calls failed.</summary>
    public static Finding Circuits(IReadOnlyList<OpenCircuit> open) => open.Count == 0
        ? Of("model calls", FindingStatus.Ok, "No model is left unasked because its calls keep failing.")
        : Of("model calls", FindingStatus.Warning, $"The last calls failed, so that it is tried again only now and then: {string.Join(", ", open.Select(one => $"{one.ModelId} of {one.Provider}"))}.");

    /// <summary>That the clock is not behind what the data directory has seen already: times order everything, and signatures depend on them.</summary>
    public static Finding Clock(string dataDirectory, DateTimeOffset now)
    {
        var newest = Directory.Exists(dataDirectory)
            ? Directory.EnumerateFiles(dataDirectory).Select(file => new DateTimeOffset(File.GetLastWriteTimeUtc(file), TimeSpan.Zero)).DefaultIfEmpty(DateTimeOffset.MinValue).Max()
            : DateTimeOffset.MinValue;
        return newest > now + ClockSlack
            ? Of("clock", FindingStatus.Failed, $"The clock says {Time(now)}, but the data directory was written at {Time(newest)}. Set the clock; until then signatures of clients may be refused.")
            : Of("clock", FindingStatus.Ok, $"It is {Time(now)}; signatures may be 5 minutes off.");
    }

    /// <summary>Files and connections that this process may have open.</summary>
    public static Finding OpenFiles()
    {
        const string File = "/proc/self/limits";
        var line = System.IO.File.Exists(File) ? System.IO.File.ReadLines(File).FirstOrDefault(line => line.StartsWith("Max open files", StringComparison.Ordinal)) : null;
        if (line?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is not [_, _, _, var soft, ..])
        {
            return Of("open files", FindingStatus.Warning, "The limit of open files could not be read.");
        }

        var open = Directory.EnumerateFileSystemEntries("/proc/self/fd").Count();
        var words = $"This process may have {soft} files and connections open, and has {open}";
        if (!long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var limit))
        {
            return Of("open files", FindingStatus.Ok, $"{words}.");
        }

        return limit < FewFiles || open > limit / 10 * 8
            ? Of("open files", FindingStatus.Warning, $"{words}. Raise the limit before connections are refused: ulimit -n 65536")
            : Of("open files", FindingStatus.Ok, $"{words}.");
    }

    /// <summary>A driver: whether it works, then each of its guarantees, which are never inferred.</summary>
    public static IEnumerable<Finding> Sandbox(string driver, SandboxProbe probe)
    {
        var isolates = probe.Works && driver != "unconfined";
        yield return Of(
            "sandbox",
            probe.Works ? isolates ? FindingStatus.Ok : FindingStatus.Warning : FindingStatus.Failed,
            $"{driver}: {(probe.Works ? probe.Label : "does not work here")}.{(probe.Reason.Length > 0 ? " " + probe.Reason : "")}");
        foreach (var guarantee in probe.Guarantees)
        {
            yield return Of($"sandbox {guarantee.Name}", guarantee.Holds ? FindingStatus.Ok : FindingStatus.Warning, guarantee.Detail);
        }

        if (isolates)
        {
            yield return Of("sandbox network access", FindingStatus.Warning, "NOT built yet: networkMode PUBLIC is stored and shown, but nothing in a sandbox reaches a network.");
        }
    }

    /// <summary>Version of the system's SQLite; null when there is none.</summary>
    public static string? SqliteVersion()
    {
        try
        {
            SqliteLibrary.EnsureReady();
            return raw.sqlite3_libversion().utf8_to_string();
        }
        catch (StorageException)
        {
            return null;
        }
    }

    /// <summary>What a write that somebody waits for survives.</summary>
    public static string Durability(SynchronousMode mode) => mode switch
    {
        SynchronousMode.Full => "what is acknowledged survives a power cut (Storage:Synchronous=Full)",
        _ => "what is acknowledged survives the end of the server, not a power cut (Storage:Synchronous=Normal)",
    };

    /// <summary>A finding.</summary>
    public static Finding Of(string name, FindingStatus status, string message) => new() { Name = name, Status = status, Message = message };

    private static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>The directory, or the nearest one above it that exists.</summary>
    private static string Existing(string directory)
    {
        var at = Path.GetFullPath(directory);
        while (!Directory.Exists(at) && Path.GetDirectoryName(at) is { } above)
        {
            at = above;
        }

        return at;
    }
}
