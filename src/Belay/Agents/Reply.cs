using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Sessions;

namespace Belay.Agents;

/// <summary>One model call, over.</summary>
/// <param name="Outcome">What goes into the journal, together with the intents of the calls it asks for.</param>
/// <param name="ContextTooLong">Whether the conversation was too long for the model, so that nothing was said.</param>
/// <param name="Switched">Whether it failed and another model took over, so that nothing was said.</param>
public sealed record Reply(ModelOutcome Outcome, bool ContextTooLong, bool Switched = false)
{
    /// <summary>The calls that the reply asks for; null when it asks for none.</summary>
    public OpenCalls? OpenCalls(IReadOnlyList<HarnessTool> tools, IReadOnlyList<string> allowedTools) =>
        Outcome.StopReason == HarnessStopReason.ToolUse ? new() { Assistant = Outcome.Message!, Tools = tools, AllowedTools = allowedTools } : null;
}
