namespace Belay.Server.Wire;

/// <summary>An operation that a request line may mean.</summary>
/// <param name="Name">Name in the service model.</param>
/// <param name="Plane">Which of the two services it belongs to.</param>
/// <param name="Method">HTTP method.</param>
/// <param name="Template">Path with labels in braces.</param>
public sealed record Route(string Name, Plane Plane, string Method, string Template)
{
    /// <summary>What serves it; null when it is known but not built.</summary>
    public Operation? Operation { get; init; }
}

/// <summary>The two services behind one port.</summary>
public enum Plane
{
    /// <summary>Resources.</summary>
    Control,

    /// <summary>Sessions.</summary>
    Data,
}

/// <summary>
/// Finds the operation of a request line: those that are built, and those of the published models that are not, so that these
/// can be named in the answer.
/// </summary>
public sealed class Router
{
    /// <summary>Beginning of every path of the native API.</summary>
    public const string NativePrefix = "/belay/";

    private readonly Dictionary<string, List<Candidate>> _byMethod = new(StringComparer.Ordinal);

    /// <summary>Creates a router for the operations that are built.</summary>
    public Router(IReadOnlyList<Operation> operations)
    {
        // Ours may share a name with one of theirs and is another operation all the same.
        var native = operations.Where(operation => operation.Template.StartsWith(NativePrefix, StringComparison.Ordinal)).ToList();
        var built = operations.Except(native).ToDictionary(operation => operation.Name, StringComparer.Ordinal);
        foreach (var known in Known())
        {
            Add(built.Remove(known.Name, out var operation) ? known with { Method = operation.Method, Template = operation.Template, Operation = operation } : known);
        }

        foreach (var operation in built.Values.Concat(native))
        {
            Add(new Route(operation.Name, Plane.Control, operation.Method, operation.Template) { Operation = operation });
        }

        foreach (var candidates in _byMethod.Values)
        {
            candidates.Sort(MostLiteralFirst);
        }
    }

    /// <summary>Every operation of the published models.</summary>
    public static IEnumerable<Route> Known()
    {
        using var stream = typeof(Router).Assembly.GetManifestResourceStream("operations.txt")!;
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            var parts = line.Split(' ');
            yield return new Route(parts[3], parts[0] == "data" ? Plane.Data : Plane.Control, parts[1], parts[2]);
        }
    }

    /// <summary>Finds the operation and the decoded labels; null when there is none.</summary>
    public (Route Route, IReadOnlyDictionary<string, string> Labels)? Find(string method, RequestTarget target)
    {
        var path = target.RawPath.Length > 1 && target.RawPath.EndsWith('/') ? target.RawPath[..^1] : target.RawPath;
        var segments = path[1..].Split('/');
        var candidates = _byMethod.GetValueOrDefault(method, []);
        foreach (var candidate in candidates)
        {
            if (candidate.Match(segments) is { } labels)
            {
                return (candidate.Route, labels);
            }
        }

        foreach (var candidate in candidates)
        {
            if (candidate.MatchArn(segments) is { } labels)
            {
                return (candidate.Route, labels);
            }
        }

        return null;
    }

    private static int MostLiteralFirst(Candidate left, Candidate right)
    {
        for (var i = 0; i < Math.Min(left.Segments.Length, right.Segments.Length); i++)
        {
            if (left.Segments[i].IsLabel != right.Segments[i].IsLabel)
            {
                return left.Segments[i].IsLabel ? 1 : -1;
            }
        }

        // Nothing that is built may be hidden by something that is not.
        return (left.Route.Operation is null).CompareTo(right.Route.Operation is null);
    }

    private void Add(Route route)
    {
        if (!_byMethod.TryGetValue(route.Method, out var candidates))
        {
            _byMethod.Add(route.Method, candidates = []);
        }

        candidates.Add(new Candidate(route));
    }

    private sealed class Candidate(Route route)
    {
        public Route Route { get; } = route;

        public Segment[] Segments { get; } = [.. route.Template.Trim('/').Split('/').Select(Segment.Of)];

        public Dictionary<string, string>? Match(string[] path)
        {
            if (path.Length != Segments.Length)
            {
                return null;
            }

            for (var i = 0; i < path.Length; i++)
            {
                if (Segments[i].IsLabel ? path[i].Length == 0 : path[i] != Segments[i].Text)
                {
                    return null;
                }
            }

            var labels = new Dictionary<string, string>(StringComparer.Ordinal);
            for (var i = 0; i < path.Length; i++)
            {
                if (Segments[i].IsLabel)
                {
                    labels.Add(Segments[i].Text, RequestTarget.Decode(path[i]));
                }
            }

            return labels;
        }

        /// <summary>An ARN whose slashes were not encoded: the one label takes every segment between what comes before and after it.</summary>
        public Dictionary<string, string>? MatchArn(string[] path)
        {
            var label = Array.FindIndex(Segments, segment => segment.IsLabel);
            var after = Segments.Length - label - 1;
            if (label < 0 || Array.FindLastIndex(Segments, segment => segment.IsLabel) != label || path.Length <= Segments.Length
                || !Literal(path.AsSpan(0, label), Segments.AsSpan(0, label)) || !Literal(path.AsSpan(path.Length - after), Segments.AsSpan(label + 1)))
            {
                return null;
            }

            var text = RequestTarget.Decode(string.Join('/', path[label..^after]));
            return text.StartsWith("arn:", StringComparison.Ordinal) ? new() { [Segments[label].Text] = text } : null;
        }

        private static bool Literal(ReadOnlySpan<string> path, ReadOnlySpan<Segment> segments)
        {
            for (var i = 0; i < path.Length; i++)
            {
                if (path[i] != segments[i].Text)
                {
                    return false;
                }
            }

            return true;
        }
    }

    private readonly record struct Segment(string Text, bool IsLabel)
    {
        public static Segment Of(string template) =>
            template.StartsWith('{') ? new(template.Trim('{', '}', '+'), true) : new(template, false);
    }
}
