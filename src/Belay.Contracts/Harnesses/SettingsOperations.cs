using System.Text.Json;
using Belay.Contracts.Validation;

namespace Belay.Contracts.Harnesses;

/// <summary>Input of GetHarnessSettings.</summary>
public sealed record GetHarnessSettingsRequest
{
    /// <summary>The harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    public required string HarnessId { get; init; }

    /// <summary>Version whose settings are meant; the newest when left out.</summary>
    [BoundTo(Place.Query, "harnessVersion")]
    [Bound(Pattern = "[1-9][0-9]{0,4}")]
    public string? HarnessVersion { get; init; }
}

/// <summary>Input of PutHarnessSettings. A document that changes something makes a new version; an equal one makes none.</summary>
public sealed record PutHarnessSettingsRequest
{
    /// <summary>The harness.</summary>
    [BoundTo(Place.Label, "harnessId")]
    public required string HarnessId { get; init; }

    /// <summary>The whole document; it replaces the one before.</summary>
    [Bound(Min = 0, Max = 50)]
    [Bound(Of = Part.Key, Min = 1, Max = 128)]
    public required IReadOnlyDictionary<string, JsonElement> Document { get; init; }
}

/// <summary>Output of GetHarnessSettings and PutHarnessSettings: the settings of a version that no AWS shape can carry.</summary>
public sealed record HarnessSettingsResponse
{
    /// <summary>The harness.</summary>
    public required string HarnessId { get; init; }

    /// <summary>The version.</summary>
    public required string HarnessVersion { get; init; }

    /// <summary>The document.</summary>
    public required IReadOnlyDictionary<string, JsonElement> Document { get; init; }

    /// <summary>Settings from tags with the prefix <c>belay:</c>, as they were when the version was made; the document wins over them.</summary>
    public required IReadOnlyDictionary<string, string> Tags { get; init; }
}
