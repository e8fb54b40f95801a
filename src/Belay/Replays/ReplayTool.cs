using System.Text.Json;
using Belay.Contracts.Invocations;
using Belay.Sessions;
using Belay.Tools;

namespace Belay.Replays;

/// <summary>A tool that runs nothing: it answers what the recording says of its call.</summary>
internal sealed class ReplayTool(ReplayLife life, ToolSpec spec) : ITool
{
    private static readonly JsonElement AnySchema = JsonElement.Parse("{}");

    public ToolSpec Spec => spec;

    public async Task<ToolResult> RunAsync(ToolCall call, ToolContext context, CancellationToken cancellationToken) =>
        await life.RunAsync(call.ToolUseId) is { Result: var result } outcome
            ? new(result.Status, result.Content, result.Metadata) { Took = TimeSpan.FromMilliseconds(outcome.DurationMs), Offloaded = outcome.Offloaded }
            : ToolResult.Error("No result is recorded for this call.");

    /// <summary>Every tool that may be called: those of this build, and those that ran and that it does not have.</summary>
    public static IReadOnlyList<ITool> All(ReplayLife life, IReadOnlyList<ITool> builtIns, IEnumerable<EntryBody> recorded)
    {
        var specs = builtIns.Select(tool => tool.Spec).ToList();
        var known = specs.Select(spec => spec.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var ran in recorded.OfType<ToolIntent>().Where(intent => intent.Verdict == "run"))
        {
            if (known.Add(ran.Tool))
            {
                specs.Add(new() { Name = ran.Tool, Description = "", InputSchema = AnySchema, Server = ran.Server, Kind = HarnessToolUseType.ToolUse });
            }
        }

        return [.. specs.Select(ITool (spec) => new ReplayTool(life, spec))];
    }
}
