using System.Text;
using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Validation;
using Belay.Server.Wire;

namespace Belay.Tests.Wire;

/// <summary>
/// What other people's clients send for an input, read back by our router, target and JSON check: method and path find the
/// operation, and labels, query and body carry the values of the input.
/// </summary>
public sealed class RestJsonVectorTests
{
    [Fact]
    public void WhatClientsSend_IsReadBack()
    {
        using var suites = JsonDocument.Parse(File.ReadAllBytes(Vectors.Require("rest-json/input.json", 113)));
        var wrong = new List<string>();
        var (routed, notOurs, values, bodies, noJson) = (0, 0, 0, 0, 0);
        foreach (var suite in suites.RootElement.EnumerateArray())
        {
            foreach (var one in suite.GetProperty("cases").EnumerateArray())
            {
                var id = one.GetProperty("id").GetString()!;
                var given = one.GetProperty("given");
                var template = given.GetProperty("http").GetProperty("requestUri").GetString()!.Split('?')[0];
                var sent = one.GetProperty("serialized");
                var method = sent.GetProperty("method").GetString()!;
                if (template.Contains("+}", StringComparison.Ordinal) || id == "RestJsonHostWithPath")
                {
                    // No operation of our models has a label that spans segments, and a path before ours is a proxy's business.
                    notOurs++;
                    continue;
                }

                var target = RequestTarget.Parse(sent.GetProperty("uri").GetString()!);
                var router = new Router([new Operation(id, method, template, 0, (_, _) => Task.CompletedTask)]);
                if (router.Find(method, target) is not { Route.Name: var name } match || name != id)
                {
                    wrong.Add($"{id}: not routed");
                    continue;
                }

                routed++;
                foreach (var (member, shape) in Members(suite, given))
                {
                    if (!one.GetProperty("params").TryGetProperty(member, out var value))
                    {
                        continue;
                    }

                    var location = shape.TryGetProperty("location", out var place) ? place.GetString() : null;
                    var wire = shape.TryGetProperty("locationName", out var given2) ? given2.GetString()! : member;
                    var got = location switch
                    {
                        "uri" => match.Labels.TryGetValue(wire, out var label) ? [label] : [],
                        "querystring" when target.Query.TryGetValue(wire, out var query) => query,
                        _ => null,
                    };
                    if (got is null || Plain(suite, shape, value) is not { } expected)
                    {
                        continue;
                    }

                    values++;
                    if (!expected.SequenceEqual(got, StringComparer.Ordinal))
                    {
                        wrong.Add($"{id}.{member}: {string.Join('|', got)}, not {string.Join('|', expected)}");
                    }
                }

                var body = sent.TryGetProperty("body", out var text) ? text.GetString()! : "";
                if (!body.StartsWith('{'))
                {
                    noJson++;
                    continue;
                }

                bodies++;
                try
                {
                    JsonText.ReadObject(Encoding.UTF8.GetBytes(body), []);
                }
                catch (ServiceException problem)
                {
                    wrong.Add($"{id}: {problem.Message}");
                }
            }
        }

        Assert.Empty(wrong);
        Assert.Equal("routed 111, not ours 2, values 56, bodies 50, without JSON 61", $"routed {routed}, not ours {notOurs}, values {values}, bodies {bodies}, without JSON {noJson}");
    }

    private static IEnumerable<(string Name, JsonElement Shape)> Members(JsonElement suite, JsonElement given)
    {
        if (!given.TryGetProperty("input", out var input))
        {
            return [];
        }

        var shape = suite.GetProperty("shapes").GetProperty(input.GetProperty("shape").GetString()!);
        return shape.GetProperty("members").EnumerateObject().Select(member => (member.Name, member.Value));
    }

    /// <summary>The texts of a value whose form on the wire is its own; null for times, maps and numbers that are no JSON.</summary>
    private static List<string>? Plain(JsonElement suite, JsonElement member, JsonElement value)
    {
        var shape = suite.GetProperty("shapes").GetProperty(member.GetProperty("shape").GetString()!);
        if (value.ValueKind == JsonValueKind.Array)
        {
            var items = value.EnumerateArray().Select(item => Plain(suite, shape.GetProperty("member"), item)).ToList();
            return items.Contains(null) ? null : [.. items.SelectMany(item => item!)];
        }

        return (shape.GetProperty("type").GetString(), value.ValueKind) switch
        {
            ("timestamp" or "map" or "blob", _) => null,
            (_, JsonValueKind.String) => [value.GetString()!],
            (_, JsonValueKind.True or JsonValueKind.False or JsonValueKind.Number) => [value.GetRawText()],
            _ => null,
        };
    }
}
