using System.Text;
using System.Text.Json;
using Belay.Contracts.Harnesses;
using Belay.Sessions;

namespace Belay.Bundles;

/// <summary>Writes a session as a bundle, line by line, as it is read: nothing of it is held but one entry.</summary>
public sealed class BundleWriter(Stream output, BundleKey key)
{
    /// <summary>The form that this version writes, and the newest that it reads.</summary>
    public const int Format = 2;

    /// <summary>Bytes of an archive that one line has.</summary>
    internal const int FilePart = 512 * 1024;

    private readonly BundleChain _chain = new();
    private readonly Dictionary<string, SessionKey> _named = new(StringComparer.Ordinal);

    /// <summary>Writes a whole bundle.</summary>
    /// <param name="header">Its first line.</param>
    /// <param name="entries">What the header counts: those of the sessions that it goes on from, the oldest first, then its own.</param>
    /// <param name="versionAsync">A version of the harness as a session names it; null when it is gone.</param>
    /// <param name="files">The archive of its files, when the header says that there is one.</param>
    /// <param name="cancellationToken">Ends it; what is written then is no bundle.</param>
    public async Task WriteAsync(
        BundleHeader header,
        IAsyncEnumerable<PlacedEntry> entries,
        Func<SessionKey, string, CancellationToken, Task<Harness?>> versionAsync,
        Stream? files,
        CancellationToken cancellationToken)
    {
        await WriteAsync(new() { Header = header }, cancellationToken);
        await foreach (var (session, opened) in entries.WithCancellation(cancellationToken))
        {
            // A session that goes on is bundled as it was when the bundle began.
            if (opened.Entry.Sequence > header.Entries && session.SessionId == header.SessionId)
            {
                break;
            }

            if (opened.Entry.Body is InvocationStarted started)
            {
                _named.TryAdd(started.Version, session);
            }

            var json = Redaction.Concerns(opened.Entry.Body) ? JournalJson.Serialize(Redaction.Of(opened.Entry.Body)) : opened.Json;
            var body = JsonElement.Parse(json.Span, new() { MaxDepth = BundleJson.MaxDepth });
            await WriteAsync(new() { Entry = new(opened.Entry.Sequence, opened.Entry.At, opened.Stored.Kind.ToString(), body) }, cancellationToken);
        }

        foreach (var (version, session) in _named)
        {
            if (await versionAsync(session, version, cancellationToken) is { } harness)
            {
                // It is named as the entries name it, which need not be as it is called where it came from.
                var (redacted, leftOut) = Redaction.Of(harness with { HarnessVersion = version });
                await WriteAsync(new() { Version = redacted, LeftOut = leftOut }, cancellationToken);
            }
        }

        if (files is not null)
        {
            await WriteFilesAsync(files, cancellationToken);
        }

        await WriteAsync(new() { End = new(key.PublicKey, key.Sign(_chain.Digest)) }, cancellationToken);
    }

    private async Task WriteFilesAsync(Stream files, CancellationToken cancellationToken)
    {
        var part = new byte[FilePart];
        while (await files.ReadAtLeastAsync(part, part.Length, throwOnEndOfStream: false, cancellationToken) is > 0 and var read)
        {
            await WriteAsync(new BundleLine { Files = part[..read] }, cancellationToken);
        }
    }

    private async Task WriteAsync(BundleLine line, CancellationToken cancellationToken)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(line, BundleJson.Default.BundleLine);
        if (json.AsSpan().ContainsAny((byte)'\n', (byte)'\r'))
        {
            // Line ends between the tokens of a value that came from elsewhere mean nothing; those inside a text are escaped.
            json = [.. json.Select(one => one is (byte)'\n' or (byte)'\r' ? (byte)' ' : one)];
        }

        await output.WriteAsync(Encoding.ASCII.GetBytes(_chain.Add(json) + ' '), cancellationToken);
        await output.WriteAsync(json, cancellationToken);
        await output.WriteAsync("\n"u8.ToArray(), cancellationToken);
    }
}
