using Belay.Guest.Protocol;

namespace Belay.Guest;

/// <summary>
/// Serves the host over one channel, on one thread: waits for the channel, for outputs of commands and for processes that end,
/// and does a bounded piece of each in turn. When the host goes away, so does everything.
/// </summary>
internal sealed class CommandServer(Channel channel, Reaper reaper) : IDisposable
{
    private readonly Dictionary<uint, Execution> _executions = [];
    private readonly Dictionary<uint, Download> _downloads = [];
    private readonly Dictionary<uint, Upload> _uploads = [];
    private readonly List<int> _leftOpen = [];
    private readonly List<uint> _finished = [];
    private readonly List<int> _wanted = [];
    private readonly MemoryStream _request = new();
    private readonly byte[] _discarded = new byte[GuestProtocol.MaxPayload];
    private Native.PollEntry[] _polled = new Native.PollEntry[16];
    private Dictionary<string, string> _environment = [];
    private Paths _paths = new(GuestProtocol.Workspace);
    private bool _welcomed;
    private bool _leaving;

    /// <summary>Takes the channel from the standard descriptors and serves until it closes.</summary>
    public static int Run()
    {
        // Commands run as the same user. Who could write into the guest's memory or channel would decide what "killed" means.
        Native.KeepToItself();
        foreach (var signal in (ReadOnlySpan<int>)[Native.SIGHUP, Native.SIGINT, Native.SIGQUIT, Native.SIGTERM, Native.SIGPIPE])
        {
            Native.Ignore(signal);
        }

        // The channel moves to descriptors that no child inherits; what remains at 0 and 1 leads nowhere.
        var input = Native.DuplicatePrivately(0);
        var output = Native.DuplicatePrivately(1);
        var nothing = Native.open("/dev/null", 2, 0);
        Native.Replace(nothing, 0);
        Native.Replace(nothing, 1);
        Native.KeepDescriptorsPrivate();
        Native.BecomeSubreaper();

        using var reaper = new Reaper();
        using var server = new CommandServer(new Channel(input, output), reaper);
        server.Serve();
        return 0;
    }

    public void Dispose() => _request.Dispose();

    private void Serve()
    {
        var capabilities = GuestCapabilities.Exec | GuestCapabilities.Files | (Native.getpid() == 1 ? GuestCapabilities.Init : 0);
        channel.Send(Opcode.Hello, 0, new PayloadWriter()
            .Int32(unchecked((int)GuestProtocol.Magic)).UInt16(GuestProtocol.Version).UInt16(GuestProtocol.Version).Int64((long)capabilities));
        try
        {
            while (!_leaving && !channel.Closed)
            {
                WaitForWork();
                TakeEnded();
                Advance();
            }
        }
        catch (ProtocolException)
        {
            // A host that breaks its own protocol cannot be served; it learns so from the channel's end.
        }

        KillEverything();
    }

    private void WaitForWork()
    {
        _wanted.Clear();
        _wanted.Add(channel.Input);
        _wanted.Add(reaper.Wake);
        _wanted.AddRange(_leftOpen);
        var now = Environment.TickCount64;
        var timeout = -1;
        foreach (var execution in _executions.Values)
        {
            execution.Want(_wanted);
            var wait = execution.Wait(now);
            timeout = wait < 0 ? timeout : timeout < 0 ? wait : Math.Min(timeout, wait);
        }

        foreach (var download in _downloads.Values)
        {
            timeout = download.Ready ? 0 : timeout;
        }

        if (_polled.Length < _wanted.Count)
        {
            _polled = new Native.PollEntry[_wanted.Count * 2];
        }

        for (var i = 0; i < _wanted.Count; i++)
        {
            _polled[i] = new Native.PollEntry { Descriptor = _wanted[i], Wanted = Native.PollIn };
        }

        int found;
        unsafe
        {
            fixed (Native.PollEntry* entries = _polled)
            {
                found = Native.poll(entries, (nuint)_wanted.Count, timeout);
            }
        }

        if (found <= 0)
        {
            return;
        }

        for (var i = _leftOpen.Count - 1; i >= 0; i--)
        {
            if (_polled[2 + i].Found != 0)
            {
                Discard(i);
            }
        }

        if (_polled[1].Found != 0)
        {
            reaper.DrainWake();
        }

        if (_polled[0].Found != 0)
        {
            channel.Receive();
            while (!_leaving && channel.TryNext(out var header, out var payload))
            {
                Take(header, payload);
            }
        }
    }

    private unsafe void Discard(int index)
    {
        nint count;
        fixed (byte* start = _discarded)
        {
            count = Native.read(_leftOpen[index], start, _discarded.Length);
        }

        if (count == 0 || (count < 0 && Native.LastError is not (Native.EAGAIN or Native.EINTR)))
        {
            Native.close(_leftOpen[index]);
            _leftOpen.RemoveAt(index);
        }
    }

    private void TakeEnded()
    {
        while (reaper.TryNext(out var ended))
        {
            foreach (var execution in _executions.Values)
            {
                if (execution.Leader == ended.Pid)
                {
                    execution.LeaderEnded(ended.Status, Environment.TickCount64);
                }
            }
        }
    }

    private void Advance()
    {
        var now = Environment.TickCount64;
        foreach (var execution in _executions.Values)
        {
            if (execution.Advance(channel, now, _leftOpen))
            {
                _finished.Add(execution.Stream);
            }
        }

        foreach (var download in _downloads.Values)
        {
            if (download.Ready && download.Advance(channel))
            {
                download.Close();
                _finished.Add(download.Stream);
            }
        }

        foreach (var stream in _finished)
        {
            _executions.Remove(stream);
            _downloads.Remove(stream);
        }

        _finished.Clear();
    }

    private void Take(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        // A request may come in pieces; the last one lacks the flag.
        if ((header.Flags & FrameHeader.More) != 0 || _request.Length > 0)
        {
            if (_request.Length + payload.Length > GuestProtocol.MaxRequest)
            {
                throw new ProtocolException("a request is too long");
            }

            _request.Write(payload);
            if ((header.Flags & FrameHeader.More) != 0)
            {
                return;
            }

            payload = _request.ToArray();
            _request.SetLength(0);
        }

        if (!_welcomed && header.Opcode != Opcode.Welcome)
        {
            throw new ProtocolException("the first frame must be a welcome");
        }

        Dispatch(header, payload);
    }

    private void Dispatch(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload);
        var stream = header.Stream;
        switch (header.Opcode)
        {
            case Opcode.Welcome:
                Welcome(ref reader);
                break;
            case Opcode.Ping:
                channel.Send(Opcode.Pong, 0, payload[..Math.Min(payload.Length, 64)]);
                break;
            case Opcode.Shutdown:
                _leaving = true;
                break;
            case Opcode.Credit:
                Grant(stream, reader.Int32());
                break;
            case Opcode.Cancel:
                Cancel(stream);
                break;
            case Opcode.Data:
                if (_uploads.TryGetValue(stream, out var upload) && !upload.Take(channel, payload))
                {
                    _uploads.Remove(stream);
                }

                break;
            case Opcode.DataEnd:
                if (_uploads.Remove(stream, out var complete))
                {
                    complete.Complete(channel);
                }

                break;
            case Opcode.Signal:
                if (_executions.TryGetValue(stream, out var signalled) && reader.Int32() is > 0 and < 65 and var number)
                {
                    Native.kill(signalled.Leader, number);
                }

                break;
            default:
                Open(header.Opcode, stream, ref reader);
                break;
        }
    }

    private void Open(Opcode opcode, uint stream, ref PayloadReader reader)
    {
        if (stream == 0 || _executions.ContainsKey(stream) || _downloads.ContainsKey(stream) || _uploads.ContainsKey(stream))
        {
            throw new ProtocolException("a stream is opened twice");
        }

        if (_executions.Count + _downloads.Count + _uploads.Count >= GuestProtocol.MaxStreams)
        {
            channel.Fail(stream, GuestError.Busy, "too many operations run at once");
            return;
        }

        switch (opcode)
        {
            case Opcode.Exec:
                Execute(stream, ref reader);
                break;
            case Opcode.ReadFile:
                if (_paths.Read(channel, stream, reader.String(), reader.Int64()) is { } file)
                {
                    _downloads.Add(stream, file);
                }

                break;
            case Opcode.List:
                if (_paths.List(channel, stream, reader.String()) is { } listing)
                {
                    _downloads.Add(stream, listing);
                }

                break;
            case Opcode.WriteFile:
                if (_paths.Write(channel, stream, reader.String()) is { } upload)
                {
                    _uploads.Add(stream, upload);
                }

                break;
            case Opcode.Remove:
                _paths.Remove(channel, stream, reader.String());
                break;
            default:
                channel.Fail(stream, GuestError.Unsupported, $"this guest does not know operation {(byte)opcode}");
                break;
        }
    }

    private void Welcome(ref PayloadReader reader)
    {
        if (reader.UInt16() != GuestProtocol.Version || _welcomed)
        {
            throw new ProtocolException("the host chose a version that was not offered");
        }

        _paths = new Paths(reader.String());
        var processes = reader.Int32();
        var files = reader.Int32();
        _environment = reader.Pairs(10_000);
        reader.End();
        Native.Limit(processes, files);
        _welcomed = true;
    }

    private void Grant(uint stream, int credit)
    {
        if (credit <= 0)
        {
            throw new ProtocolException("a credit must be positive");
        }

        if (_executions.TryGetValue(stream, out var execution))
        {
            execution.Credit += credit;
        }
        else if (_downloads.TryGetValue(stream, out var download))
        {
            download.Credit += credit;
        }
    }

    private void Cancel(uint stream)
    {
        if (_executions.TryGetValue(stream, out var execution))
        {
            execution.Kill();
        }
        else if (_downloads.Remove(stream, out var download))
        {
            download.Close();
            channel.Fail(stream, GuestError.Cancelled, "cancelled");
        }
        else if (_uploads.Remove(stream, out var upload))
        {
            upload.Abandon();
            channel.Fail(stream, GuestError.Cancelled, "cancelled");
        }
    }

    private void Execute(uint stream, ref PayloadReader reader)
    {
        var arguments = reader.Strings(100_000);
        var directory = reader.String();
        var variables = reader.Pairs(10_000);
        reader.End();
        directory = directory.Length == 0 ? _paths.Workspace : _paths.Resolve(directory);
        var marker = Native.RandomName();
        var environment = new Dictionary<string, string>(_environment, StringComparer.Ordinal);
        foreach (var (name, value) in variables)
        {
            environment[name] = value;
        }

        environment[GuestProtocol.Marker] = marker;
        if (arguments.Count == 0)
        {
            channel.Fail(stream, GuestError.BadRequest, "the command is empty");
            return;
        }

        if (arguments.Exists(argument => argument.Contains('\0')))
        {
            channel.Fail(stream, GuestError.BadRequest, "an argument contains a NUL character");
            return;
        }

        if (!Native.TryStat(directory, follow: true, out var state) || !state.IsDirectory)
        {
            channel.Fail(stream, GuestError.NotDirectory, $"the working directory {directory} does not exist");
            return;
        }

        var error = FindProgram(arguments[0], directory, environment.GetValueOrDefault("PATH", ""), out var program);
        if (error != 0)
        {
            Paths.Fail(channel, stream, error);
            return;
        }

        if (Native.TryPipe(out var output, out var outputWrite))
        {
            if (Native.TryPipe(out var errors, out var errorsWrite))
            {
                var startedAt = Native.BootTicks();
                // Children are the first to go when memory runs out; the guest is needed to say so.
                Native.WriteText("/proc/self/oom_score_adj", "500"u8);
                error = Native.Spawn(program, arguments, [.. environment.Select(pair => pair.Key + "=" + pair.Value)], directory, outputWrite, errorsWrite, out var pid);
                Native.WriteText("/proc/self/oom_score_adj", "0"u8);
                Native.close(errorsWrite);
                Native.close(outputWrite);
                if (error == 0)
                {
                    reaper.ChildStarted();
                    Begin(new Execution(stream, pid, new ProcessTree(pid, marker, startedAt), output, errors));
                    return;
                }

                Native.close(errors);
            }
            else
            {
                Native.close(outputWrite);
            }

            Native.close(output);
        }

        if (error == 0)
        {
            channel.Fail(stream, GuestError.Busy, "no descriptors are left");
        }
        else
        {
            Paths.Fail(channel, stream, error);
        }
    }

    private void Begin(Execution execution)
    {
        foreach (var other in _executions.Values)
        {
            other.Alone = false;
            execution.Alone = false;
        }

        _executions.Add(execution.Stream, execution);
    }

    /// <summary>Looks a program up as a shell does. 0, or an error number.</summary>
    private static int FindProgram(string name, string directory, string path, out string program)
    {
        const int executable = 1;
        program = name;
        if (name.Contains('\0') || name.Length == 0)
        {
            return Native.ENOENT;
        }

        if (name.Contains('/'))
        {
            program = Path.Combine(directory, name);
            return Native.access(program, executable) == 0 ? 0 : Native.LastError;
        }

        var error = Native.ENOENT;
        foreach (var folder in path.Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            program = Path.Join(folder, name);
            if (Native.access(program, executable) == 0 && Native.TryStat(program, follow: true, out var state) && state.IsRegular)
            {
                return 0;
            }

            error = Native.LastError == Native.EACCES ? Native.EACCES : error;
        }

        return error;
    }

    private void KillEverything()
    {
        foreach (var upload in _uploads.Values)
        {
            upload.Abandon();
        }

        // As process 1, leaving is enough: the kernel takes everything along. Elsewhere every descendant is ours to end.
        var deadline = Environment.TickCount64 + 5_000;
        while (Native.getpid() != 1 && Environment.TickCount64 < deadline && !ProcessTree.KillDescendants())
        {
            unsafe
            {
                Native.poll(null, 0, 2);
            }
        }
    }
}
