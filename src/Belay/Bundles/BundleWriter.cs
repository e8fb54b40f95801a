using System.Text;
using System.Text.Json;
using Belay.Contracts.Harnesses;
using Belay.Sessions;

namespace Belay.Bundles;

/// <summary>Writes a session as a bundle, line by line, as it is read: nothing of it is held but one entry.</summary>
public sealed class BundleWriter(Stream output, BundleKey key)
{
    /// <summary>The form that this version writes, and the newest that it reads.</summary>
    public const int Format = 1;

    private readonly BundleChain _chain = new();
    private readonly HashSet<string> _named = new(StringComparer.Ordinal);

    /// <summary>Writes a whole bundle.</summary>
    /// <param name="header">Its first line.</param>
    /// <param name="entries">The journal.</param>
    /// <param name="versionAsync">A version of the harness; null when it is gone.</param>
    /// <param name="cancellationToken">Ends it; what is written then is no bundle.</param>
    /// <exception cref="BundleException">The session cannot be put into a bundle.</exception>
    public async Task WriteAsync(
        BundleHeader header, IAsyncEnumerable<OpenedEntry> entries, Func<string, CancellationToken, Task<Harness?>> versionAsync, CancellationToken cancellationToken)
    {
        await WriteAsync(new() { Header = header }, cancellationToken);
        var written = 0L;
        await foreach (var opened in entries.WithCancellation(cancellationToken))
        {
            if (opened.Entry.Body is SessionForked)
            {
                throw new BundleException($"Session {header.SessionId} was forked; a bundle of it would need the session that it came from.");
            }

            // A session that goes on is bundled as it was when the bundle began.
            if (++written > header.Entries)
            {
                break;
            }

            if (opened.Entry.Body is InvocationStarted started)
            {
                _named.Add(started.Version);
            }

            var json = opened.Entry.Body is InvocationStarted ? JournalJson.Serialize(Redaction.Of(opened.Entry.Body)) : opened.Json;
            var body = JsonElement.Parse(json.Span, new() { MaxDepth = BundleJson.MaxDepth });
            await WriteAsync(new() { Entry = new(opened.Entry.Sequence, opened.Entry.At, opened.Stored.Kind.ToString(), body) }, cancellationToken);
        }

        foreach (var version in _named)
        {
            if (await versionAsync(version, cancellationToken) is { } harness)
            {
                // It is named as the entries name it, which need not be as it is called where it came from.
                var (redacted, leftOut) = Redaction.Of(harness with { HarnessVersion = version });
                await WriteAsync(new() { Version = redacted, LeftOut = leftOut }, cancellationToken);
            }
        }

        await WriteAsync(new() { End = new(key.PublicKey, key.Sign(_chain.Digest)) }, cancellationToken);
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
