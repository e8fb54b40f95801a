using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Belay.Server.Starting;

/// <summary>A listener that one connection comes to, which sends one request and hears the answer; no socket is opened.</summary>
/// <param name="request">What the connection sends.</param>
internal sealed class MemoryTransport(byte[] request) : IConnectionListenerFactory, IConnectionListener, IDuplexPipe
{
    private readonly Pipe _request = new();
    private readonly Pipe _answer = new();
    private readonly TaskCompletionSource<ConnectionContext?> _unbound = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _accepted;

    /// <inheritdoc/>
    public EndPoint EndPoint { get; private set; } = new IPEndPoint(IPAddress.Loopback, 0);

    /// <summary>What the server reads.</summary>
    PipeReader IDuplexPipe.Input => _request.Reader;

    /// <summary>What the server writes.</summary>
    PipeWriter IDuplexPipe.Output => _answer.Writer;

    /// <inheritdoc/>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        EndPoint = endpoint;
        return ValueTask.FromResult<IConnectionListener>(this);
    }

    /// <inheritdoc/>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        if (_accepted)
        {
            return await _unbound.Task.WaitAsync(cancellationToken);
        }

        _accepted = true;
        await _request.Writer.WriteAsync(request, cancellationToken);
        return new DefaultConnectionContext("rehearsal", this, this);
    }

    /// <summary>Reads the answer to its end.</summary>
    public async Task<byte[]> AnswerAsync(CancellationToken cancellationToken)
    {
        using var all = new MemoryStream();
        await _answer.Reader.CopyToAsync(all, cancellationToken);
        return all.ToArray();
    }

    /// <inheritdoc/>
    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _unbound.TrySetResult(null);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => UnbindAsync();
}
