using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Belay.Contracts.Validation;

/// <summary>What kind of JSON a contract type is written as.</summary>
public enum ShapeKind
{
    /// <summary>Any JSON value.</summary>
    Document,

    /// <summary>A string.</summary>
    Text,

    /// <summary>A string out of a closed set.</summary>
    Enumeration,

    /// <summary>Base64.</summary>
    Bytes,

    /// <summary>ISO 8601.</summary>
    Time,

    /// <summary>An integer of 32 bits.</summary>
    Whole,

    /// <summary>An integer of 64 bits.</summary>
    WholeLong,

    /// <summary>A number.</summary>
    Real,

    /// <summary>true or false.</summary>
    Truth,

    /// <summary>An array.</summary>
    List,

    /// <summary>An object with free names.</summary>
    Map,

    /// <summary>An object with known members.</summary>
    Structure,
}

/// <summary>
/// A contract type as the wire sees it. Read once from the serialiser's own metadata, so that what is validated is what is
/// deserialised, and no reflection is needed that trimming would break.
/// </summary>
public sealed class Shape
{
    private static readonly ConcurrentDictionary<JsonTypeInfo, Shape> Known = new();
    private readonly Lazy<Shape?> _item;
    private readonly Lazy<Member[]> _members;

    private Shape(JsonTypeInfo type)
    {
        Type = type;
        Kind = KindOf(type);
        IsUnion = type.Type.IsDefined(typeof(UnionAttribute), inherit: false);
        Names = type.Converter is IWireNames set ? set.Names
            : Kind != ShapeKind.Enumeration ? []
            : throw new NotSupportedException($"{type.Type} needs a {typeof(WireEnumConverter<>).Name} to have names on the wire.");
        _item = new(() => Kind is ShapeKind.List or ShapeKind.Map ? Of(type.Options.GetTypeInfo(type.ElementType!)) : null);
        _members = new(() => [.. type.Properties.Select((property, index) => new Member(property, index))]);
    }

    /// <summary>The type.</summary>
    public JsonTypeInfo Type { get; }

    /// <summary>Its JSON form.</summary>
    public ShapeKind Kind { get; }

    /// <summary>Whether exactly one member must be set.</summary>
    public bool IsUnion { get; }

    /// <summary>Values of an enumeration.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Shape of the items of a list or the values of a map.</summary>
    public Shape? Item => _item.Value;

    /// <summary>Members of a structure.</summary>
    public IReadOnlyList<Member> Members => _members.Value;

    /// <summary>The shape of a type.</summary>
    public static Shape Of(JsonTypeInfo type)
    {
        var plain = Nullable.GetUnderlyingType(type.Type) is { } underlying ? type.Options.GetTypeInfo(underlying) : type;
        return Known.GetOrAdd(plain, static key => new Shape(key));
    }

    /// <summary>The member that a property sets; null when nobody knows it.</summary>
    public Member? Find(JsonProperty property)
    {
        // Structures have few members, and names are compared as they arrived: no text is made for the ordinary case.
        var raw = JsonMarshal.GetRawUtf8PropertyName(property);
        var escaped = raw.Contains((byte)'\\');
        foreach (var member in _members.Value)
        {
            if (escaped ? property.NameEquals(member.Name) : raw.SequenceEqual(member.Utf8Name))
            {
                return member;
            }
        }

        return null;
    }

    private static ShapeKind KindOf(JsonTypeInfo type) => type switch
    {
        { Kind: JsonTypeInfoKind.Object } => ShapeKind.Structure,
        { Kind: JsonTypeInfoKind.Enumerable } => ShapeKind.List,
        { Kind: JsonTypeInfoKind.Dictionary } => ShapeKind.Map,
        { Type.IsEnum: true } => ShapeKind.Enumeration,
        _ when type.Type == typeof(string) => ShapeKind.Text,
        _ when type.Type == typeof(JsonElement) => ShapeKind.Document,
        _ when type.Type == typeof(byte[]) => ShapeKind.Bytes,
        _ when type.Type == typeof(DateTimeOffset) => ShapeKind.Time,
        _ when type.Type == typeof(int) => ShapeKind.Whole,
        _ when type.Type == typeof(long) => ShapeKind.WholeLong,
        _ when type.Type == typeof(double) || type.Type == typeof(float) || type.Type == typeof(decimal) => ShapeKind.Real,
        _ when type.Type == typeof(bool) => ShapeKind.Truth,
        _ => throw new NotSupportedException($"{type.Type} is no type of the wire."),
    };

    /// <summary>One member of a structure.</summary>
    public sealed class Member
    {
        private readonly Lazy<Shape> _shape;

        internal Member(JsonPropertyInfo property, int index)
        {
            Name = property.Name;
            Property = (property.AttributeProvider as MemberInfo)?.Name;
            Utf8Name = Encoding.UTF8.GetBytes(Name);
            Index = index;
            Required = property.IsRequired;
            _shape = new(() => Of(property.Options.GetTypeInfo(property.PropertyType)));
            var attributes = property.AttributeProvider?.GetCustomAttributes(inherit: true) ?? [];
            BoundTo = attributes.OfType<BoundToAttribute>().SingleOrDefault();
            Bounds = [.. attributes.OfType<BoundAttribute>()];
            Sensitive = attributes.OfType<SensitiveAttribute>().Any();
        }

        /// <summary>JSON name.</summary>
        public string Name { get; }

        /// <summary>Name of the record's property, by which its documentation is found.</summary>
        public string? Property { get; }

        /// <summary>Position among the structure's members.</summary>
        public int Index { get; }

        /// <summary>Whether it must be there.</summary>
        public bool Required { get; }

        /// <summary>Where it travels; null in the body.</summary>
        public BoundToAttribute? BoundTo { get; }

        /// <summary>Its limits.</summary>
        public IReadOnlyList<BoundAttribute> Bounds { get; }

        /// <summary>Whether its value may not be shown.</summary>
        public bool Sensitive { get; }

        internal byte[] Utf8Name { get; }

        /// <summary>Its type.</summary>
        public Shape Shape => _shape.Value;
    }
}
