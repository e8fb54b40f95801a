namespace Belay.Bundles;

/// <summary>What the operator decides about sessions as files.</summary>
public sealed record BundleSettings
{
    /// <summary>MiB of the largest bundle that is imported. While it is read it is held in memory, some times over, but for its files; one is read at a time.</summary>
    public int MaxImportMiB { get; init; } = 256;

    /// <summary>MiB of the largest archive of files in a bundle, compressed, when it is made and when it is imported.</summary>
    public int MaxFilesMiB { get; init; } = 128;

    /// <summary><see cref="MaxImportMiB"/> in bytes.</summary>
    public long MaxImportBytes => MaxImportMiB * 1024L * 1024;

    /// <summary><see cref="MaxFilesMiB"/> in bytes.</summary>
    public long MaxFileBytes => MaxFilesMiB * 1024L * 1024;
}
