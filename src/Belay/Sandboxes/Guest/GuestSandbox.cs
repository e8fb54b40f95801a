using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using Belay.Guest.Protocol;

namespace Belay.Sandboxes.Guest;

/// <summary>
/// A sandbox as its guest serves it: the same for every driver. Owns the place in which the guest runs. Paths are the guest's to
/// resolve; the host never looks at one.
/// </summary>
internal sealed class GuestSandbox : ISandbox
{
    private readonly GuestConnection _connection;
    private readonly GuestPlace _place;
    private readonly GuestSettings _settings;
    private readonly TimeProvider _time;
    private readonly Task<string> _ended;
    private readonly Lazy<Task> _disposal;

    private GuestSandbox(string id, GuestConnection connection, GuestPlace place, GuestSettings settings, TimeProvider time)
    {
        Id = id;
        (_connection, _place, _settings, _time) = (connection, place, settings, time);
        _ended = DescribeEndAsync();
        _disposal = new Lazy<Task>(DisposeOnceAsync);
    }

    /// <inheritdoc/>
    public string Id { get; }

    /// <inheritdoc/>
    public Task<string> Ended => _ended;

    /// <summary>What the guest says it can do.</summary>
    public GuestCapabilities Capabilities => _connection.Capabilities;

    /// <summary>Connects to the guest of a place that has just been started. Ends the place when that fails.</summary>
    public static async Task<GuestSandbox> ConnectAsync(string id, GuestPlace place, GuestSettings settings, TimeProvider time, CancellationToken cancellationToken)
    {
        GuestConnection? connection = null;
        try
        {
            connection = await GuestConnection.OpenAsync(place.FromGuest, place.ToGuest, settings, time, cancellationToken);
            return new GuestSandbox(id, connection, place, settings, time);
        }
        catch (SandboxException exception)
        {
            // What the place says of itself names directories of the host: for the log, not for a caller.
            throw await place.DescribeEndAsync() is { } cause
                ? new SandboxException("The sandbox ended as it started. The server's log says why.", new SandboxException(cause, exception))
                : new SandboxException(exception.Message, exception);
        }
        finally
        {
            if (connection is null)
            {
                await place.DisposeAsync();
            }
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ExecEvent> ExecuteAsync(ExecRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfZero(request.Command.Count);

        // 1. Start it. From here to the end its tree is ours to kill.
        var stream = await _connection.OpenStreamAsync(
            Opcode.Exec,
            new PayloadWriter().Strings([.. request.Command]).String(request.WorkingDirectory ?? "").Pairs(request.Environment),
            cancellationToken);
        var command = new RunningCommand(stream);
        using var over = new CancellationTokenSource();
        var watching = KillAfterAsync(command, request.Timeout, over.Token);
        try
        {
            while (true)
            {
                // 2. Pass on what it writes, for as long as the consumer asks; credit is given for what was taken.
                var frame = await NextAsync(stream, cancellationToken);
                if (frame.Opcode is Opcode.Stdout or Opcode.Stderr)
                {
                    yield return new ExecEvent.Output(frame.Opcode == Opcode.Stdout ? OutputKind.Stdout : OutputKind.Stderr, frame.Payload);
                    await GiveCreditAsync(stream, frame);
                    continue;
                }

                // 3. It has ended, and says how.
                command.Over = true;
                if (frame.Opcode == Opcode.Error)
                {
                    var (error, text) = ReadError(frame);
                    yield return new ExecEvent.Output(OutputKind.Stderr, Encoding.UTF8.GetBytes($"{request.Command[0]}: {text}\n"));
                    yield return new ExecEvent.Exited(error == GuestError.NotFound ? 127 : 126, TimedOut: false);
                    yield break;
                }

                var exitCode = ReadExit(frame);
                yield return command.TimedOut ? new ExecEvent.Exited(124, TimedOut: true) : new ExecEvent.Exited(exitCode, TimedOut: false);
                yield break;
            }
        }
        finally
        {
            // 4. A consumer that leaves takes the command with it: nothing of it runs when this is over.
            await over.CancelAsync();
            await watching;
            if (!command.Over)
            {
                await KillAsync(command);
            }
        }
    }

    /// <inheritdoc/>
    public async Task<byte[]> ReadFileAsync(string path, long maxBytes, CancellationToken cancellationToken)
    {
        var stream = await _connection.OpenStreamAsync(Opcode.ReadFile, new PayloadWriter().String(Checked(path)).Int64(maxBytes), cancellationToken);
        return await ReceiveAsync(stream, path, maxBytes, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task WriteFileAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var stream = await _connection.OpenStreamAsync(Opcode.WriteFile, new PayloadWriter().String(Checked(path)), cancellationToken);
        try
        {
            while (!content.IsEmpty)
            {
                var length = await WithinAnswerTimeAsync(token => stream.SpendAsync(content.Length, token), cancellationToken);
                if (length == 0)
                {
                    break;
                }

                await _connection.SendAsync(Opcode.Data, stream.Id, content[..length]);
                content = content[length..];
            }

            if (content.IsEmpty)
            {
                await _connection.SendAsync(Opcode.DataEnd, stream.Id, ReadOnlyMemory<byte>.Empty);
            }
        }
        catch (OperationCanceledException)
        {
            await AbandonAsync(stream);
            throw;
        }

        await CompleteAsync(stream, path, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<SandboxListing> ListAsync(string path, CancellationToken cancellationToken)
    {
        // 10,000 names of 255 bytes and their lengths.
        const int largest = 4 * 1024 * 1024;
        var stream = await _connection.OpenStreamAsync(Opcode.List, new PayloadWriter().String(Checked(path)), cancellationToken);
        var listing = await ReceiveAsync(stream, path, largest, cancellationToken);
        try
        {
            return ReadListing(listing);
        }
        catch (ProtocolException exception)
        {
            throw Broken(exception.Message);
        }
    }

    /// <summary>Removes a file, or a directory with all that it holds.</summary>
    public async Task RemoveAsync(string path, CancellationToken cancellationToken)
    {
        var stream = await _connection.OpenStreamAsync(Opcode.Remove, new PayloadWriter().String(Checked(path)), cancellationToken);
        await CompleteAsync(stream, path, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await _disposal.Value;

    private async Task DisposeOnceAsync()
    {
        // Closing the channel tells the guest to leave; the place does not depend on its obeying.
        await _connection.DisposeAsync();
        await _place.DisposeAsync();
    }

    private async Task<string> DescribeEndAsync()
    {
        var reason = await _connection.Ended;
        return reason == GuestConnection.Gone ? await _place.DescribeEndAsync() ?? reason : reason;
    }

    private static string Checked(string path) =>
        path.Length is 0 or > GuestProtocol.MaxPath || path.Contains('\0')
            ? throw new SandboxFileException("A path must have 1 to 4,096 characters and no NUL.")
            : path;

    private async Task KillAfterAsync(RunningCommand command, TimeSpan timeout, CancellationToken over)
    {
        try
        {
            await Task.Delay(timeout, _time, over);
            command.TimedOut = true;
            await _connection.SendAsync(Opcode.Cancel, command.Stream.Id, ReadOnlyMemory<byte>.Empty);
            await Task.Delay(_settings.Kill, _time, over);
            _connection.End("a command could not be killed");
        }
        catch (OperationCanceledException)
        {
            // The command was over first.
        }
        catch (SandboxException)
        {
            // The sandbox was over first; the reader of the stream learns so too.
        }
    }

    private async Task KillAsync(RunningCommand command)
    {
        using var deadline = new CancellationTokenSource(_settings.Kill, _time);
        try
        {
            await _connection.SendAsync(Opcode.Cancel, command.Stream.Id, ReadOnlyMemory<byte>.Empty);
            while (true)
            {
                var frame = await command.Stream.NextAsync(deadline.Token);
                if (frame.Opcode is not (Opcode.Stdout or Opcode.Stderr))
                {
                    return;
                }

                await GiveCreditAsync(command.Stream, frame);
            }
        }
        catch (OperationCanceledException)
        {
            _connection.End("a command could not be killed");
        }
        catch (SandboxException)
        {
            // The sandbox has ended, and the command with it.
        }
    }

    private async Task<byte[]> ReceiveAsync(GuestStream stream, string path, long maxBytes, CancellationToken cancellationToken)
    {
        var content = new ArrayBufferWriter<byte>();
        try
        {
            while (true)
            {
                var frame = await WithinAnswerTimeAsync(stream.NextAsync, cancellationToken);
                switch (frame.Opcode)
                {
                    case Opcode.Data when content.WrittenCount + frame.Payload.Length > maxBytes:
                        throw Broken("the guest sent more than was asked for");
                    case Opcode.Data:
                        content.Write(frame.Payload.Span);
                        await GiveCreditAsync(stream, frame);
                        break;
                    case Opcode.Done:
                        return content.WrittenSpan.ToArray();
                    default:
                        throw FileProblem(path, frame);
                }
            }
        }
        catch (OperationCanceledException)
        {
            await AbandonAsync(stream);
            throw;
        }
    }

    private async Task CompleteAsync(GuestStream stream, string path, CancellationToken cancellationToken)
    {
        try
        {
            var frame = await WithinAnswerTimeAsync(stream.NextAsync, cancellationToken);
            if (frame.Opcode != Opcode.Done)
            {
                throw FileProblem(path, frame);
            }
        }
        catch (OperationCanceledException)
        {
            await AbandonAsync(stream);
            throw;
        }
    }

    /// <summary>Gives a file operation up and waits until the guest has, so that nothing of it is left behind.</summary>
    private async Task AbandonAsync(GuestStream stream)
    {
        using var deadline = new CancellationTokenSource(_settings.Kill, _time);
        try
        {
            await _connection.SendAsync(Opcode.Cancel, stream.Id, ReadOnlyMemory<byte>.Empty);
            while (await stream.NextAsync(deadline.Token) is { Opcode: Opcode.Data } frame)
            {
                await GiveCreditAsync(stream, frame);
            }
        }
        catch (OperationCanceledException)
        {
            _connection.End("it stopped answering");
        }
        catch (SandboxException)
        {
            // The sandbox has ended, and the operation with it.
        }
    }

    private async ValueTask<T> WithinAnswerTimeAsync<T>(Func<CancellationToken, ValueTask<T>> wait, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(_settings.Answer, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            return await wait(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            _connection.End("it stopped answering");
            throw await _connection.GoneAsync();
        }
        catch (SandboxException)
        {
            throw new SandboxException($"The sandbox has ended: {await _ended}.");
        }
    }

    /// <summary>The next frame of a command. Unlike a file operation, a command may say nothing for as long as it likes.</summary>
    private async ValueTask<Frame> NextAsync(GuestStream stream, CancellationToken cancellationToken)
    {
        try
        {
            return await stream.NextAsync(cancellationToken);
        }
        catch (SandboxException)
        {
            throw new SandboxException($"The sandbox has ended: {await _ended}.");
        }
    }

    private async Task GiveCreditAsync(GuestStream stream, Frame frame)
    {
        var credit = stream.Consumed(frame);
        if (credit > 0)
        {
            await _connection.SendAsync(Opcode.Credit, stream.Id, new PayloadWriter().Int32(credit));
        }
    }

    private int ReadExit(Frame frame)
    {
        try
        {
            var reader = new PayloadReader(frame.Payload.Span);
            return frame.Opcode == Opcode.Exited && reader.Int32() is >= 0 and <= 255 and var code ? code : throw Broken("the guest ended a command in no known way");
        }
        catch (ProtocolException exception)
        {
            throw Broken(exception.Message);
        }
    }

    private (GuestError Error, string Text) ReadError(Frame frame)
    {
        try
        {
            var reader = new PayloadReader(frame.Payload.Span);
            var error = (GuestError)reader.UInt16();
            var text = reader.String();
            return (error, string.Concat(text.Take(300).Select(c => char.IsControl(c) ? ' ' : c)));
        }
        catch (ProtocolException exception)
        {
            throw Broken(exception.Message);
        }
    }

    private Exception FileProblem(string path, Frame frame)
    {
        if (frame.Opcode != Opcode.Error)
        {
            return Broken("the guest ended a file operation in no known way");
        }

        var (error, text) = ReadError(frame);
        return error is GuestError.Busy or GuestError.Unsupported
            ? new SandboxException($"The sandbox cannot do this now: {text}.")
            : new SandboxFileException($"'{path}': {text}.");
    }

    private static SandboxListing ReadListing(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload);
        var isDirectory = reader.Int32() == 1;
        var length = reader.Int64();
        var truncated = reader.Int32() == 1;
        var names = reader.Strings(GuestProtocol.MaxNames);
        reader.End();
        return length < 0 ? throw new ProtocolException("a length is negative") : new SandboxListing(isDirectory, length, names, truncated);
    }

    private SandboxException Broken(string what)
    {
        _connection.End($"it broke the protocol: {what}");
        return new SandboxException($"The sandbox has ended: it broke the protocol: {what}.");
    }

    private sealed class RunningCommand(GuestStream stream)
    {
        private volatile bool _timedOut;

        public GuestStream Stream { get; } = stream;

        public bool Over { get; set; }

        public bool TimedOut
        {
            get => _timedOut;
            set => _timedOut = value;
        }
    }
}
