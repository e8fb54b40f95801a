using System.Text.Json.Serialization;

namespace Belay.Contracts.Doctor;

/// <summary>Output of Examine: what this server is, what it guarantees, and what is wrong with it.</summary>
public sealed record ExamineResponse
{
    /// <summary>Version of the server.</summary>
    public required string Version { get; init; }

    /// <summary>When it started.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>The caller's account.</summary>
    public required string Account { get; init; }

    /// <summary>Driver of sandboxes, with its label and its limits.</summary>
    public required string Sandbox { get; init; }

    /// <summary>Sessions in memory now.</summary>
    public required int OpenSessions { get; init; }

    /// <summary>What was looked at.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }
}

/// <summary>One thing that was looked at.</summary>
public sealed record Finding
{
    /// <summary>What, such as <c>store</c> or <c>sandbox</c>.</summary>
    public required string Name { get; init; }

    /// <summary>How it is.</summary>
    public required FindingStatus Status { get; init; }

    /// <summary>What was found, in words; when something is wrong, what to do.</summary>
    public required string Message { get; init; }
}

/// <summary>How a thing is.</summary>
[JsonConverter(typeof(WireEnumConverter<FindingStatus>))]
public enum FindingStatus
{
    /// <summary>As it should be.</summary>
    [JsonStringEnumMemberName("ok")]
    Ok,

    /// <summary>Works, but someone should know.</summary>
    [JsonStringEnumMemberName("warning")]
    Warning,

    /// <summary>Does not work.</summary>
    [JsonStringEnumMemberName("failed")]
    Failed,
}
