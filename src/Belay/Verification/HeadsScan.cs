using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Belay.Verification;

/// <summary>
/// What a file of signed heads says, read once from its beginning to its end. Every MAC is checked; a batch whose MAC is wrong counts for nothing,
/// those behind it still count, because each is chained to the MAC that is stored before it. Memory holds what was signed since the
/// file was written anew; the rest is read again, in order, by whoever asks for it.
/// </summary>
public sealed class HeadsScan : IDisposable
{
    private readonly SafeFileHandle? _file;
    private readonly byte[] _key;
    private readonly SortedDictionary<long, SignedHead> _changes = [];
    private long _baseEnd = HeadsFormat.HeaderBytes;

    private HeadsScan(SafeFileHandle? file, byte[] key)
    {
        _file = file;
        _key = key;
    }

    /// <summary>Why the file does not prove what it should, in one sentence; null when it is as it was written.</summary>
    public string? Problem { get; private set; }

    /// <summary>Whether there is a file.</summary>
    public bool Exists => _file is not null;

    /// <summary>When the first head was signed; null when there is none.</summary>
    public DateTimeOffset? Since { get; private set; }

    /// <summary>When the newest batch was signed; null when there is none.</summary>
    public DateTimeOffset? NewestAt { get; private set; }

    /// <summary>Number of the newest batch; 0 when there is none.</summary>
    public long Batch { get; private set; }

    /// <summary>Whether the store was closed in order after the newest batch.</summary>
    public bool Closed { get; private set; }

    /// <summary>MAC of the newest batch, which every byte before it goes into; who keeps it elsewhere can prove that the file was cut.</summary>
    public ReadOnlyMemory<byte> Mac { get; private set; }

    /// <summary>Where the newest batch ends, in bytes.</summary>
    internal long End { get; private set; }

    /// <summary>Bytes of what was signed since the file was written anew.</summary>
    internal long ChangedBytes => End - _baseEnd;

    /// <summary>Bytes before that.</summary>
    internal long BaseBytes => _baseEnd;

    /// <summary>Reads a file.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    internal static HeadsScan Read(string path, byte[] key)
    {
        if (!File.Exists(path))
        {
            return new(null, key) { Problem = "There are no signed heads: they were removed, or the server never ran a version that signs." };
        }

        var scan = new HeadsScan(File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete), key);
        try
        {
            scan.Read();
            return scan;
        }
        catch
        {
            scan.Dispose();
            throw;
        }
    }

    /// <summary>The newest head of each session, the smallest number first.</summary>
    public IEnumerable<SignedHead> Heads()
    {
        using var changes = _changes.Values.GetEnumerator();
        var more = changes.MoveNext();
        foreach (var head in BaseHeads())
        {
            for (; more && changes.Current.Number < head.Number; more = changes.MoveNext())
            {
                yield return changes.Current;
            }

            if (more && changes.Current.Number == head.Number)
            {
                yield return Later(head, changes.Current);
                more = changes.MoveNext();
            }
            else
            {
                yield return head;
            }
        }

        for (; more; more = changes.MoveNext())
        {
            yield return changes.Current;
        }
    }

    /// <summary>Tells it the MAC that its writer ended with.</summary>
    internal void Expect(ReadOnlyMemory<byte>? mac)
    {
        if (Problem is null && mac is { } written && !written.Span.SequenceEqual(Mac.Span))
        {
            Problem = "The signed heads are not those that the running server wrote: somebody else wrote to the file.";
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    // A journal only grows, so what was signed once holds for good: a later head that says less does not undo it.
    private static SignedHead Later(SignedHead one, SignedHead other) => other.Sequence >= one.Sequence ? other : one;

    private void Read()
    {
        var header = new byte[HeadsFormat.HeaderBytes];
        if (RandomAccess.Read(_file!, header, 0) < header.Length || HeadsFormat.Since(header) is not { } since) // There is a file where this is called.
        {
            Problem = "The file of signed heads is no such file: its beginning was changed or cut.";
            return;
        }

        Since = since;
        Mac = HeadsFormat.Mac(_key, [], header);
        End = HeadsFormat.HeaderBytes;
        foreach (var (batch, end, mac) in Batches(End, long.MaxValue))
        {
            (End, Mac) = (end, mac);
            if (batch is null)
            {
                Problem ??= string.Create(CultureInfo.InvariantCulture, $"The signed heads were changed: the batch that ends at byte {end} is not what was signed.");
                continue;
            }

            if (Batch > 0 && batch.Number != Batch + 1 && Problem is null)
            {
                Problem = string.Create(CultureInfo.InvariantCulture, $"The signed heads were changed: batch {batch.Number} follows batch {Batch}.");
            }

            (Batch, NewestAt, Closed) = (batch.Number, batch.At, batch.Kind == HeadsBatchKind.Closing);
            if (batch.Kind == HeadsBatchKind.Base && _changes.Count == 0)
            {
                _baseEnd = end;
                continue;
            }

            foreach (var head in batch.Heads)
            {
                _changes[head.Number] = _changes.TryGetValue(head.Number, out var before) ? Later(before, head) : head;
            }
        }

        if (Batch == 0)
        {
            Problem ??= "The file of signed heads says nothing: it was cut, or begun anew by somebody else.";
        }

        // A crash in the middle of a write leaves a part of a batch; more than that nobody leaves by accident.
        if (Problem is null && RandomAccess.GetLength(_file!) - End > HeadsFormat.MostContent)
        {
            Problem = string.Create(CultureInfo.InvariantCulture, $"The signed heads were changed: from byte {End} on they cannot be read.");
        }
    }

    private IEnumerable<SignedHead> BaseHeads() =>
        _file is null ? [] : Batches(HeadsFormat.HeaderBytes, _baseEnd).Where(read => read.Batch is not null).SelectMany(read => read.Batch!.Heads);

    // Each whole batch; null for one whose MAC is wrong. A length that cannot be ends it, such as the zeros that a power cut may leave.
    private IEnumerable<(HeadsBatch? Batch, long End, byte[] Mac)> Batches(long at, long until)
    {
        var header = new byte[HeadsFormat.HeaderBytes];
        RandomAccess.Read(_file!, header, 0);
        var mac = HeadsFormat.Mac(_key, [], header);
        var prefix = new byte[HeadsFormat.LengthBytes];
        while (at < until && RandomAccess.Read(_file!, prefix, at) == prefix.Length)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(prefix);
            if (length is < HeadsFormat.FixedContent or > HeadsFormat.MostContent)
            {
                yield break;
            }

            var signed = prefix.Length + length;
            var bytes = new byte[signed + HMACSHA256.HashSizeInBytes];
            if (RandomAccess.Read(_file!, bytes, at) < bytes.Length)
            {
                yield break;
            }

            at += bytes.Length;
            var right = CryptographicOperations.FixedTimeEquals(HeadsFormat.Mac(_key, mac, bytes.AsSpan(0, signed)), bytes.AsSpan(signed));
            mac = bytes[signed..];
            yield return (right ? HeadsFormat.Read(bytes.AsSpan(prefix.Length, length)) : null, at, mac);
        }
    }
}
