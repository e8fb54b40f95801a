using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using Belay.Contracts.Invocations;
using Belay.Contracts.Validation;
using Belay.Models;
using Belay.Sessions;
using Belay.Storage;
using Belay.Tools;

namespace Belay.Agents;

/// <summary>
/// Folds the events of one model reply into events of the wire and, at the end, into the message that the conversation keeps.
/// The wire shows one block at a time: while one is open, pieces of later blocks wait, and nothing is ever re-ordered inside a
/// block. What a model sends is hostile: an event that breaks the seam's contract is a <see cref="ModelFailure.Malformed"/>.
/// </summary>
/// <param name="provider">Who replies; the owner of the state it attaches.</param>
/// <param name="modelId">Which model replies.</param>
/// <param name="find">How the model knows a tool; null for one that does not exist.</param>
/// <param name="taken">Ids of the session's earlier calls; providers exist that begin again with every reply.</param>
/// <param name="ids">Where ids of calls come from when the provider gave none, or one that is taken.</param>
public sealed partial class ReplyFold(string provider, string modelId, Func<string, ToolSpec?> find, IReadOnlySet<string> taken, IdSource ids)
{
    /// <summary>Stands for a tool name that no tool can have.</summary>
    public const string InvalidToolName = "INVALID_TOOL_NAME";

    private const int MaxBlocks = 1024;
    private const int MaxEvents = 1_000_000;
    private const long MaxCharacters = 32L * 1024 * 1024;

    private readonly Dictionary<int, Part> _byIndex = [];
    private readonly List<Part> _parts = [];
    private readonly List<(Part Part, int Length)> _spans = [];
    private readonly List<InvocationEvent> _shown = [];
    private readonly HashSet<string> _toolUseIds = new(StringComparer.Ordinal);
    private int _live;
    private int _events;
    private int _wireBlocks;
    private long _characters;
    private HarnessStopReason? _stopped;

    /// <summary>Whether anything of the reply has been shown.</summary>
    public bool Started { get; private set; }

    /// <summary>Whether the model said that the reply is complete.</summary>
    public bool Complete => _stopped is not null;

    /// <summary>Tokens that the provider reported last; null when it reported none.</summary>
    public TokenUsage? Reported { get; private set; }

    /// <summary>Characters of the reply so far.</summary>
    public long Characters => _characters;

    /// <summary>Takes an event and answers what the wire shows of it, now and of what waited for it. The list is valid until the next call.</summary>
    public List<InvocationEvent> Apply(ModelEvent modelEvent)
    {
        var shown = _shown;
        shown.Clear();
        if (modelEvent is ModelEvent.Usage usage)
        {
            Reported = usage.Tokens;
            return shown;
        }

        if (_stopped is not null)
        {
            throw Malformed("sent more after it had said that the reply was complete");
        }

        // Each piece costs more to remember than it says.
        if (++_events > MaxEvents)
        {
            throw Malformed($"sent more than {MaxEvents} pieces");
        }

        switch (modelEvent)
        {
            case ModelEvent.Text text:
                Take(text.Block, PartKind.Text).Add(Count(text.Value));
                break;
            case ModelEvent.Reasoning reasoning:
                Take(reasoning.Block, PartKind.Reasoning).Add(Count(reasoning.Value));
                break;
            case ModelEvent.Signature signature:
                Take(signature.Block, PartKind.Reasoning).Signature.Append(Count(signature.Value));
                break;
            case ModelEvent.Redacted redacted:
                Count(redacted.Value.Length);
                Take(redacted.Block, PartKind.Redacted).Add(redacted.Value);
                break;
            case ModelEvent.ToolOpened opened:
                Open(opened);
                break;
            case ModelEvent.ToolInput input:
                Existing(input.Block, PartKind.Tool).AddArguments(Count(input.Fragment));
                break;
            case ModelEvent.ServerTool tool:
                ServerTool(tool);
                break;
            case ModelEvent.Citation citation:
                Count((citation.Source.Length + citation.Title?.Length + citation.Quote?.Length) ?? 0);
                Aside(new Block.Citation(citation.Source, citation.Title, citation.Quote), null);
                break;
            case ModelEvent.Image image:
                Count(image.Bytes.Length);
                Aside(new Block.Image(image.MediaType, image.Bytes.ToArray()), ReplyEvents.Label(image.MediaType, image.Bytes.Length));
                break;
            case ModelEvent.State state:
                Count(state.Value.GetRawText().Length);
                Take(state.Block, PartKind.None).State = new(provider, modelId, state.Value);
                break;
            case ModelEvent.BlockClosed closed:
                Take(closed.Block, PartKind.None).Closed = true;
                break;
            case ModelEvent.Stopped stopped:
                _stopped = stopped.Reason;
                foreach (var part in _parts)
                {
                    part.Closed = true;
                }

                break;
            default:
                throw new UnreachableException();
        }

        Drain(shown);
        return shown;
    }

    /// <summary>
    /// Why the message ended, for the loop and the wire: calls make it <c>tool_use</c> even when the model says <c>end_turn</c>;
    /// <c>tool_use</c> without a call, and reasons that are not a model's to give, are malformed output.
    /// </summary>
    public HarnessStopReason StopReason()
    {
        var calls = _parts.Any(part => part.Kind == PartKind.Tool);
        return _stopped switch
        {
            HarnessStopReason.EndTurn or HarnessStopReason.ToolUse when calls => HarnessStopReason.ToolUse,
            HarnessStopReason.ToolUse => HarnessStopReason.MalformedModelOutput,
            HarnessStopReason.EndTurn or HarnessStopReason.StopSequence or HarnessStopReason.MaxTokens or HarnessStopReason.ContentFiltered
                or HarnessStopReason.MalformedModelOutput or HarnessStopReason.MalformedToolUse or HarnessStopReason.ModelContextWindowExceeded => _stopped.Value,
            _ => HarnessStopReason.MalformedModelOutput,
        };
    }

    /// <summary>What was said, in the order in which blocks opened; null when nothing was.</summary>
    public Message? Message()
    {
        var blocks = _parts.Select(part => part.ToBlock()).OfType<Block>().ToList();
        return blocks.Count == 0 ? null : new(HarnessConversationRole.Assistant, blocks);
    }

    /// <summary>Lengths of the pieces that the wire was shown, by position of their block in <see cref="Message"/>.</summary>
    public IReadOnlyList<DeltaSpan> Deltas()
    {
        var positions = 0;
        foreach (var part in _parts)
        {
            part.Position = positions;
            positions += part.IsBlock ? 1 : 0;
        }

        var deltas = new DeltaSpan[_spans.Count];
        for (var i = 0; i < deltas.Length; i++)
        {
            deltas[i] = new(_spans[i].Part.Position, _spans[i].Length);
        }

        return deltas;
    }

    /// <summary>How many blocks of <see cref="Message"/> the wire was shown to the end; null when all of them.</summary>
    public int? Ended()
    {
        var (blocks, ended) = (0, 0);
        for (var i = 0; i < _parts.Count && _live < _parts.Count; i++)
        {
            blocks += _parts[i].IsBlock ? 1 : 0;
            ended += i < _live && _parts[i].IsBlock ? 1 : 0;
        }

        return ended == blocks ? null : ended;
    }

    private void Open(ModelEvent.ToolOpened opened)
    {
        if (_byIndex.TryGetValue(opened.Block, out var existing) && existing.Kind != PartKind.None)
        {
            throw Malformed("opened a tool call in a block that holds something else");
        }

        var part = Take(opened.Block, PartKind.Tool);
        part.Id = UsableId(opened.Id);
        part.Name = IsName(opened.Name) ? opened.Name : InvalidToolName;
        part.Spec = find(part.Name);
    }

    private void ServerTool(ModelEvent.ServerTool tool)
    {
        if (_byIndex.ContainsKey(tool.Block))
        {
            throw Malformed("opened a tool call in a block that holds something else");
        }

        var part = Take(tool.Block, PartKind.ServerTool);
        part.Id = UsableId(tool.Id);
        part.Name = IsName(tool.Name) ? tool.Name : InvalidToolName;
        part.Add(Count(tool.Input.GetRawText()));
        part.Closed = true;
    }

    // Complete at once and numbered by the order of arrival: it may share its index with the text it belongs to.
    private void Aside(Block block, string? shown)
    {
        var part = Append(new Part { Kind = PartKind.Aside, Whole = block, Closed = true });
        if (shown is not null)
        {
            part.Add(shown);
        }
    }

    private Part Existing(int index, PartKind kind) =>
        _byIndex.ContainsKey(index) ? Take(index, kind) : throw Malformed("sent arguments of a tool call that it had not opened");

    private Part Take(int index, PartKind kind)
    {
        if (!_byIndex.TryGetValue(index, out var part))
        {
            part = Append(new Part());
            _byIndex[index] = part;
        }

        if (kind == PartKind.None)
        {
            return part;
        }

        if (part.Closed)
        {
            throw Malformed("went on with a block that it had closed");
        }

        if (part.Kind != PartKind.None && part.Kind != kind)
        {
            throw Malformed($"mixed {part.Kind} and {kind} in one block");
        }

        part.Kind = kind;
        return part;
    }

    private Part Append(Part part)
    {
        if (_parts.Count == MaxBlocks)
        {
            throw Malformed($"sent more than {MaxBlocks} blocks");
        }

        _parts.Add(part);
        return part;
    }

    private string Count(string text)
    {
        Count(text.Length);
        return text;
    }

    private void Count(long length)
    {
        _characters += length;
        if (_characters > MaxCharacters)
        {
            throw Malformed($"sent more than {MaxCharacters / (1024 * 1024)} MiB");
        }
    }

    private string UsableId(string id)
    {
        if (!IsName(id) || taken.Contains(id) || !_toolUseIds.Add(id))
        {
            id = NewToolUseId(ids);
            _toolUseIds.Add(id);
        }

        return id;
    }

    private static string NewToolUseId(IdSource ids)
    {
        Span<byte> bytes = stackalloc byte[16];
        ids.Fill(bytes);
        return "tooluse_" + System.Buffers.Text.Base64Url.EncodeToString(bytes);
    }

    private void Drain(List<InvocationEvent> shown)
    {
        for (; _live < _parts.Count; _live++)
        {
            var part = _parts[_live];
            foreach (var piece in part.Pieces)
            {
                if (!part.Opened)
                {
                    Begin(part, shown);
                }

                _spans.Add((part, piece.Length));
                shown.Add(Delta(part, piece.Delta));
            }

            part.Pieces.Clear();

            if (!part.Closed)
            {
                return;
            }

            End(part, shown);
        }
    }

    private void Begin(Part part, List<InvocationEvent> shown)
    {
        if (!Started)
        {
            Started = true;
            shown.Add(new HarnessMessageStartEvent { Role = HarnessConversationRole.Assistant });
        }

        part.Opened = true;
        part.WireIndex = _wireBlocks++;
        if (part.Kind is PartKind.Tool or PartKind.ServerTool)
        {
            shown.Add(new HarnessContentBlockStartEvent
            {
                ContentBlockIndex = part.WireIndex,
                Start = new()
                {
                    ToolUse = new()
                    {
                        ToolUseId = part.Id,
                        Name = part.Name,
                        Type = part.ToolKind,
                        ServerName = part.ToolKind == HarnessToolUseType.McpToolUse ? part.Spec?.Server : null,
                    },
                },
            });
        }
    }

    private void End(Part part, List<InvocationEvent> shown)
    {
        if (part.Kind == PartKind.Tool && !part.Opened)
        {
            Begin(part, shown);
            shown.Add(Delta(part, new() { ToolUse = new() { Input = "{}" } }));
        }

        if (part.Kind == PartKind.Reasoning && part.Signature.Length > 0)
        {
            if (!part.Opened)
            {
                Begin(part, shown);
            }

            shown.AddRange(Utf8Pieces.Split(part.Signature.ToString()).Select(piece => Delta(part, new() { ReasoningContent = new() { Signature = piece } })));
        }

        if (part.Opened)
        {
            shown.Add(new HarnessContentBlockStopEvent { ContentBlockIndex = part.WireIndex });
        }
    }

    private static HarnessContentBlockDeltaEvent Delta(Part part, HarnessContentBlockDelta delta) => new() { ContentBlockIndex = part.WireIndex, Delta = delta };

    private ModelException Malformed(string what) => new(ModelFailure.Malformed, $"{provider}: the model {what}.");

    private static bool IsName(string name) => name.Length is >= 1 and <= 64 && NameCharacters().IsMatch(name);

    [GeneratedRegex($"^{Patterns.ToolName}\\z")]
    private static partial Regex NameCharacters();

    private enum PartKind
    {
        None,
        Text,
        Reasoning,
        Redacted,
        Tool,
        ServerTool,
        Aside,
    }

    private sealed class Part
    {
        private readonly StringBuilder _text = new();
        private List<byte[]>? _bytes;
        private StringBuilder? _signature;
        private StringBuilder? _space;

        public PartKind Kind { get; set; }

        public bool Closed { get; set; }

        public bool Opened { get; set; }

        public int WireIndex { get; set; }

        public string Id { get; set; } = string.Empty;

        public string Name { get; set; } = string.Empty;

        public ToolSpec? Spec { get; set; }

        /// <summary>Pieces that the wire was not shown yet.</summary>
        public List<(HarnessContentBlockDelta Delta, int Length)> Pieces { get; } = [];

        /// <summary>Where its block stands in the message.</summary>
        public int Position { get; set; }

        public StringBuilder Signature => _signature ??= new();

        public ProviderState? State { get; set; }

        public Block? Whole { get; init; }

        public HarnessToolUseType ToolKind => Kind == PartKind.ServerTool ? HarnessToolUseType.ServerToolUse : Spec?.Kind ?? HarnessToolUseType.ToolUse;

        public void Add(string text)
        {
            if (Whole is null)
            {
                _text.Append(text);
            }

            if (Utf8Pieces.IsOnePiece(text))
            {
                if (text.Length > 0)
                {
                    Pieces.Add((ToDelta(text), text.Length));
                }

                return;
            }

            foreach (var piece in Utf8Pieces.Split(text))
            {
                Pieces.Add((ToDelta(piece), piece.Length));
            }
        }

        // White space around arguments says nothing, and the value that is kept of them has none: it waits for what follows it.
        public void AddArguments(string text)
        {
            var end = text.AsSpan().TrimEnd().Length;
            if (end > 0)
            {
                var said = end == text.Length ? text : text[..end];
                Add(_text.Length == 0 ? said.TrimStart() : _space is { Length: > 0 } ? _space.Append(said).ToString() : said);
                _space?.Clear();
            }

            if (end < text.Length && _text.Length > 0)
            {
                (_space ??= new()).Append(text.AsSpan(end));
            }
        }

        public void Add(ReadOnlyMemory<byte> bytes)
        {
            foreach (var piece in bytes.ToArray().Chunk(Utf8Pieces.FrameBytes))
            {
                (_bytes ??= []).Add(piece);
                Pieces.Add((new() { ReasoningContent = new() { RedactedContent = piece } }, piece.Length));
            }
        }

        /// <summary>Whether the message has a block for it.</summary>
        public bool IsBlock => Kind switch
        {
            PartKind.Text => _text.Length > 0 || State is not null,
            PartKind.None => State is not null,
            _ => true,
        };

        public Block? ToBlock()
        {
            Block? block = Kind switch
            {
                _ when !IsBlock => null,
                PartKind.Text => new Block.Text(_text.ToString()),
                PartKind.Reasoning => new Block.Reasoning(_text.ToString(), _signature is { Length: > 0 } ? _signature.ToString() : null),
                PartKind.Redacted => new Block.RedactedReasoning([.. (_bytes ?? []).SelectMany(bytes => bytes)]),
                PartKind.Tool or PartKind.ServerTool => ToToolUse(),
                PartKind.Aside => Whole,
                // State that came with nothing else: reasoning that shows nothing.
                PartKind.None => new Block.Reasoning(string.Empty, null),
                _ => throw new UnreachableException(),
            };
            return State is null ? block : block! with { State = State };
        }

        private Block.ToolUse ToToolUse()
        {
            var text = _text.ToString();
            var input = ToolArguments.Parse(text);
            return new(Id, Name, input ?? ToolArguments.Empty, ToolKind, ToolKind == HarnessToolUseType.McpToolUse ? Spec?.Server : null, input is null ? text : null);
        }

        private HarnessContentBlockDelta ToDelta(string piece) => Kind switch
        {
            PartKind.Text or PartKind.Aside => new() { Text = piece },
            PartKind.Reasoning => new() { ReasoningContent = new() { Text = piece } },
            PartKind.Tool or PartKind.ServerTool => new() { ToolUse = new() { Input = piece } },
            _ => throw new UnreachableException(),
        };
    }
}
