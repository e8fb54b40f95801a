namespace Belay.Identity;

/// <summary>Which secrets of the operator's credential providers may name. None by default.</summary>
public sealed record ExternalSecretSettings
{
    /// <summary>Names of the environment variables that may be read.</summary>
    public IReadOnlyList<string> VariableNames { get; init; } = [];

    /// <summary>Values of those variables that are set, by name.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; init; } = new Dictionary<string, string>();

    /// <summary>Directory whose files may be read; null for none.</summary>
    public string? Directory { get; init; }

    /// <summary>Shows no value.</summary>
    public override string ToString() => $"ExternalSecretSettings {string.Join(", ", VariableNames)}";

    /// <summary>Everything wrong with these settings, in the operator's words.</summary>
    public IEnumerable<string> Problems()
    {
        if (Directory is not null && !System.IO.Directory.Exists(Directory))
        {
            yield return $"The directory of secrets {Directory} (Identity:SecretDirectory) does not exist.";
        }
    }
}
