using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Belay.Testing.Models;

/// <summary>
/// A model provider on loopback that plays prepared replies, byte for byte, in the order of the requests, and keeps what it was
/// asked. Written over plain sockets, because what it must do (stop in mid-chunk, say nothing, notice that the client left) is
/// what a web server prevents.
/// </summary>
public sealed class ScriptedProvider : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<ProviderReply> _replies = new();
    private readonly ConcurrentQueue<ProviderRequest> _requests = new();
    private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly Task _accept;
    private int _accepted;
    private int _disposed;

    public ScriptedProvider(params IEnumerable<ProviderReply> replies)
    {
        foreach (var reply in replies)
        {
            _replies.Enqueue(reply);
        }

        _listener.Start();
        _accept = AcceptAsync();
    }

    /// <summary>Where it listens.</summary>
    public Uri Url => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>What it was asked, in order.</summary>
    public IReadOnlyList<ProviderRequest> Requests => [.. _requests];

    /// <summary>Connections that were made.</summary>
    public int Connections => _accepted;

    /// <summary>Completes when a request has arrived in full.</summary>
    public Task Asked => _asked.Task;

    /// <summary>Completes when a client has closed its connection while a reply was held open.</summary>
    public Task Left => _left.Task;

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _stop.CancelAsync();
        await _accept;

        // After that: a listener that is stopped refuses to be asked for the next connection.
        _listener.Stop();
        await Task.WhenAll(_connections);
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptSocketAsync(_stop.Token);
                Interlocked.Increment(ref _accepted);
                _connections.Add(ServeAsync(socket));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The provider is being disposed.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using var owned = socket;
        await using var stream = new NetworkStream(socket);
        try
        {
            while (await ReadAsync(stream) is { } request)
            {
                _requests.Enqueue(request);
                _asked.TrySetResult();
                var reply = _replies.TryDequeue(out var next) ? next : new ProviderReply { Status = 500, Pieces = ["no reply is prepared"u8.ToArray()] };
                if (!await PlayAsync(stream, reply))
                {
                    return;
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
            // The provider is being disposed, or the client left.
            if (!_stop.IsCancellationRequested)
            {
                _left.TrySetResult();
            }
        }
    }

    private async Task<bool> PlayAsync(NetworkStream stream, ProviderReply reply)
    {
        if (reply.End is ProviderEnd.Silent)
        {
            await WaitForClientAsync(stream);
            return false;
        }

        var head = new StringBuilder().Append(CultureInfo.InvariantCulture, $"HTTP/1.1 {reply.Status} X\r\ntransfer-encoding: chunked\r\ncontent-type: {reply.ContentType}\r\n");
        foreach (var (name, value) in reply.Headers)
        {
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        }

        await stream.WriteAsync(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()), _stop.Token);
        foreach (var piece in reply.Pieces.Where(piece => piece.Length > 0))
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"{piece.Length:x}\r\n"), _stop.Token);
            await stream.WriteAsync(piece, _stop.Token);
            await stream.WriteAsync("\r\n"u8.ToArray(), _stop.Token);
        }

        switch (reply.End)
        {
            case ProviderEnd.Held:
                await WaitForClientAsync(stream);
                return false;
            case ProviderEnd.Cut:
                return false;
            default:
                await stream.WriteAsync("0\r\n\r\n"u8.ToArray(), _stop.Token);
                return true;
        }
    }

    private async Task WaitForClientAsync(NetworkStream stream)
    {
        var buffer = new byte[1];
        if (await stream.ReadAsync(buffer, _stop.Token) == 0)
        {
            _left.TrySetResult();
        }
    }

    private async Task<ProviderRequest?> ReadAsync(NetworkStream stream)
    {
        var bytes = new MemoryStream();
        var buffer = new byte[8192];
        int end;
        while ((end = bytes.GetBuffer().AsSpan(0, (int)bytes.Length).IndexOf("\r\n\r\n"u8)) < 0)
        {
            var count = await stream.ReadAsync(buffer, _stop.Token);
            if (count == 0)
            {
                return null;
            }

            bytes.Write(buffer.AsSpan(0, count));
        }

        var lines = Encoding.ASCII.GetString(bytes.GetBuffer(), 0, end).Split("\r\n");
        var headers = lines[1..].Select(line => line.Split(':', 2)).ToDictionary(pair => pair[0].ToLowerInvariant(), pair => pair[1].Trim(), StringComparer.Ordinal);
        var length = end + 4 + int.Parse(headers.GetValueOrDefault("content-length", "0"), CultureInfo.InvariantCulture);
        while (bytes.Length < length)
        {
            var count = await stream.ReadAsync(buffer, _stop.Token);
            if (count == 0)
            {
                return null;
            }

            bytes.Write(buffer.AsSpan(0, count));
        }

        var start = lines[0].Split(' ');
        return new ProviderRequest(start[0], start[1], headers, bytes.ToArray()[(end + 4)..length]);
    }
}

/// <summary>A request that arrived.</summary>
public sealed record ProviderRequest(string Method, string Target, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    /// <summary>The body as text.</summary>
    public string Text => Encoding.UTF8.GetString(Body);
}

/// <summary>A reply to play.</summary>
public sealed record ProviderReply
{
    public int Status { get; init; } = 200;

    public string ContentType { get; init; } = "text/event-stream";

    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>Pieces of the body; each is written by itself.</summary>
    public IReadOnlyList<byte[]> Pieces { get; init; } = [];

    public ProviderEnd End { get; init; }
}

/// <summary>How a reply ends.</summary>
public enum ProviderEnd
{
    /// <summary>As it should.</summary>
    Complete,

    /// <summary>The connection closes in mid-reply.</summary>
    Cut,

    /// <summary>The connection stays open until the client leaves.</summary>
    Held,

    /// <summary>Not even a status is sent, and the connection stays open until the client leaves.</summary>
    Silent,
}
