using Belay.Agents;
using Belay.Contracts.Faults;

namespace Belay.Sessions;

/// <summary>Step 4, decided without effects: what the client sent, after the clean-up rules; what it answers; what nobody answered.</summary>
internal static class Acceptance
{
    /// <summary>The entries, and the invocation with the tools that hold for it. Throws when what it answers was not asked.</summary>
    /// <param name="invocation">What was asked for.</param>
    /// <param name="open">The calls that the conversation waits for; null when there are none.</param>
    public static (IReadOnlyList<EntryBody> Entries, Invocation Accepted) Of(Invocation invocation, OpenCalls? open)
    {
        if (History.AnswerProblems(invocation.Sent, open).ToList() is { Count: > 0 } problems)
        {
            throw ServiceException.Invalid(problems);
        }

        var messages = History.CleanUp(History.FromWire(invocation.Sent));
        var resume = open is null ? null : Resumption.Match(open, messages);
        if (resume is null)
        {
            var started = Started(invocation, History.Whole(messages));
            return open is null ? ([started], invocation) : ([History.Repair(open, History.Interrupted, "The request did not answer the pending calls."), started], invocation);
        }

        // What follows the answers is made whole like any request; the answered message itself is whole through the fold.
        var head = messages.Take(messages.Count - resume.After.Count);
        var accepted = invocation with
        {
            Tools = invocation.ToolsGiven ? invocation.Tools : open!.Tools,
            AllowedTools = invocation.AllowedToolsGiven ? invocation.AllowedTools : open!.AllowedTools,
        };
        var answered = resume.Answers.Select(answer => answer.ToolUseId).ToHashSet(StringComparer.Ordinal);
        var outcomes = resume.Answers
            .Concat(open!.Unanswered.Where(call => open.Offered.Contains(call.Id) && !answered.Contains(call.Id)).Select(call => History.Error(call.Id, History.Interrupted)))
            .Select(EntryBody (result) => new ToolOutcome(invocation.Id, result, 0, open.Calls.FirstOrDefault(call => call.Id == result.ToolUseId)?.Name));
        return ([Started(accepted, [.. head, .. History.Whole(resume.After)]), .. outcomes], accepted);
    }

    private static InvocationStarted Started(Invocation invocation, IReadOnlyList<Message> messages) =>
        new(invocation.Id, invocation.Endpoint, invocation.Harness.HarnessVersion ?? string.Empty, messages, invocation.Tools, invocation.AllowedTools, invocation.Limits, invocation.Trace.TraceId)
        {
            Detached = invocation.Detached,
            Model = invocation.GivenModel,
            System = invocation.SystemGiven ? invocation.System : null,
            OffloadAbove = invocation.OffloadAbove,
        };
}
