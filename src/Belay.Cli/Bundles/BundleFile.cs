using Belay.Bundles;

namespace Belay.Cli.Bundles;

/// <summary>Bundles on this machine, read without server or key.</summary>
internal static class BundleFile
{
    /// <summary>Reads a bundle and checks every line, its digest and the signature.</summary>
    /// <param name="path">The file.</param>
    /// <param name="trust">Fingerprint that must have signed it; null for any.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="BundleException">It is no bundle, is damaged, or another key signed it.</exception>
    public static async Task<SessionBundle> ReadAsync(string path, string? trust, CancellationToken cancellationToken)
    {
        await using var input = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 64 * 1024, FileOptions.Asynchronous | FileOptions.SequentialScan);
        return await new BundleReader(new()).ReadAsync(input, trust, cancellationToken);
    }
}
