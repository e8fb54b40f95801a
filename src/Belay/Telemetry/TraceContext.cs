using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using Belay.Storage;

namespace Belay.Telemetry;

/// <summary>
/// The trace that an invocation belongs to: the caller's, where its headers name one, else a new one. It is journaled with the invocation,
/// so that a trace has the same id whether tracing is exported or not.
/// </summary>
/// <param name="TraceId">W3C trace id: 32 lower-case hex digits, not all zero.</param>
/// <param name="ParentSpanId">The caller's span: 16 lower-case hex digits; null when the trace begins here.</param>
/// <param name="Sampled">Whether the caller asked for the trace to be recorded; true when it said nothing.</param>
/// <param name="State">The caller's <c>tracestate</c>, passed on unread; null when there is none.</param>
public readonly record struct TraceContext(string TraceId, string? ParentSpanId, bool Sampled, string? State)
{
    private const int MaxStateCharacters = 512;
    private const int MaxBaggageCharacters = 8192;

    /// <summary>A trace that begins here.</summary>
    public static TraceContext Begin(IdSource ids) => new(ids.NewUuid().Replace("-", "", StringComparison.Ordinal), null, Sampled: true, null);

    /// <summary>
    /// The trace that request headers name: <c>traceparent</c> of W3C Trace Context first, else <c>X-Amzn-Trace-Id</c>; null when they name
    /// none. A header that does not parse counts as absent, as both specifications ask.
    /// </summary>
    public static TraceContext? Find(string? traceParent, string? traceState, string? amazonTraceId) =>
        FromTraceParent(traceParent, traceState) ?? FromAmazon(amazonTraceId);

    /// <summary>The place of a span, for what happens below it.</summary>
    public static TraceContext Of(Activity span) => new(span.TraceId.ToHexString(), span.SpanId.ToHexString(), span.Recorded, span.TraceStateString);

    /// <summary>A <c>baggage</c> header that may be passed on; null when there is none, it is not text for headers, or it is too long.</summary>
    public static string? Baggage(string? header) => Sendable(header, MaxBaggageCharacters);

    /// <summary>As the parent of a span. Without a caller's span only the trace's id is set, so that the span becomes the trace's root.</summary>
    public ActivityContext ToParent() => new(
        ActivityTraceId.CreateFromString(TraceId),
        ParentSpanId is null ? default : ActivitySpanId.CreateFromString(ParentSpanId),
        Sampled ? ActivityTraceFlags.Recorded : ActivityTraceFlags.None,
        State,
        isRemote: true);

    /// <summary>
    /// The trace as <c>traceparent</c> of a call that goes out. A trace that begins here and that nobody records is named all the same, as
    /// one that is not recorded: whoever is called can log its id.
    /// </summary>
    public string ToTraceParent() => ParentSpanId is null ? $"00-{TraceId}-{TraceId[..16]}-00" : $"00-{TraceId}-{ParentSpanId}-{(Sampled ? "01" : "00")}";

    /// <summary>The trace as <c>X-Amzn-Trace-Id</c>.</summary>
    public string ToAmazon() => ParentSpanId is null
        ? $"Root=1-{TraceId[..8]}-{TraceId[8..]};Sampled=0"
        : $"Root=1-{TraceId[..8]}-{TraceId[8..]};Parent={ParentSpanId};Sampled={(Sampled ? 1 : 0)}";

    /// <summary>Adds the trace headers to a request that goes out; nothing where there is no trace.</summary>
    public void AddTo(HttpRequestHeaders headers)
    {
        if (TraceId is null)
        {
            return;
        }

        headers.TryAddWithoutValidation("traceparent", ToTraceParent());
        if (State is not null)
        {
            headers.TryAddWithoutValidation("tracestate", State);
        }
    }

    private static TraceContext? FromTraceParent(string? header, string? state) =>
        header is not null && ActivityContext.TryParse(header, state, isRemote: true, out var context)
            ? new(context.TraceId.ToHexString(), context.SpanId.ToHexString(), context.TraceFlags.HasFlag(ActivityTraceFlags.Recorded), Sendable(context.TraceState, MaxStateCharacters))
            : null;

    // Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1
    private static TraceContext? FromAmazon(string? header)
    {
        string? trace = null;
        string? parent = null;
        var sampled = true;
        foreach (var part in (header ?? "").Split(';', StringSplitOptions.TrimEntries))
        {
            switch (part.Split('='))
            {
                case ["Root", ['1', '-', ..] root] when root.Length == 35 && root[10] == '-':
                    trace = Hex(root[2..10] + root[11..], 32);
                    break;
                case ["Parent", var span]:
                    parent = Hex(span, 16);
                    break;
                case ["Sampled", "0"]:
                    sampled = false;
                    break;
                default:
                    break;
            }
        }

        return trace is null ? null : new(trace, parent, sampled, null);
    }

    private static string? Hex(string text, int length) =>
        text.Length == length && text.All(char.IsAsciiHexDigit) && text.Any(digit => digit != '0') ? text.ToLower(CultureInfo.InvariantCulture) : null;

    // What cannot go out as a header would fail the call that carries it.
    private static string? Sendable(string? header, int maxCharacters) =>
        header is { Length: > 0 } && header.Length <= maxCharacters && header.All(character => character is >= ' ' and <= '~') ? header : null;
}
