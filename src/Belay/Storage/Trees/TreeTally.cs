using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Belay.Storage.Trees;

/// <summary>Counts and digests the files of an archive as they pass, the same way when it is written and when it is read.</summary>
internal sealed class TreeTally(IProgress<long>? progress)
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>Files so far.</summary>
    public long Files { get; private set; }

    /// <summary>Their bytes so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>What was not taken so far.</summary>
    public long LeftOut { get; private set; }

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
        Files++;
    }

    /// <summary>Some of its content.</summary>
    public void Add(ReadOnlySpan<byte> content)
    {
        _hash.AppendData(content);
        Bytes += content.Length;
        progress?.Report(Bytes);
    }

    /// <summary>Something is not taken.</summary>
    public void Miss() => LeftOut++;
}
