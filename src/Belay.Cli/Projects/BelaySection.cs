using System.Text.Json.Nodes;
using Belay.Contracts;
using Belay.Contracts.Validation;

namespace Belay.Cli.Projects;

/// <summary>The <c>belay</c> section of a project: settings of ours that no shape of the API can carry.</summary>
internal static class BelaySection
{
    /// <summary>What the member <c>overridable</c> may name: everything that an invocation brings beside its messages.</summary>
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

        return (JsonObject?)reader.Read(Shape.Of(BelayJson.Default.KnownSettings), node);
    }
}
