using System.Collections.Frozen;
using System.Text.Json;

namespace Belay.Tools.Schemas;

/// <summary>
/// Words for types. JSON Schema has seven; declarations that were made from Python functions use Python's, and some write JSON Schema's in
/// capitals. They mean the same, and providers refuse all but the seven.
/// </summary>
internal static class TypeWords
{
    /// <summary>Python's word for a value of any type: no type at all.</summary>
    public const string Any = "";

    private static readonly FrozenDictionary<string, string> Words = new Dictionary<string, string>
    {
        ["object"] = "object",
        ["dict"] = "object",
        ["array"] = "array",
        ["list"] = "array",
        ["tuple"] = "array",
        ["set"] = "array",
        ["string"] = "string",
        ["str"] = "string",
        ["integer"] = "integer",
        ["int"] = "integer",
        ["number"] = "number",
        ["float"] = "number",
        ["boolean"] = "boolean",
        ["bool"] = "boolean",
        ["null"] = "null",
        ["none"] = "null",
        ["NoneType"] = "null",
        ["any"] = Any,
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>JSON Schema's own, for messages.</summary>
    public static string Known { get; } = "object, array, string, integer, number, boolean or null";

    /// <summary>JSON Schema's word for a word; <see cref="Any"/> where that is to say nothing; null when it is none.</summary>
    public static string? Find(JsonElement word) => word.ValueKind is JsonValueKind.String ? Words.GetValueOrDefault(word.GetString()!) : null;

    /// <summary>Whether a word is one of JSON Schema's already.</summary>
    public static bool IsPlain(JsonElement word) => Find(word) is { Length: > 0 } plain && word.ValueEquals(plain);

    /// <summary>Whether a <c>type</c> says that a value is an object, in whichever words.</summary>
    public static bool IsObject(JsonElement type) => Find(type) == "object";
}
