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
public sealed class BundleReader(BundleLimits limits)
{
    private readonly BundleChain _chain = new();
    private readonly List<RecordedEntry> _entries = [];
    private readonly List<DateTimeOffset> _at = [];
    private readonly Dictionary<string, Harness> _versions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IReadOnlyList<string>> _leftOut = new(StringComparer.Ordinal);
    private BundleHeader? _header;
    private BundleEnd? _end;
    private byte[] _signed = [];
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
                _header = header;
                break;
            case { Entry: { Body.ValueKind: JsonValueKind.Object } entry } when _header is not null && _versions.Count == 0 && entry.Sequence == _entries.Count + 1:
                Take(entry);
                break;
            case { Version: { HarnessVersion: { } version } harness } when _header is not null && _versions.Count < limits.Versions:
                _versions[version] = harness;
                _leftOut[version] = line.LeftOut ?? [];
                break;
            case { End: { } end } when _header is not null:
                (_end, _signed) = (end, before);
                break;
            default:
                throw new BundleException($"Line {_lines} says nothing that can stand there.");
        }
    }

    private void Take(BundleEntry entry)
    {
        if (_entries.Count >= limits.Entries)
        {
            throw new BundleException($"The bundle has more than {limits.Entries} entries.");
        }

        var json = JsonMarshal.GetRawUtf8Value(entry.Body).ToArray();
        try
        {
            var body = Enum.TryParse<EntryKind>(entry.Kind, out var kind) && Enum.IsDefined(kind) ? JournalJson.Deserialize(kind, json) : null;
            _entries.Add(new(entry.Sequence, body ?? throw new BundleException($"Entry {entry.Sequence} is of a kind that this version does not know."), json));
            _at.Add(entry.At);
        }
        catch (Exception cause) when (cause is JsonException or NotSupportedException)
        {
            throw new BundleException($"Entry {entry.Sequence} has a form that is not known here.", cause);
        }
    }

    private SessionBundle Whole(string? trust)
    {
        if (_header is null || _end is not { Key: not null, Signature: not null } end)
        {
            throw new BundleException(_lines == 0 ? "This is no session bundle: it is empty." : "The bundle is cut off: its last line is missing.");
        }

        if (_entries.Count != _header.Entries || _entries.Count == 0)
        {
            throw new BundleException($"The bundle has {_entries.Count} entries where {_header.Entries} are due.");
        }

        var fingerprint = BundleKey.FingerprintOf(end.Key);
        if (!BundleKey.Verifies(end.Key, _signed, end.Signature))
        {
            throw new BundleException("The bundle's signature is not that of its key: it was changed.");
        }

        return trust is null || string.Equals(trust, fingerprint, StringComparison.OrdinalIgnoreCase)
            ? new(_header, _entries, _at, _versions, _leftOut, fingerprint)
            : throw new BundleException($"The bundle was signed by {fingerprint}, not by {trust}.");
    }

    private string Where() => _header is null || _entries.Count == 0 || _versions.Count > 0 ? "" : $" (entry {_entries.Count + 1})";
}
