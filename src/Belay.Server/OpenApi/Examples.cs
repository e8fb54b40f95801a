using System.Diagnostics;
using System.Text.Json.Nodes;
using Belay.Contracts.Validation;

namespace Belay.Server.OpenApi;

/// <summary>
/// Makes an example of any contract record: a value that means something for the names in the table, the smallest valid one for the rest. A
/// test validates each of them, so that a member with rules of its own asks for its line here.
/// </summary>
internal static class Examples
{
    private const string Time = "2026-11-21T08:00:00.000Z";

    private static readonly Dictionary<string, string> Values = new Dictionary<string, string>
    {
        ["accessKeyId"] = "\"BELAYABCDEFGHIJKLMNO\"",
        ["account"] = "\"000000000000\"",
        ["after"] = "\"12.3\"",
        ["bearerToken"] = "\"belay_000000000000_AbCdEfGhIjKlMnOp_...\"",
        ["currency"] = "\"USD\"",
        ["description"] = "\"staging\"",
        ["document"] = """{"detach":true,"toolConcurrency":2}""",
        ["endpoint"] = "\"DEFAULT\"",
        ["expiresInSeconds"] = "3600",
        ["fingerprint"] = "\"d886:d20f:a92c:ad27:6681:0261:76b0:5709\"",
        ["groupBy"] = "\"harness,model\"",
        ["harness"] = "\"hello-AbCdEfGhIj\"",
        ["harnessId"] = "\"hello-AbCdEfGhIj\"",
        ["harnessVersion"] = "\"2\"",
        ["hash"] = "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
        ["interrupted"] = "\"3f2504e0-4f89-41d3-9a0c-0305e82c3301\"",
        ["invocationId"] = "\"3f2504e0-4f89-41d3-9a0c-0305e82c3301\"",
        ["kind"] = "\"ModelOutcome\"",
        ["lastEventId"] = "\"12.3\"",
        ["leftOut"] = """["systemPrompt","tools: search"]""",
        ["level"] = "\"information\"",
        ["message"] = "\"SQLite 3.46.1 can be written and read.\"",
        ["modelId"] = "\"belay/scripted\"",
        ["name"] = "\"dashboard\"",
        ["nextAfter"] = "\"12.3\"",
        ["operation"] = "\"execute_tool\"",
        ["passphrase"] = "\"correct horse battery staple\"",
        ["provider"] = "\"scripted\"",
        ["region"] = "\"us-west-2\"",
        ["sandbox"] = "\"process (process isolation, shared kernel)\"",
        ["secretAccessKey"] = "\"...\"",
        ["sequence"] = "12",
        ["sessionId"] = "\"session-0123456789-0123456789-0123456789\"",
        ["newSessionId"] = "\"session-9876543210-9876543210-9876543210\"",
        ["spanId"] = "\"00f067aa0ba902b7\"",
        ["steerId"] = "\"leave-out-hidden-files\"",
        ["stopReason"] = "\"end_turn\"",
        ["tags"] = """{"overridable":"model tools"}""",
        ["ticket"] = "\"...\"",
        ["tokenId"] = "\"AbCdEfGhIjKlMnOp\"",
        ["traceId"] = "\"4bf92f3577b34da6a3ce929d0e0e4736\"",
        ["version"] = "\"0.1.0\"",
        ["why"] = "\"The turn is complete.\"",
    };

    /// <summary>An example of a record, of what of it travels in the body.</summary>
    public static JsonNode Of(Shape shape) => Of(shape, [])!;

    /// <summary>An example of a member.</summary>
    public static JsonNode? Of(Shape.Member member) => Of(member, []);

    private static JsonNode? Of(Shape.Member member, HashSet<Shape> within)
    {
        if (Values.TryGetValue(member.Name, out var json) && JsonNode.Parse(json) is { } value && Fits(member.Shape.Kind, value))
        {
            return value;
        }

        var smallest = member.Bounds.FirstOrDefault(bound => bound.Of == Part.Self && !double.IsNaN(bound.Min))?.Min ?? 1;
        return member.Shape.Kind switch
        {
            ShapeKind.Whole or ShapeKind.WholeLong => (long)Math.Max(smallest, 1),
            ShapeKind.Real => Math.Max(smallest, 1),
            _ => Of(member.Shape, within),
        };
    }

    private static JsonNode? Of(Shape shape, HashSet<Shape> within)
    {
        switch (shape.Kind)
        {
            case ShapeKind.Document:
                return new JsonObject();
            case ShapeKind.Text:
                return "text";
            case ShapeKind.Bytes:
                return "dGV4dA==";
            case ShapeKind.Enumeration:
                return shape.Names[0];
            case ShapeKind.Time:
                return Time;
            case ShapeKind.Whole or ShapeKind.WholeLong or ShapeKind.Real:
                return 1;
            case ShapeKind.Truth:
                return true;
            case ShapeKind.List:
                return Of(shape.Item!, within) is { } item ? new JsonArray(item) : [];
            case ShapeKind.Map:
                return new JsonObject { ["name"] = Of(shape.Item!, within) };
            case ShapeKind.Structure:
                return Structure(shape, within);
            default:
                throw new UnreachableException();
        }
    }

    private static JsonObject? Structure(Shape shape, HashSet<Shape> within)
    {
        // A record that holds itself ends where it would begin again.
        if (!within.Add(shape))
        {
            return null;
        }

        var example = new JsonObject();
        foreach (var member in shape.Members.Where(member => member.BoundTo is null).Take(shape.IsUnion ? 1 : int.MaxValue))
        {
            if (Of(member, within) is { } value)
            {
                example[member.Name] = value;
            }
        }

        within.Remove(shape);
        return example;
    }

    private static bool Fits(ShapeKind kind, JsonNode value) => kind switch
    {
        ShapeKind.Text => value.GetValueKind() == System.Text.Json.JsonValueKind.String,
        ShapeKind.Whole or ShapeKind.WholeLong => value.GetValueKind() == System.Text.Json.JsonValueKind.Number,
        ShapeKind.Map or ShapeKind.Document => value is JsonObject,
        _ => false,
    };
}
