using System.Security.Cryptography;

namespace Belay.Backups;

/// <summary>Seals what is written to it, chunk by chunk. Only <see cref="FinishAsync"/> makes the archive whole.</summary>
internal sealed class ArchiveWriteStream : Stream
{
    private readonly Stream _output;
    private readonly byte[] _header;
    private readonly AesGcm _aes;
    private readonly byte[] _plain = new byte[ArchiveChunk.MaxPlain];
    private readonly byte[] _sealed = new byte[ArchiveChunk.PrefixBytes + ArchiveChunk.MaxPlain + ArchiveChunk.TagBytes];
    private int _filled;
    private long _number;

    private ArchiveWriteStream(Stream output, byte[] header, byte[] key) => (_output, _header, _aes) = (output, header, new AesGcm(key, ArchiveChunk.TagBytes));

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Begins an archive.</summary>
    public static async Task<ArchiveWriteStream> BeginAsync(Stream output, string passphrase, CancellationToken cancellationToken)
    {
        var header = ArchiveHeader.Create();
        var key = ArchiveHeader.KeyOf(header, passphrase);
        await output.WriteAsync(header, cancellationToken);
        return new ArchiveWriteStream(output, header, key);
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (buffer.Length > 0)
        {
            // A full chunk goes out only when more follows: the last one says that it is.
            if (_filled == _plain.Length)
            {
                await SealAsync(last: false, cancellationToken);
            }

            var taken = Math.Min(buffer.Length, _plain.Length - _filled);
            buffer[..taken].CopyTo(_plain.AsMemory(_filled));
            _filled += taken;
            buffer = buffer[taken..];
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Archives are written asynchronously.");

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Writes the last chunk.</summary>
    public async Task FinishAsync(CancellationToken cancellationToken)
    {
        await SealAsync(last: true, cancellationToken);
        await _output.FlushAsync(cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        _aes.Dispose();
        base.Dispose(disposing);
    }

    private async Task SealAsync(bool last, CancellationToken cancellationToken)
    {
        ArchiveChunk.WritePrefix(_sealed, _filled, last);
        _aes.Encrypt(
            ArchiveChunk.Nonce(_number++, last),
            _plain.AsSpan(0, _filled),
            _sealed.AsSpan(ArchiveChunk.PrefixBytes, _filled),
            _sealed.AsSpan(ArchiveChunk.PrefixBytes + _filled, ArchiveChunk.TagBytes),
            _header);
        await _output.WriteAsync(_sealed.AsMemory(0, ArchiveChunk.PrefixBytes + _filled + ArchiveChunk.TagBytes), cancellationToken);
        _filled = 0;
    }
}
