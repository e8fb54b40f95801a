namespace Belay.Tools;

/// <summary>What may be done about a tool call whose run began and whose end a crash took. The set is closed.</summary>
public enum ToolRecovery
{
    /// <summary>It may have had its effect, and a second run may have it twice: it is not run again, and the model is told.</summary>
    Unknown,

    /// <summary>A second run with the same key, the call's id, has no effect beyond the first's: it is run again.</summary>
    Idempotent,

    /// <summary>It has no effect at all: it is run again.</summary>
    Pure,
}

/// <summary>The words of <see cref="ToolRecovery"/> in settings.</summary>
public static class ToolRecoveries
{
    /// <summary>Every word, in the order of what may be done.</summary>
    public static IReadOnlyList<string> Words { get; } = ["unknown", "idempotent", "pure"];

    /// <summary>The class of a word; null when there is none.</summary>
    public static ToolRecovery? Parse(string? word) => word switch
    {
        "unknown" => ToolRecovery.Unknown,
        "idempotent" => ToolRecovery.Idempotent,
        "pure" => ToolRecovery.Pure,
        _ => null,
    };
}
