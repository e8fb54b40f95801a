namespace Belay.Cli.Client;

/// <summary>Which server a verb talks to, and as whom.</summary>
/// <param name="Control">Base URL of the control plane.</param>
/// <param name="Data">Base URL of the data plane; the same server in all but unusual set-ups.</param>
/// <param name="Key">The access key that signs.</param>
/// <param name="Region">Region of the signature.</param>
/// <param name="Account">Account that default ARNs name.</param>
internal sealed record Connection(Uri Control, Uri Data, SigningKey Key, string Region, string Account);

/// <summary>An access key with its secret.</summary>
internal sealed record SigningKey(string AccessKeyId, string Secret)
{
    /// <summary>Shows no secret.</summary>
    public override string ToString() => AccessKeyId;
}
