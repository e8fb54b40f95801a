using System.Reflection;
using System.Text;
using System.Xml.Linq;
using Belay.Contracts.Validation;

namespace Belay.Server.OpenApi;

/// <summary>What the source says about the contract records, read from the documentation file that the build embeds.</summary>
internal sealed class ContractDocumentation
{
    private const string Resource = "Belay.Contracts.xml";
    private readonly Dictionary<string, string> _summaries;

    private ContractDocumentation(Dictionary<string, string> summaries) => _summaries = summaries;

    /// <summary>Reads the file.</summary>
    public static ContractDocumentation Read()
    {
        using var stream = typeof(ContractDocumentation).Assembly.GetManifestResourceStream(Resource)!;
        var members = XDocument.Load(stream).Root!.Element("members")!.Elements("member");
        return new(members
            .Where(member => member.Element("summary") is not null)
            .ToDictionary(member => (string)member.Attribute("name")!, member => Text(member.Element("summary")!), StringComparer.Ordinal));
    }

    /// <summary>About a record or an enumeration.</summary>
    public string? Of(Type type) => _summaries.GetValueOrDefault($"T:{type.FullName}");

    /// <summary>About a member of a record.</summary>
    public string? Of(Shape shape, Shape.Member member) => _summaries.GetValueOrDefault($"P:{shape.Type.Type.FullName}.{member.Property}");

    /// <summary>About each value of an enumeration, in the order of its wire names.</summary>
    public IEnumerable<string?> OfValues(Type type) =>
        type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => _summaries.GetValueOrDefault($"F:{type.FullName}.{field.Name}"));

    /// <summary>About one value of an enumeration.</summary>
    public string? Of(Enum value) => _summaries.GetValueOrDefault($"F:{value.GetType().FullName}.{value}");

    private static string Text(XElement summary)
    {
        var text = new StringBuilder();
        foreach (var node in summary.Nodes())
        {
            text.Append(node switch
            {
                XElement { Name.LocalName: "see" } see => $"`{Camel((string)see.Attribute("cref")!)}`",
                XElement element => $"`{element.Value}`",
                XText plain => plain.Value,
                _ => "",
            });
        }

        return string.Join(' ', text.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>The wire's name of what a reference names.</summary>
    private static string Camel(string reference)
    {
        var name = reference[(reference.LastIndexOf('.') + 1)..];
        return reference.StartsWith("P:", StringComparison.Ordinal) ? char.ToLowerInvariant(name[0]) + name[1..] : name;
    }
}
