using System.Text.Json;

namespace Belay.Tools.Schemas;

/// <summary>Where JSON Schema keeps schemas inside schemas, in the drafts that tools are written in. Everything else in a schema is data.</summary>
internal static class SchemaKeywords
{
    /// <summary>Schemas below this many others are left as they are; what enters is never that deep.</summary>
    public const int MaxDepth = 64;

    /// <summary>What a keyword's value holds.</summary>
    public static SchemaHolder HolderOf(string keyword) => keyword switch
    {
        "properties" or "patternProperties" or "$defs" or "definitions" or "dependentSchemas" => SchemaHolder.Named,
        "allOf" or "anyOf" or "oneOf" or "prefixItems" => SchemaHolder.List,
        "items" => SchemaHolder.OneOrList,
        "additionalProperties" or "additionalItems" or "contains" or "propertyNames" or "not" or "if" or "then" or "else"
            or "unevaluatedItems" or "unevaluatedProperties" => SchemaHolder.One,
        _ => SchemaHolder.None,
    };

    /// <summary>The schemas that a keyword of a schema holds, with the step that leads to each of them. What has another form is passed over.</summary>
    public static IEnumerable<(string Step, JsonElement Schema)> Within(JsonProperty keyword)
    {
        var holder = HolderOf(keyword.Name);
        switch (keyword.Value.ValueKind)
        {
            case JsonValueKind.Object when holder is SchemaHolder.Named:
                foreach (var member in keyword.Value.EnumerateObject())
                {
                    yield return (member.Name, member.Value);
                }

                break;
            case JsonValueKind.Array when holder is SchemaHolder.List or SchemaHolder.OneOrList:
                for (var i = 0; i < keyword.Value.GetArrayLength(); i++)
                {
                    yield return (i.ToString(System.Globalization.CultureInfo.InvariantCulture), keyword.Value[i]);
                }

                break;
            case JsonValueKind.Object when holder is SchemaHolder.One or SchemaHolder.OneOrList:
                yield return ("", keyword.Value);
                break;
            default:
                break;
        }
    }
}

/// <summary>How a keyword holds schemas.</summary>
internal enum SchemaHolder
{
    /// <summary>Not at all: its value is data.</summary>
    None,

    /// <summary>Its value is one.</summary>
    One,

    /// <summary>Its value is a list of them.</summary>
    List,

    /// <summary>Its value is one or, in older drafts, a list of them.</summary>
    OneOrList,

    /// <summary>Its value has a member for each.</summary>
    Named,
}
