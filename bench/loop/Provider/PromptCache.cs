using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Belay.Bench.Loop.Provider;

/// <summary>
/// What a provider would have kept of earlier requests. Where callers mark, it keeps up to each mark and looks back over twenty blocks from each;
/// else it keeps every 128 tokens. In both, what has fewer than 1,024 tokens is not kept. A token is four bytes.
/// </summary>
internal sealed class PromptCache
{
    private const int BytesOfToken = 4;
    private const int LeastTokens = 1024;
    private const int Step = 128 * BytesOfToken;
    private const int LookBack = 20;
    private static readonly string[] Marks = [",\"cache_control\":{\"type\":\"ephemeral\"}", ",{\"cachePoint\":{\"type\":\"default\"}}"];
    private readonly ConcurrentDictionary<string, bool> _kept = new(StringComparer.Ordinal);

    /// <summary>Counts the tokens of a request, and keeps what it lets be kept.</summary>
    public Tokens Read(WireFormat format, ReadOnlySpan<byte> body, int output)
    {
        using var request = JsonDocument.Parse(body.ToArray());
        var pieces = Pieces(format, request.RootElement);
        return format.Marks ? Marked(pieces, output) : Automatic(string.Concat(pieces.Select(piece => piece.Text)), output);
    }

    private Tokens Marked(List<(string Text, bool Mark)> pieces, int output)
    {
        var (lengths, names) = (new long[pieces.Count], new string[pieces.Count]);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var total = 0L;
        for (var i = 0; i < pieces.Count; i++)
        {
            var bytes = Encoding.UTF8.GetBytes(pieces[i].Text);
            hash.AppendData(bytes);
            total += bytes.Length;
            (lengths[i], names[i]) = (total / BytesOfToken, Convert.ToHexString(hash.GetCurrentHash()));
        }

        var marks = Enumerable.Range(0, pieces.Count).Where(index => pieces[index].Mark && lengths[index] >= LeastTokens).ToList();
        var found = marks.SelectMany(mark => Enumerable.Range(Math.Max(0, mark - LookBack), Math.Min(mark, LookBack) + 1)).Where(index => _kept.ContainsKey(names[index])).DefaultIfEmpty(-1).Max();
        var (read, written) = (found < 0 ? 0 : lengths[found], marks.Count == 0 ? 0 : lengths[marks[^1]]);
        foreach (var mark in marks)
        {
            _kept[names[mark]] = true;
        }

        return new((total / BytesOfToken) - Math.Max(read, written), output, read, Math.Max(0, written - read));
    }

    private Tokens Automatic(string text, int output)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var read = 0L;
        for (var end = Step; end <= bytes.Length; end += Step)
        {
            hash.AppendData(bytes.AsSpan(end - Step, Step));
            if (end / BytesOfToken >= LeastTokens && !_kept.TryAdd(Convert.ToHexString(hash.GetCurrentHash()), true))
            {
                read = end / BytesOfToken;
            }
        }

        return new((bytes.Length / BytesOfToken) - read, output, read, 0);
    }

    // As a model reads it: tools, instructions, messages, block by block; a mark ends the piece that it stands in or behind.
    private static List<(string Text, bool Mark)> Pieces(WireFormat format, JsonElement body)
    {
        var pieces = new List<(string Text, bool Mark)>();
        foreach (var name in (string[])["tools", "toolConfig", "system", "systemInstruction", "instructions", format.MessagesMember])
        {
            if (body.TryGetProperty(name, out var member))
            {
                Add(pieces, member);
            }
        }

        return pieces;
    }

    private static void Add(List<(string Text, bool Mark)> pieces, JsonElement member)
    {
        if (member.ValueKind is JsonValueKind.Object && member.TryGetProperty("tools", out var inner))
        {
            member = inner;
        }

        if (member.ValueKind is not JsonValueKind.Array)
        {
            pieces.Add((member.GetRawText(), false));
            return;
        }

        foreach (var element in member.EnumerateArray())
        {
            var blocks = element.TryGetProperty("content", out var content) && content.ValueKind is JsonValueKind.Array ? content.EnumerateArray().ToList() : [element];
            foreach (var block in blocks)
            {
                if (block.TryGetProperty("cachePoint", out _))
                {
                    pieces[^1] = (pieces[^1].Text, true);
                    continue;
                }

                var text = block.GetRawText();
                var bare = Marks.Aggregate(text, (one, mark) => one.Replace(mark, "", StringComparison.Ordinal));
                pieces.Add((bare, bare != text));
            }
        }
    }
}
