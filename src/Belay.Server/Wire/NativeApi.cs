namespace Belay.Server.Wire;

/// <summary>Where the native API is. No route of the AWS wire begins like it.</summary>
public static class NativeApi
{
    /// <summary>What every path of it begins with.</summary>
    public const string Root = "/belay/v1";

    /// <summary>Whether a request's path is one of it, served or not.</summary>
    public static bool Covers(RequestTarget target) => Covers(target.RawPath);

    /// <summary>Whether a path, or the template of one, is one of it.</summary>
    public static bool Covers(string path) => path == Root || path.StartsWith(Root + "/", StringComparison.Ordinal);
}
