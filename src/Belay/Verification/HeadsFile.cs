using Belay.Identity;
using Microsoft.Win32.SafeHandles;

namespace Belay.Verification;

/// <summary>The file of signed heads, open for writing. It is only appended to, until it is written anew. It belongs to one caller at a time.</summary>
internal sealed class HeadsFile : IDisposable
{
    /// <summary>Name of the file in the data directory.</summary>
    public const string FileName = "belay.heads";

    /// <summary>Where one that was changed by somebody else is kept; a later one takes its place.</summary>
    public const string AsideName = FileName + ".changed";

    // Changes are held in memory while the file is written anew, so they are bounded whatever the base weighs.
    private const long LeastChanges = 1024 * 1024;
    private const long MostChanges = 16 * 1024 * 1024;

    private readonly string _path;
    private readonly byte[] _key;
    private readonly TimeProvider _time;
    private SafeFileHandle _file;
    private DateTimeOffset _since;
    private long _number;
    private long _baseEnd;
    private long _end;
    private byte[] _mac;

    private HeadsFile(string path, byte[] key, TimeProvider time, SafeFileHandle file, DateTimeOffset since, byte[] mac)
    {
        (_path, _key, _time, _file, _since, _mac) = (path, key, time, file, since, mac);
    }

    /// <summary>MAC of the newest batch.</summary>
    public ReadOnlyMemory<byte> Mac => _mac;

    /// <summary>Goes on where a scan ended. What follows there, a part of a batch that a crash left, is written over.</summary>
    public static HeadsFile GoOn(string path, byte[] key, TimeProvider time, HeadsScan scan) =>
        new(path, key, time, File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete), scan.Since!.Value, scan.Mac.ToArray()) // Of a file that begins as it should.
        {
            _number = scan.Batch,
            _baseEnd = scan.BaseBytes,
            _end = scan.End,
        };

    /// <summary>Begins a file. One that is there is kept under another name, because somebody changed it.</summary>
    public static HeadsFile Begin(string path, byte[] key, TimeProvider time, long lastNumber)
    {
        if (File.Exists(path))
        {
            File.Move(path, Path.Join(Path.GetDirectoryName(path), AsideName), overwrite: true);
        }

        var (file, mac) = Create(path, key, time.GetUtcNow());
        return new(path, key, time, file, time.GetUtcNow(), mac) { _number = lastNumber, _baseEnd = HeadsFormat.HeaderBytes, _end = HeadsFormat.HeaderBytes };
    }

    /// <summary>Appends heads as one batch or more; none as one that only says when. All of it counts, or nothing.</summary>
    /// <param name="heads">At most one for each session.</param>
    /// <param name="kind">Why; the last batch is of this kind.</param>
    /// <exception cref="IOException">The disk refuses.</exception>
    public void Append(IEnumerable<SignedHead> heads, HeadsBatchKind kind)
    {
        var (number, end, mac, chunk) = (_number, _end, _mac, new List<SignedHead>());
        using var bytes = new MemoryStream();
        foreach (var head in heads.OrderBy(head => head.Number))
        {
            chunk.Add(head);
            if (chunk.Count == HeadsFormat.MostHeads)
            {
                Add(kind == HeadsBatchKind.Base ? kind : HeadsBatchKind.Changes);
            }
        }

        if (chunk.Count > 0 || kind != HeadsBatchKind.Base)
        {
            Add(kind);
        }

        RandomAccess.Write(_file, bytes.GetBuffer().AsSpan(0, (int)bytes.Length), end);
        if (RandomAccess.GetLength(_file) > end + bytes.Length)
        {
            RandomAccess.SetLength(_file, end + bytes.Length);
        }

        (_number, _end, _mac) = (number, end + bytes.Length, mac);
        _baseEnd = kind == HeadsBatchKind.Base ? _end : _baseEnd;

        void Add(HeadsBatchKind of)
        {
            var batch = HeadsFormat.Write(new(++number, _time.GetUtcNow(), of, chunk), _key, mac);
            mac = batch[^JournalHash..];
            bytes.Write(batch);
            chunk.Clear();
        }
    }

    /// <summary>Writes the file anew when it has grown: every session once. The old one is there until the new one is on the disk.</summary>
    public void CompactIfLarge()
    {
        if (_end - _baseEnd <= Math.Clamp(_baseEnd / 2, LeastChanges, MostChanges))
        {
            return;
        }

        using var scan = HeadsScan.Read(_path, _key);
        if (scan.Problem is not null || !scan.Mac.Span.SequenceEqual(_mac))
        {
            // Somebody else wrote to it. Whoever verifies is told; writing it anew would hide that.
            return;
        }

        var temporary = _path + ".new";
        File.Delete(temporary);
        var (file, mac) = Create(temporary, _key, _since);
        using var fresh = new HeadsFile(temporary, _key, _time, file, _since, mac) { _number = _number, _end = HeadsFormat.HeaderBytes };
        foreach (var chunk in scan.Heads().Chunk(HeadsFormat.MostHeads))
        {
            fresh.Append(chunk, HeadsBatchKind.Base);
        }

        fresh.Sync();
        File.Move(temporary, _path, overwrite: true);
        PrivateFile.SyncDirectory(Path.GetDirectoryName(_path)!);
        (_file, fresh._file) = (fresh._file, _file);
        (_number, _baseEnd, _end, _mac) = (fresh._number, fresh._end, fresh._end, fresh._mac);
    }

    /// <summary>Signs a file anew with another key, if that has not been done: every session once. The old one is there until the new one is on the disk.</summary>
    /// <exception cref="InvalidDataException">The file does not prove what it should, and what it still proves would be lost.</exception>
    public static void SignAnew(string path, byte[] key, byte[] next, TimeProvider time)
    {
        using var scan = HeadsScan.Read(path, key);
        if (!scan.Exists || IsSignedWith(path, next))
        {
            return;
        }

        if (scan.Problem is { } problem)
        {
            throw new InvalidDataException(problem);
        }

        var temporary = path + ".new";
        File.Delete(temporary);
        var (file, mac) = Create(temporary, next, scan.Since!.Value); // Of a file that begins as it should.
        using (var fresh = new HeadsFile(temporary, next, time, file, scan.Since.Value, mac) { _number = scan.Batch, _end = HeadsFormat.HeaderBytes })
        {
            foreach (var chunk in scan.Heads().Chunk(HeadsFormat.MostHeads))
            {
                fresh.Append(chunk, HeadsBatchKind.Base);
            }

            fresh.Append([], scan.Closed ? HeadsBatchKind.Closing : HeadsBatchKind.Changes);
            fresh.Sync();
        }

        File.Move(temporary, path, overwrite: true);
        PrivateFile.SyncDirectory(Path.GetDirectoryName(path)!);
    }

    private static bool IsSignedWith(string path, byte[] key)
    {
        using var scan = HeadsScan.Read(path, key);
        return scan.Problem is null;
    }

    /// <summary>Waits until the disk has it.</summary>
    public void Sync() => RandomAccess.FlushToDisk(_file);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private const int JournalHash = System.Security.Cryptography.HMACSHA256.HashSizeInBytes;

    private static (SafeFileHandle File, byte[] Mac) Create(string path, byte[] key, DateTimeOffset since)
    {
        var header = HeadsFormat.Header(since);
        PrivateFile.Write(path, FileMode.CreateNew, header);
        return (File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete), HeadsFormat.Mac(key, [], header));
    }
}
