using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Belay.Contracts.Faults;

namespace Belay.Contracts.Validation;

/// <summary>
/// Compares JSON with a contract type and reports everything that is wrong, in one pass, with dotted paths. What it passes can
/// be deserialised. Values are never repeated in a message, sensitive or not: they belong to the caller. Text is measured in
/// Unicode code points, as the model's length limits are. Members that are null are absent; members nobody knows are ignored.
/// </summary>
public static partial class ShapeValidator
{
    /// <summary>Problems after which the walk ends: nobody reads more, and a hostile body must not make a large answer.</summary>
    public const int MaxProblems = 100;

    /// <summary>Everything wrong with a value; empty when it is valid.</summary>
    public static IReadOnlyList<FieldProblem> Validate(JsonTypeInfo type, JsonElement value) => Validate(type, value, new HashSet<string>());

    /// <summary>The same; <paramref name="misshapen"/> receives the names of the outermost members in which something has the wrong form or is
    /// missing, as opposed to a value of the right form that breaks a limit.</summary>
    public static IReadOnlyList<FieldProblem> Validate(JsonTypeInfo type, JsonElement value, ISet<string> misshapen)
    {
        var walk = new Walk(misshapen);
        walk.Check(Shape.Of(type), [], Part.Self, value);
        return walk.Problems;
    }

    [GeneratedRegex(@"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?\z")]
    private static partial Regex TimePattern();

    private sealed class Walk(ISet<string> misshapen)
    {
        private readonly StringBuilder _path = new();

        public List<FieldProblem> Problems { get; } = [];

        public void Check(Shape shape, IReadOnlyList<BoundAttribute> bounds, Part part, JsonElement value)
        {
            if (Problems.Count >= MaxProblems)
            {
                return;
            }

            switch (shape.Kind)
            {
                case ShapeKind.Document:
                    break;
                case ShapeKind.Text when Is(value, JsonValueKind.String, "a string"):
                    CheckText(bounds, part, JsonMarshal.GetRawUtf8Value(value)[1..^1], value.GetString);
                    break;
                case ShapeKind.Enumeration when Is(value, JsonValueKind.String, "a string"):
                    if (!shape.Names.Any(value.ValueEquals))
                    {
                        ReportForm($"must be one of {string.Join(", ", shape.Names)}");
                    }

                    break;
                case ShapeKind.Bytes when Is(value, JsonValueKind.String, "a base64 string"):
                    CheckBytes(bounds, part, value);
                    break;
                case ShapeKind.Time when Is(value, JsonValueKind.String, "an ISO 8601 time"):
                    if (!IsTime(value.GetString()!)) // A string, as seen above.
                    {
                        ReportForm("must be an ISO 8601 time such as 2026-07-07T23:10:13.675Z");
                    }

                    break;
                case ShapeKind.Whole or ShapeKind.WholeLong or ShapeKind.Real when Is(value, JsonValueKind.Number, "a number"):
                    CheckNumber(shape.Kind, bounds, part, value);
                    break;
                case ShapeKind.Truth:
                    if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
                    {
                        ReportForm("must be true or false");
                    }

                    break;
                case ShapeKind.List when Is(value, JsonValueKind.Array, "an array"):
                    CheckList(shape.Item!, bounds, part, value);
                    break;
                case ShapeKind.Map when Is(value, JsonValueKind.Object, "an object"):
                    CheckMap(shape.Item!, bounds, part, value);
                    break;
                case ShapeKind.Structure when Is(value, JsonValueKind.Object, "an object"):
                    CheckStructure(shape, value);
                    break;
                default:
                    break;
            }
        }

        // What else the parser takes, such as an hour alone, would mean something that nobody meant.
        private static bool IsTime(string text) =>
            TimePattern().IsMatch(text) && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _);

        private void CheckStructure(Shape shape, JsonElement value)
        {
            // A name given twice counts as its last value, but every value must have the right form: the deserialiser reads all.
            Span<bool> present = stackalloc bool[shape.Members.Count];
            foreach (var property in value.EnumerateObject())
            {
                if (shape.Find(property) is not { } member)
                {
                    continue;
                }

                present[member.Index] = property.Value.ValueKind != JsonValueKind.Null;
                if (present[member.Index])
                {
                    var length = Enter(member.Name);
                    Check(member.Shape, member.Bounds, Part.Self, property.Value);
                    _path.Length = length;
                }
            }

            foreach (var member in shape.Members)
            {
                if (member.Required && !present[member.Index])
                {
                    var length = Enter(member.Name);
                    ReportForm("is required");
                    _path.Length = length;
                }
            }

            if (shape.IsUnion && present.Count(true) != 1)
            {
                ReportUnion(shape, present);
            }
        }

        private void ReportUnion(Shape shape, ReadOnlySpan<bool> present)
        {
            var set = new List<string>();
            foreach (var member in shape.Members)
            {
                if (present[member.Index])
                {
                    set.Add(member.Name);
                }
            }

            var found = set.Count == 0 ? "none" : string.Join(", ", set);
            ReportForm($"must have exactly one of the members {string.Join(", ", shape.Members.Select(member => member.Name))}, but has {found}");
        }

        private void CheckList(Shape item, IReadOnlyList<BoundAttribute> bounds, Part part, JsonElement value)
        {
            CheckCount(bounds, part, value.GetArrayLength(), "item");
            bounds = part == Part.Self ? bounds : [];
            var index = 0;
            foreach (var element in value.EnumerateArray())
            {
                if (Problems.Count >= MaxProblems)
                {
                    return;
                }

                var length = _path.Length;
                _path.Append('[').Append(index++).Append(']');
                CheckItem(item, bounds, element);
                _path.Length = length;
            }
        }

        private void CheckMap(Shape item, IReadOnlyList<BoundAttribute> bounds, Part part, JsonElement value)
        {
            CheckCount(bounds, part, value.GetPropertyCount(), "entry");
            bounds = part == Part.Self ? bounds : [];
            foreach (var property in value.EnumerateObject())
            {
                if (Problems.Count >= MaxProblems)
                {
                    return;
                }

                var length = Enter(property.Name);
                CheckText(bounds, Part.Key, JsonMarshal.GetRawUtf8PropertyName(property), () => property.Name);
                CheckItem(item, bounds, property.Value);
                _path.Length = length;
            }
        }

        private void CheckItem(Shape item, IReadOnlyList<BoundAttribute> bounds, JsonElement element)
        {
            if (element.ValueKind == JsonValueKind.Null && item.Kind != ShapeKind.Document)
            {
                ReportForm("must not be null");
            }
            else
            {
                Check(item, bounds, Part.Item, element);
            }
        }

        private void CheckText(IReadOnlyList<BoundAttribute> bounds, Part part, ReadOnlySpan<byte> escaped, Func<string?> read)
        {
            foreach (var bound in bounds)
            {
                if (bound.Of != part)
                {
                    continue;
                }

                if (!double.IsNaN(bound.Min) || !double.IsNaN(bound.Max))
                {
                    CheckCount(bound, CountCodePoints(escaped), "character");
                }

                // A text over its limit is not matched too: one problem is enough, and the text may be very long.
                var tooLong = escaped.Length > bound.Max && CountCodePoints(escaped) > bound.Max;
                if (bound.Pattern is not null && !tooLong && !WirePattern.Matches(bound.Pattern, read()!))
                {
                    Report(part == Part.Key ? $"has a key that must match {bound.Pattern}" : $"must match {bound.Pattern}");
                }
            }
        }

        private void CheckBytes(IReadOnlyList<BoundAttribute> bounds, Part part, JsonElement value)
        {
            if (!value.TryGetBytesFromBase64(out var bytes))
            {
                ReportForm("must be base64 with padding");
            }
            else
            {
                CheckCount(bounds, part, bytes.Length, "byte");
            }
        }

        private void CheckNumber(ShapeKind kind, IReadOnlyList<BoundAttribute> bounds, Part part, JsonElement value)
        {
            var real = value.GetDouble();
            if (kind == ShapeKind.Whole && !value.TryGetInt32(out _) && !WireIntegerConverter.IsInteger(real))
            {
                ReportForm("must be a whole number of 32 bits");
                return;
            }

            if (kind == ShapeKind.WholeLong && !value.TryGetInt64(out _))
            {
                ReportForm("must be a whole number of 64 bits");
                return;
            }

            if (!double.IsFinite(real))
            {
                ReportForm("must be a finite number");
                return;
            }

            foreach (var bound in bounds)
            {
                if (bound.Of == part && (real < bound.Min || real > bound.Max))
                {
                    Report($"must be {Limits(bound)}");
                }
            }
        }

        private void CheckCount(IReadOnlyList<BoundAttribute> bounds, Part part, int count, string what)
        {
            foreach (var bound in bounds)
            {
                if (bound.Of == part)
                {
                    CheckCount(bound, count, what);
                }
            }
        }

        private void CheckCount(BoundAttribute bound, int count, string what)
        {
            if (count < bound.Min || count > bound.Max)
            {
                var one = double.IsNaN(bound.Max) ? bound.Min == 1 : bound.Max == 1;
                var plural = one ? what : what == "entry" ? "entries" : what + "s";
                var key = bound.Of == Part.Key ? "has a key that " : "";
                Report(string.Create(CultureInfo.InvariantCulture, $"{key}must have {Limits(bound)} {plural}, but has {count}"));
            }
        }

        private static string Limits(BoundAttribute bound) => (double.IsNaN(bound.Min), double.IsNaN(bound.Max)) switch
        {
            (false, false) when bound.Min == bound.Max => string.Create(CultureInfo.InvariantCulture, $"exactly {bound.Min}"),
            (false, false) => string.Create(CultureInfo.InvariantCulture, $"{bound.Min} to {bound.Max}"),
            (false, true) => string.Create(CultureInfo.InvariantCulture, $"at least {bound.Min}"),
            (true, false) => string.Create(CultureInfo.InvariantCulture, $"at most {bound.Max}"),
            _ => throw new UnreachableException(),
        };

        // Counts without unescaping: an escape is one code point, except that the second half of a surrogate pair is none.
        private static int CountCodePoints(ReadOnlySpan<byte> escaped)
        {
            var count = 0;
            for (var i = 0; i < escaped.Length; i++)
            {
                if (escaped[i] != '\\')
                {
                    count += (escaped[i] & 0xC0) == 0x80 ? 0 : 1;
                }
                else if (escaped[i + 1] != 'u')
                {
                    count++;
                    i++;
                }
                else
                {
                    var lowHalf = (escaped[i + 2] | 0x20) == 'd' && (escaped[i + 3] | 0x20) is >= 'c' and <= 'f';
                    count += lowHalf ? 0 : 1;
                    i += 5;
                }
            }

            return count;
        }

        private bool Is(JsonElement value, JsonValueKind kind, string what)
        {
            if (value.ValueKind == kind)
            {
                return true;
            }

            ReportForm($"must be {what}");
            return false;
        }

        private int Enter(string name)
        {
            var length = _path.Length;
            if (length > 0)
            {
                _path.Append('.');
            }

            _path.Append(Shorten(name));
            return length;
        }

        private static string Shorten(string name)
        {
            const int Shown = 64;
            if (name.Length == 0)
            {
                return "\"\"";
            }

            var end = name.Length > Shown && char.IsHighSurrogate(name[Shown - 1]) ? Shown - 1 : Shown;
            return name.Length <= Shown ? name : string.Concat(name.AsSpan(0, end), "…");
        }

        private void ReportForm(string message)
        {
            misshapen.Add(_path.ToString().Split('.', '[')[0]);
            Report(message);
        }

        private void Report(string message)
        {
            if (Problems.Count < MaxProblems)
            {
                Problems.Add(new FieldProblem(_path.Length == 0 ? "body" : _path.ToString(), message));
            }
        }
    }
}
