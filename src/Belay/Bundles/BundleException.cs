namespace Belay.Bundles;

/// <summary>A bundle cannot be read or is not to be trusted; the message says why, and where.</summary>
public sealed class BundleException(string message, Exception? cause = null) : Exception(message, cause);
