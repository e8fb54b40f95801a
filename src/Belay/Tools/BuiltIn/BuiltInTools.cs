namespace Belay.Tools.BuiltIn;

/// <summary>The tools that sessions have without an entry for them; the last one only where results are offloaded. Others join the list under names of
/// their own.</summary>
public static class BuiltInTools
{
    /// <summary>The tools, in the order in which the model sees them.</summary>
    public static IReadOnlyList<ITool> All { get; } = [new ShellTool(), new FileOperationsTool(), new RetrieveOffloadedContentTool()];
}
