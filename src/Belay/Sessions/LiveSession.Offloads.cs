using Belay.Agents;
using Belay.Tools;
using Belay.Tools.BuiltIn;

namespace Belay.Sessions;

/// <content>Where large results of tools go: decision 0034.</content>
public sealed partial class LiveSession
{
    // What a model could not ask for again is not taken from it.
    private OffloadedResults? OffloadsOf(Invocation invocation, Toolbox toolbox) =>
        toolbox.Find(RetrieveOffloadedContentTool.Name) is not null
            ? new(invocation.OffloadAbove, _sandbox, _conversation, FindResultAsync, _services.Ids, _services.Time)
            : null;

    // Everything before a call that runs is on the disk, so a result that the model was shown is found.
    private async Task<Block.ToolResult?> FindResultAsync(string path, CancellationToken cancellationToken)
    {
        await foreach (var (entry, _) in _journal.ReadBesideAsync(cancellationToken))
        {
            if (entry.Body is ToolOutcome { Offloaded: { } offloaded } outcome && offloaded.Path == path)
            {
                return outcome.Result;
            }
        }

        return null;
    }
}
