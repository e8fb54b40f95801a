using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;

namespace Belay.Agents;

/// <summary>Assembles what a model call is shown, and makes it smaller when the model says that it is too long.</summary>
public sealed class ContextReduction(ModelTurn turn)
{
    private const string SummaryInstructions =
        "You condense conversations between a person and an agent so that the agent can go on from your notes alone. Write short bullet "
        + "points: what the person wants; decisions and facts that still matter, with exact names, paths, numbers and errors; what was "
        + "done with tools and what came of it; what is left to do. Do not answer the conversation and do not address anyone.";

    private const string SummaryRequest = "Condense the conversation above into notes.";

    /// <summary>The request of the next model call.</summary>
    /// <param name="run">The invocation.</param>
    /// <param name="steers">Messages that steer it and are taken with this call.</param>
    public static ModelRequest Assemble(InvocationRun run, IReadOnlyList<Steered> steers) => new()
    {
        System = run.Invocation.System,
        // A copy: the conversation goes on while a slow provider may still be reading.
        Messages = [.. History.ForModel(ContextWindow.View(With(run.Conversation.Context, steers), run.Invocation.Truncation))],
        Tools = run.Toolbox.Specs,
        Parameters = run.Model.Parameters,
        Written = run.Written,
        Trace = run.Invocation.Trace,
        Baggage = run.Invocation.Baggage,
    };

    /// <summary>Shortens the conversation by one step; false when its strategy knows none.</summary>
    public async Task<bool> ReduceAsync(InvocationRun run, CancellationToken cancellationToken)
    {
        var reduced = run.Invocation.Truncation.Strategy switch
        {
            HarnessTruncationStrategy.SlidingWindow => ContextWindow.Shrink(ContextWindow.View(run.Conversation.Context, run.Invocation.Truncation)),
            HarnessTruncationStrategy.Summarization => await SummarizeAsync(run, cancellationToken),
            _ => null,
        };
        if (reduced is not { } smaller)
        {
            return false;
        }

        await run.AppendAsync(Durability.Queued, new ContextReduced(run.Invocation.Id, smaller.Messages, smaller.Reason));
        return true;
    }

    private async Task<(IReadOnlyList<Message> Messages, string Reason)?> SummarizeAsync(InvocationRun run, CancellationToken cancellationToken)
    {
        var configuration = run.Invocation.Truncation.Config?.Summarization;
        var messages = run.Conversation.Context;
        if (ContextWindow.SummaryLength(messages, configuration) is not { } length)
        {
            return null;
        }

        // A summary that stands alone cannot be summarised further, and a model that has just failed to is not asked again: neither would ever end.
        if (run.Conversation.SummaryFailed || (length == 1 && ReferenceEquals(messages[0], run.Conversation.Reduced)))
        {
            return WithoutSummary(messages);
        }

        var request = new ModelRequest
        {
            System = [configuration?.SummarizationSystemPrompt ?? SummaryInstructions],
            Messages = [.. ContextWindow.AsText(History.ForModel([.. messages.Take(length)])), Say(SummaryRequest)],
            Tools = [],
            Parameters = run.Model.Parameters,
            Trace = run.Invocation.Trace,
            Baggage = run.Invocation.Baggage,
        };
        return await turn.AskAsync(run, request, cancellationToken) is { } summary
            ? ([Say(summary), .. messages.Skip(length)], $"The oldest {length} messages were replaced by a summary.")
            : WithoutSummary(messages);
    }

    // What the sliding window would do: less is kept than a summary keeps, and the run goes on.
    private static (IReadOnlyList<Message> Messages, string Reason)? WithoutSummary(IReadOnlyList<Message> messages) =>
        ContextWindow.Shrink(messages) is var (kept, reason) ? (kept, $"There is no summary. {reason}") : null;

    private static IReadOnlyList<Message> With(IReadOnlyList<Message> context, IReadOnlyList<Steered> steers) =>
        steers.Count == 0 ? context : [.. context, .. steers.Select(steer => steer.Message)];

    private static Message Say(string text) => new(HarnessConversationRole.User, [new Block.Text(text)]);
}
