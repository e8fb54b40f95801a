using System.Buffers;
using System.Net;

namespace Belay.Models;

/// <summary>The JSON body of a request, in memory of the pool while it is written and sent.</summary>
internal sealed class RequestBuffer : HttpContent, IBufferWriter<byte>
{
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(4096);
    private int _length;
    private bool _sent;

    /// <summary>An empty body.</summary>
    public RequestBuffer() => Headers.TryAddWithoutValidation("Content-Type", "application/json");

    /// <summary>What was written; valid until the body is given back.</summary>
    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    /// <inheritdoc/>
    public void Advance(int count) => _length += count;

    /// <inheritdoc/>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        var least = Math.Max(sizeHint, 1);
        if (_bytes.Length - _length < least)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(checked(_length + least), 2 * _bytes.Length));
            Written.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }

        return _bytes.AsMemory(_length);
    }

    /// <inheritdoc/>
    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <summary>
    /// Returns the memory to the pool, once the reply has begun: nothing sends the body again then. Memory of a call that was
    /// cut off is left to the garbage collector, because the connection may still be reading it.
    /// </summary>
    public void GiveBack()
    {
        if (_sent)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
            (_bytes, _length, _sent) = ([], 0, false);
        }
    }

    /// <inheritdoc/>
    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        _sent = false;
        await stream.WriteAsync(_bytes.AsMemory(0, _length), cancellationToken);
        _sent = true;
    }

    /// <inheritdoc/>
    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    /// <inheritdoc/>
    protected override bool TryComputeLength(out long length)
    {
        length = _length;
        return true;
    }
}
