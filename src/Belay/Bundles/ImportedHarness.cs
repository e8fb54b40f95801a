using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Contracts;
using Belay.Contracts.Harnesses;

namespace Belay.Bundles;

/// <summary>
/// A harness as it can be made anew from a bundle. What would have been left out of it is left out here, too: whoever wrote the bundle may not have, and
/// its address beside the name of a key would send a key of the account here to a stranger. Pure.
/// </summary>
internal static class ImportedHarness
{
    private const string Prompt = "systemPrompt";
    private const string Tools = "tools";

    /// <summary>The request that makes it, and what it has to be given by hand: what the bundle was not given, and tools that are not whole without it.</summary>
    /// <param name="name">Name of the harness.</param>
    /// <param name="version">The version that it is made from.</param>
    /// <param name="leftOut">What was left out of that version.</param>
    /// <exception cref="BundleException">It cannot be made from that.</exception>
    public static (CreateHarnessRequest Request, IReadOnlyList<string> Missing) Of(string name, Harness version, IReadOnlyList<string> leftOut)
    {
        try
        {
            (version, var still) = Redaction.Of(version);
            leftOut = [.. leftOut.Union(still)];
            var json = JsonSerializer.SerializeToNode(version, BelayJson.Default.Harness)!.AsObject();
            var missing = leftOut.Where(path => !path.StartsWith(Tools, StringComparison.Ordinal) && !path.StartsWith(Prompt, StringComparison.Ordinal)).ToList();
            if (leftOut.Any(path => path.StartsWith(Prompt, StringComparison.Ordinal)))
            {
                json.Remove(Prompt);
                missing.Add(Prompt);
            }

            json[Tools] = new JsonArray([.. version.Tools.Select((tool, index) => (tool, index))
                .Where(one => !IsMissing(one.tool, one.index, leftOut, missing))
                .Select(one => json[Tools]![one.index]!.DeepClone())]);
            return (json.Deserialize(BelayJson.Default.CreateHarnessRequest)! with { HarnessName = name, ClientToken = null, Tags = null, Hooks = null }, missing);
        }
        catch (Exception cause) when (cause is JsonException or NotSupportedException or InvalidOperationException)
        {
            throw new BundleException("The bundle's version of the harness has a form that is not known here. Name a harness that exists.", cause);
        }
    }

    private static bool IsMissing(HarnessTool tool, int index, IReadOnlyList<string> leftOut, List<string> missing)
    {
        var prefix = $"{Tools}[{index}].";
        if (!leftOut.Any(path => path.StartsWith(prefix, StringComparison.Ordinal)))
        {
            return false;
        }

        missing.Add($"{Tools}: {tool.Name ?? tool.Type.ToString()}");
        return true;
    }
}
