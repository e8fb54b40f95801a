using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Validation;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Wire;

/// <summary>
/// Makes one record of everything that a request carries: labels, query and headers go into one JSON object with the members of
/// the body, which is checked as a whole and deserialised. The body cannot set what travels elsewhere.
/// </summary>
internal static class RequestBinder
{
    private static readonly JsonSerializerOptions Lenient = new(BelayJson.Default.Options)
    {
        TypeInfoResolver = BelayJson.Default.WithAddedModifier(static type =>
        {
            foreach (var property in type.Properties)
            {
                property.IsRequired = false;
            }
        }),
    };

    /// <summary>Binds a request, or throws one fault that names everything that is wrong, what was found before included.</summary>
    public static T Bind<T>(
        JsonTypeInfo<T> type,
        IReadOnlyDictionary<string, string> labels,
        IReadOnlyDictionary<string, List<string>> query,
        IHeaderDictionary headers,
        ReadOnlyMemory<byte> body,
        Func<T, IEnumerable<FieldProblem>>? rules,
        IEnumerable<FieldProblem> found)
        where T : class
    {
        var problems = found.ToList();
        var misshapen = new HashSet<string>(StringComparer.Ordinal);
        var merged = Merge(Shape.Of(type), labels, query, headers, body.Span, problems);

        // A payload stands one level deeper here than it was sent.
        var deepest = BelayJson.MaxDepth + 1;
        using (var document = JsonDocument.Parse(merged, new JsonDocumentOptions { MaxDepth = deepest }))
        {
            problems.AddRange(ShapeValidator.Validate(type, document.RootElement, misshapen));
        }

        if (problems.Count > 0)
        {
            var known = problems.Select(problem => problem.Name).ToHashSet(StringComparer.Ordinal);
            throw ServiceException.Invalid(
                rules is null ? problems : [.. problems, .. rules(Rest(type, merged, misshapen, deepest)).Where(problem => !known.Contains(problem.Name))]);
        }

        var reader = new Utf8JsonReader(merged.Span, new JsonReaderOptions { MaxDepth = deepest });
        return JsonSerializer.Deserialize(ref reader, type)!;
    }

    /// <summary>The request without the members that have the wrong form, so that whoever corrects those hears of everything else
    /// that is wrong at the same time. Required members may be missing in it.</summary>
    private static T Rest<T>(JsonTypeInfo<T> type, ReadOnlyMemory<byte> merged, HashSet<string> misshapen, int deepest)
        where T : class
    {
        using var document = JsonDocument.Parse(merged, new JsonDocumentOptions { MaxDepth = deepest });
        var output = new ArrayBufferWriter<byte>(merged.Length);
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            foreach (var member in document.RootElement.EnumerateObject().Where(member => !misshapen.Contains(member.Name)))
            {
                member.WriteTo(json);
            }

            json.WriteEndObject();
        }

        var reader = new Utf8JsonReader(output.WrittenSpan, new JsonReaderOptions { MaxDepth = deepest });
        return (T)JsonSerializer.Deserialize(ref reader, Lenient.GetTypeInfo(type.Type))!;
    }

    private static ReadOnlyMemory<byte> Merge(
        Shape shape,
        IReadOnlyDictionary<string, string> labels,
        IReadOnlyDictionary<string, List<string>> query,
        IHeaderDictionary headers,
        ReadOnlySpan<byte> body,
        List<FieldProblem> problems)
    {
        var members = ReadBody(shape, headers, body);
        var output = new ArrayBufferWriter<byte>(body.Length + 256);
        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        foreach (var member in shape.Members)
        {
            var name = member.BoundTo?.Name;
            switch (member.BoundTo?.Place)
            {
                case Place.Label when labels.TryGetValue(name!, out var label):
                    Write(json, member, [label], problems);
                    break;
                case Place.Query when query.TryGetValue(name!, out var values):
                    Write(json, member, values, problems);
                    break;
                case Place.Header when headers.TryGetValue(name!, out var values) && values.Count > 0:
                    Write(json, member, [values.ToString()], problems);
                    break;
                case Place.Payload when body.Length > 0:
                    json.WritePropertyName(member.Name);
                    json.WriteRawValue(body, skipInputValidation: true);
                    break;
                case null when members.TryGetValue(member.Name, out var range):
                    json.WritePropertyName(member.Name);
                    json.WriteRawValue(body[range], skipInputValidation: true);
                    break;
                default:
                    break;
            }
        }

        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }

    private static Dictionary<string, Range> ReadBody(Shape shape, IHeaderDictionary headers, ReadOnlySpan<byte> body)
    {
        if (body.IsEmpty)
        {
            return [];
        }

        if (headers.ContentType.Count > 0
            && (!MediaTypeHeaderValue.TryParse(headers.ContentType, out var media)
                || !string.Equals(media.MediaType, "application/json", StringComparison.OrdinalIgnoreCase)
                || !string.Equals(media.CharSet?.Trim('"') ?? "utf-8", "utf-8", StringComparison.OrdinalIgnoreCase)))
        {
            throw ServiceException.Invalid(ValidationReason.CannotParse, "The request body must have the content type application/json.");
        }

        return JsonText.ReadObject(body, [.. shape.Members.Where(member => member.BoundTo is null).Select(member => member.Name)]);
    }

    private static void Write(Utf8JsonWriter json, Shape.Member member, List<string> values, List<FieldProblem> problems)
    {
        json.WritePropertyName(member.Name);
        if (member.Shape.Kind == ShapeKind.List)
        {
            json.WriteStartArray();
            foreach (var value in values)
            {
                Write(json, member.Shape.Item!.Kind, value);
            }

            json.WriteEndArray();
            return;
        }

        if (values.Count > 1)
        {
            problems.Add(new FieldProblem(member.Name, "must be given once"));
        }

        Write(json, member.Shape.Kind, values[0]);
    }

    // A text that is no number or truth value stays a string, and the validator says what it should have been.
    private static void Write(Utf8JsonWriter json, ShapeKind kind, string value)
    {
        switch (kind)
        {
            case ShapeKind.Whole or ShapeKind.WholeLong when long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole):
                json.WriteNumberValue(whole);
                break;
            case ShapeKind.Real when double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) && double.IsFinite(real):
                json.WriteNumberValue(real);
                break;
            case ShapeKind.Truth when value is "true" or "false":
                json.WriteBooleanValue(value == "true");
                break;
            default:
                json.WriteStringValue(value);
                break;
        }
    }
}
