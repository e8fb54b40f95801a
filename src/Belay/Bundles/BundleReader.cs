using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Belay.Contracts.Harnesses;
using Belay.Replays;
using Belay.Sessions;

namespace Belay.Bundles;

/// <summary>Reads a bundle, which is hostile until its last line: bounded, each line against its digest, the last against its signature.</summary>
/// <param name="limits">How much of it is read.</param>
/// <param name="files">Where the archive of its files is written, which is no less hostile; null for nowhere.</param>
public sealed class BundleReader(BundleLimits limits, Stream? files = null)
{
    private readonly BundleChain _chain = new();
    private readonly List<Session> _sessions = [];
    private readonly Dictionary<string, Harness> _versions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IReadOnlyList<string>> _leftOut = new(StringComparer.Ordinal);
    private BundleHeader? _header;
    private BundleEnd? _end;
    private byte[] _signed = [];
    private int _current;
    private int _entries;
    private long _fileBytes;
    private long _bytes;
    private long _lines;

    /// <summary>Reads a whole bundle.</summary>
    /// <param name="input">The file.</param>
    /// <param name="trust">Fingerprint that must have signed it; null for any.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="BundleException">It is no bundle, not whole, changed, too large, of a newer form, or signed by somebody else.</exception>
    public async Task<SessionBundle> ReadAsync(Stream input, string? trust, CancellationToken cancellationToken)
    {
        var reader = PipeReader.Create(input, new StreamPipeReaderOptions(leaveOpen: true));
        while (true)
        {
            var read = await reader.ReadAsync(cancellationToken);
            var buffer = read.Buffer;
            while (buffer.PositionOf((byte)'\n') is { } end)
            {
                Take(buffer.Slice(0, end).ToArray());
                buffer = buffer.Slice(buffer.GetPosition(1, end));
            }

            if (buffer.Length > limits.LineBytes || _bytes + buffer.Length > limits.Bytes)
            {
                throw new BundleException(buffer.Length > limits.LineBytes ? $"Line {_lines + 1} is longer than {limits.LineBytes} bytes." : $"The bundle is larger than {limits.Bytes} bytes.");
            }

            if (read.IsCompleted)
            {
                return buffer.IsEmpty ? Whole(trust) : throw new BundleException($"The bundle ends in the middle of line {_lines + 1}.");
            }

            reader.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    private void Take(byte[] line)
    {
        _lines++;
        _bytes += line.Length + 1;
        if (_end is not null)
        {
            throw new BundleException($"Line {_lines} stands behind the bundle's end.");
        }

        if (line.Length <= BundleChain.DigestCharacters || line[BundleChain.DigestCharacters] != ' ')
        {
            throw new BundleException(_lines == 1 ? "This is no session bundle." : $"Line {_lines} is no line of a bundle.");
        }

        var json = line.AsSpan(BundleChain.DigestCharacters + 1);
        var before = _chain.Digest.ToArray();
        if (_chain.Add(json) != Encoding.ASCII.GetString(line, 0, BundleChain.DigestCharacters))
        {
            throw new BundleException(_lines == 1 ? "This is no session bundle, or its first line was changed." : $"Line {_lines}{Where()} is not what was written: it, or what stood before it, was changed, moved or cut out.");
        }

        BundleLine? read;
        try
        {
            // What a newer form says is not for us to guess at.
            if (_lines == 1 && JsonElement.Parse(json).TryGetProperty("header", out var header) && header.TryGetProperty("format", out var format) && format.TryGetInt32(out var number) && number > BundleWriter.Format)
            {
                throw new BundleException($"The bundle has format {number}; this version reads formats up to {BundleWriter.Format}. Use a newer one.");
            }

            read = JsonSerializer.Deserialize(json, BundleJson.Default.BundleLine);
        }
        catch (Exception cause) when (cause is JsonException or NotSupportedException or InvalidOperationException)
        {
            throw new BundleException($"Line {_lines} has a form that is not known here.", cause);
        }

        Take(read, before);
    }

    private void Take(BundleLine? line, byte[] before)
    {
        switch (line)
        {
            case { Header: { } header } when _lines == 1:
                Take(header);
                break;
            case { Entry: { Body.ValueKind: JsonValueKind.Object } entry } when _versions.Count == 0 && _fileBytes == 0 && Current() is { } session && entry.Sequence == session.Entries.Count + 1:
                Take(entry, session);
                break;
            case { Version: { HarnessVersion: { } version } harness } when _header is not null && _versions.Count < limits.Versions && _fileBytes == 0:
                _versions[version] = harness;
                _leftOut[version] = line.LeftOut ?? [];
                break;
            case { Files: { Length: > 0 } part } when _header?.Files is { } archive && part.Length <= archive.Length - _fileBytes:
                _fileBytes += part.Length;
                files?.Write(part);
                break;
            case { End: { } end } when _header is not null:
                (_end, _signed) = (end, before);
                break;
            default:
                throw new BundleException($"Line {_lines} says nothing that can stand there.");
        }
    }

    private void Take(BundleHeader header)
    {
        var past = header.Past ?? [];
        if (past.Count > SessionPast.Deepest)
        {
            throw new BundleException($"The session of the bundle goes on from {past.Count} others; the most is {SessionPast.Deepest}.");
        }

        if (past.Any(one => one is not { SessionId: not null, Entries: > 0 }) || header.Files is { Length: < 1 } or { Sequence: < 1 } || header.Files?.Sequence > header.Entries)
        {
            throw new BundleException("The bundle's first line has a form that is not known here.");
        }

        if (header.Files?.Length > limits.FileBytes)
        {
            throw new BundleException($"The bundle has an archive of {header.Files.Length} bytes of files; the most is {limits.FileBytes}.");
        }

        _header = header;
        _sessions.AddRange(past.Append(new(header.SessionId, header.Entries)).Select(one => new Session(one.SessionId, one.Entries)));
    }

    // The session whose entries come now; null when all are there.
    private Session? Current()
    {
        while (_current < _sessions.Count && _sessions[_current].IsWhole)
        {
            _current++;
        }

        return _current < _sessions.Count ? _sessions[_current] : null;
    }

    private void Take(BundleEntry entry, Session session)
    {
        if (_entries++ >= limits.Entries)
        {
            throw new BundleException($"The bundle has more than {limits.Entries} entries.");
        }

        var json = JsonMarshal.GetRawUtf8Value(entry.Body).ToArray();
        try
        {
            var kind = Enum.TryParse<EntryKind>(entry.Kind, out var known) && Enum.IsDefined(known) ? known : 0;
            var body = (kind == 0 ? null : JournalJson.Deserialize(kind, json)) ?? throw new BundleException($"Entry {entry.Sequence} is of a kind that this version does not know.");
            ThrowIfMisplaced(entry.Sequence, body, session);
            session.Entries.Add(new(entry.Sequence, body, json));
            session.At.Add(entry.At);
        }
        catch (Exception cause) when (cause is JsonException or NotSupportedException)
        {
            throw new BundleException($"Entry {entry.Sequence} has a form that is not known here.", cause);
        }
    }

    // A fork says where it goes on from, and that is what stands before it; nothing else says so.
    private void ThrowIfMisplaced(long sequence, EntryBody body, Session session)
    {
        var before = _current > 0 && sequence == 1 ? _sessions[_current - 1] : null;
        var forked = body as SessionForked;
        if (before is null ? forked is not null : forked?.SessionId != before.Id || forked.Sequence != before.Due || forked.HarnessId != _header?.HarnessId)
        {
            throw new BundleException(_current == 0 && sequence == 1
                ? "The session of the bundle was forked, and what it goes on from is missing."
                : $"Entry {sequence} of session {OneLine.Of(session.Id)} does not go on from what stands before it in the bundle.");
        }
    }

    private SessionBundle Whole(string? trust)
    {
        if (_header is null || _end is not { Key: not null, Signature: not null } end)
        {
            throw new BundleException(_lines == 0 ? "This is no session bundle: it is empty." : "The bundle is cut off: its last line is missing.");
        }

        if (_sessions.Find(session => !session.IsWhole || session.Due < 1) is { } cut)
        {
            throw new BundleException($"The bundle has {cut.Entries.Count} entries of session {OneLine.Of(cut.Id)} where {cut.Due} are due.");
        }

        if (_fileBytes != (_header.Files?.Length ?? 0))
        {
            throw new BundleException($"The bundle has {_fileBytes} bytes of the archive of its files where {_header.Files!.Length} are due.");
        }

        var fingerprint = BundleKey.FingerprintOf(end.Key);
        if (!BundleKey.Verifies(end.Key, _signed, end.Signature))
        {
            throw new BundleException("The bundle's signature is not that of its key: it was changed.");
        }

        return trust is null || string.Equals(trust, fingerprint, StringComparison.OrdinalIgnoreCase)
            ? new(_header, [.. _sessions.SkipLast(1).Select(session => session.Bundled)], _sessions[^1].Entries, _sessions[^1].At, _versions, _leftOut, fingerprint)
            : throw new BundleException($"The bundle was signed by {fingerprint}, not by {trust}.");
    }

    private string Where() => _versions.Count > 0 || _fileBytes > 0 || Current() is not { } session || (session.Entries.Count == 0 && _sessions.Count == 1)
        ? ""
        : _sessions.Count == 1 ? $" (entry {session.Entries.Count + 1})" : $" (entry {session.Entries.Count + 1} of session {OneLine.Of(session.Id)})";

    private sealed record Session(string Id, long Due)
    {
        public List<RecordedEntry> Entries { get; } = [];

        public List<DateTimeOffset> At { get; } = [];

        public bool IsWhole => Entries.Count >= Due;

        public BundledSession Bundled => new(Id, Entries, At);
    }
}
