using System.Security.Cryptography;

namespace Belay.Backups;

/// <summary>Opens what <see cref="ArchiveWriteStream"/> sealed. Nothing that was changed, cut off or added is ever read as content.</summary>
internal sealed class ArchiveReadStream : Stream
{
    private readonly Stream _input;
    private readonly byte[] _header;
    private readonly AesGcm _aes;
    private readonly byte[] _sealed = new byte[ArchiveChunk.MaxPlain + ArchiveChunk.TagBytes];
    private readonly byte[] _plain = new byte[ArchiveChunk.MaxPlain];
    private int _position;
    private int _filled;
    private long _number;
    private bool _ended;

    private ArchiveReadStream(Stream input, byte[] header, byte[] key) => (_input, _header, _aes) = (input, header, new AesGcm(key, ArchiveChunk.TagBytes));

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Opens an archive.</summary>
    /// <exception cref="BackupException">The file is no archive.</exception>
    public static async Task<ArchiveReadStream> BeginAsync(Stream input, string passphrase, CancellationToken cancellationToken)
    {
        var header = new byte[ArchiveHeader.Length];
        var read = await input.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellationToken);
        return read < header.Length
            ? throw new BackupException("The file is no backup of Belay.")
            : new ArchiveReadStream(input, header, ArchiveHeader.KeyOf(header, passphrase));
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_position == _filled && !_ended)
        {
            await OpenAsync(cancellationToken);
        }

        var given = Math.Min(buffer.Length, _filled - _position);
        _plain.AsMemory(_position, given).CopyTo(buffer);
        _position += given;
        return given;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Archives are read asynchronously.");

    /// <summary>Reads what is left: only then is it known that nothing is missing.</summary>
    public async Task FinishAsync(CancellationToken cancellationToken)
    {
        var buffer = new byte[ArchiveChunk.MaxPlain];
        while (await ReadAsync(buffer, cancellationToken) > 0)
        {
        }

        if (await _input.ReadAtLeastAsync(buffer, 1, throwOnEndOfStream: false, cancellationToken) > 0)
        {
            throw new BackupException("The archive is damaged: something follows its end.");
        }
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _aes.Dispose();
        base.Dispose(disposing);
    }

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        var prefix = new byte[ArchiveChunk.PrefixBytes];
        await FillAsync(prefix, cancellationToken);
        var (length, last) = ArchiveChunk.ReadPrefix(prefix) ?? throw Damaged(null);
        await FillAsync(_sealed.AsMemory(0, length + ArchiveChunk.TagBytes), cancellationToken);
        try
        {
            _aes.Decrypt(ArchiveChunk.Nonce(_number, last), _sealed.AsSpan(0, length), _sealed.AsSpan(length, ArchiveChunk.TagBytes), _plain.AsSpan(0, length), _header);
        }
        catch (AuthenticationTagMismatchException cause)
        {
            throw Damaged(cause);
        }

        _number++;
        (_position, _filled, _ended) = (0, length, last);
    }

    private async Task FillAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (await _input.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken) < buffer.Length)
        {
            throw new BackupException("The archive is not whole: its end is missing.");
        }
    }

    private BackupException Damaged(Exception? cause) => new(
        _number == 0 ? "The passphrase is wrong, or the archive was changed." : $"The archive was changed or is damaged, in its chunk {_number + 1}.", cause);
}
