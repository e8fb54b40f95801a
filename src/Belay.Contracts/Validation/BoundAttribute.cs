namespace Belay.Contracts.Validation;

/// <summary>Which part of a member a <see cref="BoundAttribute"/> limits.</summary>
public enum Part
{
    /// <summary>The member itself: characters of a string, items of a list, entries of a map, or a number's value.</summary>
    Self,

    /// <summary>Each item of a list, or each value of a map.</summary>
    Item,

    /// <summary>Each key of a map.</summary>
    Key,
}

/// <summary>
/// The limits that the published service model sets on a member. They are checked on every request, all at once, and
/// compared with the model by a test, so that the records and the model cannot drift apart.
/// </summary>
[AttributeUsage(AttributeTargets.Property, AllowMultiple = true)]
public sealed class BoundAttribute : Attribute
{
    /// <summary>What is limited.</summary>
    public Part Of { get; init; } = Part.Self;

    /// <summary>Smallest length, count or value; NaN when there is none.</summary>
    public double Min { get; init; } = double.NaN;

    /// <summary>Largest length, count or value; NaN when there is none.</summary>
    public double Max { get; init; } = double.NaN;

    /// <summary>Regular expression that the whole text must match.</summary>
    public string? Pattern { get; init; }
}

/// <summary>Marks a record of which exactly one member must be set; the set member is its kind.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class UnionAttribute : Attribute;

/// <summary>Marks a member whose value must not appear in logs or traces.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SensitiveAttribute : Attribute;

/// <summary>Says that a member travels outside the body.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class BoundToAttribute(Place place, string name) : Attribute
{
    /// <summary>Where the member travels.</summary>
    public Place Place { get; } = place;

    /// <summary>Name of the label, query key or header; of a payload, the member.</summary>
    public string Name { get; } = name;
}

/// <summary>Where a member of a request or response travels.</summary>
public enum Place
{
    /// <summary>A segment of the path.</summary>
    Label,

    /// <summary>The query string.</summary>
    Query,

    /// <summary>An HTTP header.</summary>
    Header,

    /// <summary>The HTTP status line.</summary>
    StatusCode,

    /// <summary>The whole body; the members without a place of their own do not travel then.</summary>
    Payload,
}
