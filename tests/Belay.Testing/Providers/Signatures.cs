using System.Text;

namespace Belay.Testing.Providers;

/// <summary>What scripted providers sign their reasoning with, and accept from nobody else.</summary>
internal static class Signatures
{
    /// <summary>The signature of a model; those of one family read each other's.</summary>
    public static string Of(WireFormat format, string modelId) => Convert.ToBase64String(Encoding.UTF8.GetBytes("signed by " + Family(format, modelId)));

    private static string Family(WireFormat format, string modelId) =>
        format is WireFormat.Messages or WireFormat.Converse && modelId.Contains("claude", StringComparison.Ordinal) ? "claude" : $"{format} {modelId}";
}
