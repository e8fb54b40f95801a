using Microsoft.Win32.SafeHandles;

namespace Belay.Storage.Trees;

/// <summary>The content of a file without its holes, part after part.</summary>
internal sealed class ExtentStream(SafeFileHandle file, Extents extents) : Stream
{
    private int _part;
    private long _read;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_part < extents.Parts.Count && _read == extents.Parts[_part].Length)
        {
            _part++;
            _read = 0;
        }

        if (_part == extents.Parts.Count)
        {
            return 0;
        }

        var (offset, length) = extents.Parts[_part];
        var read = await RandomAccess.ReadAsync(file, buffer[..(int)Math.Min(buffer.Length, length - _read)], offset + _read, cancellationToken);
        _read += read;
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Files are read asynchronously.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
