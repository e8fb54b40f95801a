using Belay.Agents;
using Belay.Contracts.Harnesses;
using Belay.Tools.BuiltIn;

namespace Belay.Tools;

/// <summary>The tools in force for one invocation, in the order in which the model sees them, and the verdict on each call.</summary>
public sealed class Toolbox
{
    private readonly Dictionary<string, ITool> _byName;

    private Toolbox(List<ITool> tools)
    {
        _byName = tools.ToDictionary(tool => tool.Spec.Name, StringComparer.Ordinal);
        Specs = [.. tools.Select(tool => tool.Spec)];
    }

    /// <summary>What the model is told, built-ins first and then entries in list order: stable, for the provider's cache.</summary>
    public IReadOnlyList<ToolSpec> Specs { get; }

    /// <summary>Built-ins and inline functions, without those that the patterns leave out.</summary>
    /// <param name="builtIns">Built-ins.</param>
    /// <param name="entries">Tool entries.</param>
    /// <param name="allowedTools">Patterns.</param>
    /// <param name="offloads">Whether large results are shown in part; the built-in that reads them is there only then.</param>
    public static Toolbox For(IReadOnlyList<ITool> builtIns, IReadOnlyList<HarnessTool> entries, IReadOnlyList<string> allowedTools, bool offloads = false)
    {
        var allowed = new AllowedTools(allowedTools);
        var inline = entries
            .Where(entry => entry.Config?.InlineFunction is not null)
            .Select(ITool (entry) => new InlineFunction(entry.Name!, entry.Config!.InlineFunction!));
        var offered = builtIns.Where(tool => offloads || tool.Spec.Name != RetrieveOffloadedContentTool.Name);
        return new([.. offered.Concat(inline).Where(tool => allowed.Permits(tool.Spec.Server, tool.Spec.Name))]);
    }

    /// <summary>How the model knows a tool; null when there is none of that name in force.</summary>
    public ToolSpec? Find(string name) => _byName.GetValueOrDefault(name)?.Spec;

    /// <summary>What the tool of a call says about running it again when nobody knows how it ended.</summary>
    public ToolRecovery RecoveryOf(Block.ToolUse call) => _byName.TryGetValue(call.Name, out var tool) ? tool.RecoveryOf(call.Input) : ToolRecovery.Unknown;

    /// <summary>Decides about one call. A tool that is not allowed is answered like one that does not exist.</summary>
    public ToolVerdict Judge(Block.ToolUse call)
    {
        if (call.Name == ReplyFold.InvalidToolName)
        {
            return new ToolVerdict.Deny("Error: the tool's name is invalid: it must be 1 to 64 letters, digits, '_' or '-'.");
        }

        if (!_byName.TryGetValue(call.Name, out var tool))
        {
            return new ToolVerdict.Deny($"Unknown tool: {call.Name}");
        }

        if (call.RawInput is not null)
        {
            return new ToolVerdict.Deny($"Error: the arguments of {call.Name} {ToolArguments.Problem(call.RawInput)}. The tool did not run.");
        }

        return tool.Spec.HandedToClient ? new ToolVerdict.HandToClient(tool.Spec) : new ToolVerdict.Run(tool);
    }
}
