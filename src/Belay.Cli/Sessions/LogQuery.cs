using Belay.Cli.CommandLine;

namespace Belay.Cli.Sessions;

/// <summary>Which lines are wanted.</summary>
internal sealed record LogQuery
{
    /// <summary>Only of this harness.</summary>
    public string? HarnessId { get; init; }

    /// <summary>Only of this session.</summary>
    public string? SessionId { get; init; }

    /// <summary>Only at or after.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Only before.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Only of this level or a graver one.</summary>
    public string? Level { get; init; }

    /// <summary>Only with this text.</summary>
    public string? Text { get; init; }

    /// <summary>Parameters of ReadLogs.</summary>
    public IReadOnlyList<(string Name, string? Value)> Parameters =>
    [
        ("harnessId", HarnessId),
        ("sessionId", SessionId),
        ("since", Since is { } since ? MomentOption.Wire(since) : null),
        ("until", Until is { } until ? MomentOption.Wire(until) : null),
        ("level", Level),
        ("query", Text),
    ];
}
