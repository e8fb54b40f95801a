using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Belay.Contracts;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Validation;
using Belay.Sessions;

namespace Belay.Bundles;

/// <summary>
/// Leaves out of configuration what the service model marks as sensitive: instructions, variables, headers, addresses, descriptions. A member that must
/// be there says that it was left out. What was said in the session is not configuration: it is what a bundle is for. Pure.
/// </summary>
public static class Redaction
{
    /// <summary>Stands for a text that was left out.</summary>
    public const string LeftOut = "[left out]";

    /// <summary>A version of a harness, and which members of it were left out, as paths.</summary>
    public static (Harness Harness, IReadOnlyList<string> LeftOut) Of(Harness harness)
    {
        var leftOut = new List<string>();
        return (Of(harness, BelayJson.Default.Harness, leftOut), leftOut);
    }

    /// <summary>Whether an entry says anything of configuration.</summary>
    public static bool Concerns(EntryBody body) => body is InvocationStarted or SessionForked;

    /// <summary>An entry: what it says of configuration is redacted, the rest is as it was.</summary>
    public static EntryBody Of(EntryBody body) => body switch
    {
        InvocationStarted started => started with
        {
            Tools = [.. started.Tools.Select(tool => Of(tool, BelayJson.Default.HarnessTool, []))],
            Model = started.Model is { } model ? Of(model, BelayJson.Default.HarnessModelConfiguration, []) : null,
            System = null,
        },

        // Half a model would be another one, and calls to come are for whoever owns the harness there.
        SessionForked forked => forked with { Model = null, System = null },
        _ => body,
    };

    private static T Of<T>(T value, JsonTypeInfo<T> type, List<string> leftOut)
    {
        var json = JsonSerializer.SerializeToNode(value, type)!;
        Strip(json, Shape.Of(type), "", leftOut);
        return json.Deserialize(type)!;
    }

    // What of ours rides in a model's free members holds models again.
    private static void StripOwn(JsonNode? json, string name, string path, List<string> leftOut)
    {
        if (name == BelayModelParameters.Carrier && json is JsonObject free && free[BelayModelParameters.Member] is JsonObject own)
        {
            Strip(own, Shape.Of(BelayJson.Default.BelayModelParameters), $"{path}{name}.{BelayModelParameters.Member}.", leftOut);
        }
    }

    private static void Strip(JsonNode? json, Shape shape, string path, List<string> leftOut)
    {
        switch (json)
        {
            case JsonObject values when shape.Kind == ShapeKind.Structure:
                foreach (var member in shape.Members.Where(member => values.ContainsKey(member.Name)))
                {
                    if (!member.Sensitive)
                    {
                        Strip(values[member.Name], member.Shape, $"{path}{member.Name}.", leftOut);
                        StripOwn(values[member.Name], member.Name, path, leftOut);
                        continue;
                    }

                    leftOut.Add(path + member.Name);
                    if (member.Required || shape.IsUnion)
                    {
                        values[member.Name] = member.Shape.Kind == ShapeKind.Text ? LeftOut : new JsonObject();
                    }
                    else
                    {
                        values.Remove(member.Name);
                    }
                }

                break;
            case JsonObject map when shape is { Kind: ShapeKind.Map, Item: { } item }:
                foreach (var (name, value) in map)
                {
                    Strip(value, item, $"{path}{name}.", leftOut);
                }

                break;
            case JsonArray list when shape.Item is { } item:
                for (var i = 0; i < list.Count; i++)
                {
                    Strip(list[i], item, $"{path.TrimEnd('.')}[{i}].", leftOut);
                }

                break;
            default:
                break;
        }
    }
}
