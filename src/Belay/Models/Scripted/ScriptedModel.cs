using System.Runtime.CompilerServices;
using Belay.Agents;
using Belay.Contracts.Invocations;

namespace Belay.Models.Scripted;

/// <summary>
/// The built-in model: deterministic, without network, and no language model. It follows scripts and understands a few plain
/// requests, so that everything around a model can be tried and tested without a key.
/// </summary>
internal sealed class ScriptedModel(TimeProvider time, ScriptedAttempts attempts) : IModel
{
    /// <summary>The id that chooses it.</summary>
    public const string Id = "belay/scripted";

    private const int CharactersPerToken = 4;

    /// <inheritdoc/>
    public string Provider => "belay";

    /// <inheritdoc/>
    public string ModelId => Id;

    /// <inheritdoc/>
    public async IAsyncEnumerable<ModelEvent> StreamAsync(ModelRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var turn = ScriptedTurn.Of(request.Messages);
        var limit = request.Parameters.MaxTokens is { } tokens ? (long)tokens * CharactersPerToken : long.MaxValue;
        var (block, written, calls) = (0, 0L, 0);
        var pace = TimeSpan.Zero;
        TokenUsage? usage = null;
        HarnessStopReason? stop = null;
        var full = false;
        foreach (var act in Acts(request, turn))
        {
            cancellationToken.ThrowIfCancellationRequested();
            switch (act)
            {
                case ScriptedAct.Delay delay:
                    await Task.Delay(delay.Time, time, cancellationToken);
                    continue;
                case ScriptedAct.Pace slower:
                    pace = slower.Time;
                    continue;
                case ScriptedAct.Usage given:
                    usage = new TokenUsage(given.Input, given.Output);
                    continue;
                case ScriptedAct.Stop given:
                    stop = given.Reason;
                    continue;
                case ScriptedAct.Fail fail:
                    if (fail.Times is not { } times || attempts.ShouldFail(Parts(request), times))
                    {
                        throw new ModelException(fail.Failure, $"{Id}: {fail.Failure}, as the script says");
                    }

                    continue;
                default:
                    break;
            }

            var wrote = false;
            foreach (var one in Deltas(act, block, turn))
            {
                var length = Length(one);
                if (written + length > limit)
                {
                    full = true;
                    break;
                }

                if (pace > TimeSpan.Zero)
                {
                    await Task.Delay(pace, time, cancellationToken);
                }

                cancellationToken.ThrowIfCancellationRequested();
                wrote = true;
                written += length;
                calls += one is ModelEvent.ToolOpened ? 1 : 0;
                yield return one;
            }

            if (wrote)
            {
                yield return new ModelEvent.BlockClosed(block++);
            }

            if (full)
            {
                stop = HarnessStopReason.MaxTokens;
                break;
            }
        }

        yield return new ModelEvent.Usage(usage ?? new TokenUsage(Tokens(Parts(request).Sum(part => (long)part.Length)), Tokens(written)));
        yield return new ModelEvent.Stopped(stop ?? (calls > 0 ? HarnessStopReason.ToolUse : HarnessStopReason.EndTurn));
    }

    private static IReadOnlyList<ScriptedAct> Acts(ModelRequest request, ScriptedTurn turn)
    {
        if (!Script.IsScript(turn.Text))
        {
            return PlainRequest.Reply(turn, request.Tools);
        }

        var script = Script.Parse(turn.Text);
        return script.Problem is { } problem ? [new ScriptedAct.Say(problem)]
            : turn.Replies < script.Replies.Count ? script.Replies[turn.Replies]
            : [new ScriptedAct.Say("The script is over.")];
    }

    private static IEnumerable<ModelEvent> Deltas(ScriptedAct act, int block, ScriptedTurn turn) => act switch
    {
        ScriptedAct.Say say => Pieces(say.Text).Select(piece => new ModelEvent.Text(block, piece)),
        ScriptedAct.Think think => Pieces(think.Text).Select(piece => new ModelEvent.Reasoning(block, piece)),
        ScriptedAct.Quote => Pieces(string.Join('\n', turn.Latest.Select(ScriptedTurn.Show))).Select(piece => new ModelEvent.Text(block, piece)),
        // Four characters each, so that counting agrees.
        ScriptedAct.Tokens tokens => Enumerable.Range(0, tokens.Count).Select(_ => new ModelEvent.Text(block, "tok ")),
        ScriptedAct.Call call =>
            Pieces(call.Input).Select(ModelEvent (piece) => new ModelEvent.ToolInput(block, piece)).Prepend(new ModelEvent.ToolOpened(block, call.Id, call.Tool)),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    /// <summary>Small pieces that end behind a space where they can, and never inside a character.</summary>
    private static IEnumerable<string> Pieces(string text)
    {
        const int Short = 4;
        const int Long = 16;
        var start = 0;
        while (start < text.Length)
        {
            var end = Math.Min(start + Short, text.Length);
            while (end < text.Length && end - start < Long && !char.IsWhiteSpace(text[end - 1]))
            {
                end++;
            }

            if (end < text.Length && char.IsHighSurrogate(text[end - 1]))
            {
                end++;
            }

            yield return text[start..end];
            start = end;
        }
    }

    private static int Length(ModelEvent one) => one switch
    {
        ModelEvent.Text text => text.Value.Length,
        ModelEvent.Reasoning reasoning => reasoning.Value.Length,
        ModelEvent.ToolInput input => input.Fragment.Length,
        ModelEvent.ToolOpened opened => opened.Name.Length,
        _ => 0,
    };

    private static int Tokens(long characters) => (int)Math.Min(int.MaxValue, (characters + CharactersPerToken - 1) / CharactersPerToken);

    /// <summary>Everything that the model reads, as text.</summary>
    private static IEnumerable<string> Parts(ModelRequest request) => request.System
        .Concat(request.Tools.Select(tool => tool.Name + tool.Description + tool.InputSchema.GetRawText()))
        .Concat(request.Messages.SelectMany(message => message.Blocks).Select(block => block switch
        {
            Block.Text text => text.Value,
            Block.Reasoning reasoning => reasoning.Value,
            Block.ToolUse call => call.Name + call.Input.GetRawText(),
            Block.ToolResult result => RequestJson.Flatten(result),
            _ => "",
        }));
}
