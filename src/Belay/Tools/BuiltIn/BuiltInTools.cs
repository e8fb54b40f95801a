namespace Belay.Tools.BuiltIn;

/// <summary>The tools that every session has without asking for them. Others join the list under names of their own.</summary>
public static class BuiltInTools
{
    /// <summary>The tools, in the order in which the model sees them.</summary>
    public static IReadOnlyList<ITool> All { get; } = [new ShellTool(), new FileOperationsTool()];
}
