using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Belay.Contracts;
using Belay.Contracts.Validation;

namespace Belay.Cli.Projects;

/// <summary>The <c>belay</c> section of a project: settings of ours that no shape of the API can carry.</summary>
internal sealed record BelaySection
{
    /// <summary>Whether an invocation goes on when its client leaves.</summary>
    public bool? Detach { get; init; }

    /// <summary>How many tools of one message run side by side, 1 to 64.</summary>
    [Bound(Min = 1, Max = 64)]
    public int? ToolConcurrency { get; init; }

    /// <summary>Members of an invocation that may override the harness.</summary>
    public IReadOnlyList<string>? Overridable { get; init; }

    /// <summary>What <see cref="Overridable"/> may name: everything that an invocation brings beside its messages.</summary>
    public static IReadOnlyList<string> OverridableMembers { get; } =
    [
        .. Shape.Of(BelayJson.Default.InvokeHarnessRequest).Members.Where(member => member.BoundTo is null && member.Name != "messages").Select(member => member.Name),
    ];

    /// <summary>The section as the document that the service keeps. Null when something in it is wrong.</summary>
    public static JsonObject? Read(YamlNode node, MemberReader reader)
    {
        if (node is YamlNode.Mapping mapping && mapping.Entries.FirstOrDefault(entry => entry.Key == "overridable").Value is YamlNode.Sequence list)
        {
            foreach (var item in list.Items.OfType<YamlNode.Scalar>().Where(item => !item.IsEmpty))
            {
                _ = reader.ReadWord(OverridableMembers, item);
            }
        }

        return (JsonObject?)reader.Read(Shape.Of(SectionJson.Default.BelaySection), node);
    }
}

/// <summary>The section's JSON, written as the wire is.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    PropertyNameCaseInsensitive = false,
    NumberHandling = JsonNumberHandling.Strict,
    Converters = [typeof(WireIntegerConverter)])]
[JsonSerializable(typeof(BelaySection))]
internal sealed partial class SectionJson : JsonSerializerContext;
