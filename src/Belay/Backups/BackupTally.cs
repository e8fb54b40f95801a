using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Belay.Backups;

/// <summary>Counts and digests the files of a backup as they pass, the same way when it is written and when it is read.</summary>
internal sealed class BackupTally(IProgress<long>? progress)
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _files;
    private long _bytes;
    private long _leftOut;

    /// <summary>So far.</summary>
    public BackupContent Content => new(_files, _bytes, _leftOut);

    /// <summary>The digest so far.</summary>
    public string Digest() => Convert.ToHexStringLower(_hash.GetCurrentHash());

    /// <summary>A file begins.</summary>
    public void Begin(string name, long length)
    {
        var text = Encoding.UTF8.GetBytes(name);
        Span<byte> numbers = stackalloc byte[12];
        BinaryPrimitives.WriteInt32BigEndian(numbers, text.Length);
        BinaryPrimitives.WriteInt64BigEndian(numbers[4..], length);
        _hash.AppendData(numbers);
        _hash.AppendData(text);
        _files++;
    }

    /// <summary>Some of its content.</summary>
    public void Add(ReadOnlySpan<byte> content)
    {
        _hash.AppendData(content);
        _bytes += content.Length;
        progress?.Report(_bytes);
    }

    /// <summary>Something is not taken.</summary>
    public void LeaveOut() => _leftOut++;
}
