using System.Globalization;

namespace Belay.Testing.Telemetry;

/// <summary>A span as it was exported.</summary>
public sealed record ExportedSpan(
    string TraceId, string SpanId, string ParentSpanId, string Name, int Kind, ulong StartNanoseconds, int Status,
    IReadOnlyDictionary<string, string> Attributes, IReadOnlyList<ExportedEvent> Events);

/// <summary>An event of a span as it was exported.</summary>
public sealed record ExportedEvent(string Name, IReadOnlyDictionary<string, string> Attributes);

/// <summary>What an export request has: spans or metrics, and the resource that they are of.</summary>
public sealed record ExportedBatch(IReadOnlyDictionary<string, string> Resource, IReadOnlyList<ExportedSpan> Spans, IReadOnlyList<string> Metrics);

/// <summary>Decodes as much of OTLP as tests look at.</summary>
public static class OtlpMessages
{
    /// <summary>Decodes the body of a request to <c>/v1/traces</c> or <c>/v1/metrics</c>.</summary>
    public static ExportedBatch Read(ReadOnlySpan<byte> body, bool metrics)
    {
        var resource = new Dictionary<string, string>();
        var spans = new List<ExportedSpan>();
        var names = new List<string>();
        for (var request = new ProtobufReader(body); request.Read();)
        {
            for (var ofResource = new ProtobufReader(request.Bytes); ofResource.Read();)
            {
                if (ofResource.Field == 1)
                {
                    for (var attributes = new ProtobufReader(ofResource.Bytes); attributes.Read();)
                    {
                        Attribute(attributes.Bytes, attributes.Field == 1, resource);
                    }

                    continue;
                }

                if (ofResource.Field != 2)
                {
                    continue;
                }

                for (var scope = new ProtobufReader(ofResource.Bytes); scope.Read();)
                {
                    if (scope.Field == 2 && metrics)
                    {
                        names.Add(FirstText(scope.Bytes));
                    }
                    else if (scope.Field == 2)
                    {
                        spans.Add(Span(scope.Bytes));
                    }
                }
            }
        }

        return new(resource, spans, names);
    }

    private static ExportedSpan Span(ReadOnlySpan<byte> bytes)
    {
        var (trace, id, parent, name, kind, start, status) = ("", "", "", "", 0, 0ul, 0);
        var attributes = new Dictionary<string, string>();
        var events = new List<ExportedEvent>();
        for (var span = new ProtobufReader(bytes); span.Read();)
        {
            switch (span.Field)
            {
                case 1: trace = span.Hex; break;
                case 2: id = span.Hex; break;
                case 4: parent = span.Hex; break;
                case 5: name = span.Text; break;
                case 6: kind = (int)span.Number; break;
                case 7: start = span.Number; break;
                case 9: Attribute(span.Bytes, true, attributes); break;
                case 11: events.Add(Event(span.Bytes)); break;
                case 15: status = Status(span.Bytes); break;
                default: break;
            }
        }

        return new(trace, id, parent, name, kind, start, status, attributes, events);
    }

    private static ExportedEvent Event(ReadOnlySpan<byte> bytes)
    {
        var name = "";
        var attributes = new Dictionary<string, string>();
        for (var one = new ProtobufReader(bytes); one.Read();)
        {
            name = one.Field == 2 ? one.Text : name;
            Attribute(one.Bytes, one.Field == 3, attributes);
        }

        return new(name, attributes);
    }

    private static int Status(ReadOnlySpan<byte> bytes)
    {
        var code = 0;
        for (var status = new ProtobufReader(bytes); status.Read();)
        {
            code = status.Field == 3 ? (int)status.Number : code;
        }

        return code;
    }

    private static string FirstText(ReadOnlySpan<byte> bytes)
    {
        var metric = new ProtobufReader(bytes);
        metric.Read();
        return metric.Text;
    }

    private static void Attribute(ReadOnlySpan<byte> bytes, bool isOne, Dictionary<string, string> attributes)
    {
        if (!isOne)
        {
            return;
        }

        var (key, value) = ("", "");
        for (var pair = new ProtobufReader(bytes); pair.Read();)
        {
            if (pair.Field == 1)
            {
                key = pair.Text;
            }
            else
            {
                value = Value(pair.Bytes);
            }
        }

        attributes[key] = value;
    }

    private static string Value(ReadOnlySpan<byte> bytes)
    {
        var value = new ProtobufReader(bytes);
        if (!value.Read())
        {
            return "";
        }

        switch (value.Field)
        {
            case 1:
                return value.Text;
            case 5:
                var items = new List<string>();
                for (var array = new ProtobufReader(value.Bytes); array.Read();)
                {
                    items.Add(Value(array.Bytes));
                }

                return string.Join(',', items);
            case 4:
                return BitConverter.UInt64BitsToDouble(value.Number).ToString(CultureInfo.InvariantCulture);
            default:
                return ((long)value.Number).ToString(CultureInfo.InvariantCulture);
        }
    }
}
