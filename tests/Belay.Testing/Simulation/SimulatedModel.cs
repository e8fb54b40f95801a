using System.Text.RegularExpressions;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Testing.Models;
using Belay.Tools.BuiltIn;

namespace Belay.Testing.Simulation;

/// <summary>
/// Answers by chance: text, reasoning, tools of every fate, and the failures that providers have. It is no <see cref="IModel"/> but what a
/// <see cref="FakeModel"/>, which is under <see cref="ModelContract"/>, says when nothing is queued. The contract's scenarios ask for one reply
/// each, which chance does not promise; the grammar of all replies, and cancellation, have a test of their own.
/// </summary>
public sealed partial class SimulatedModel(Random random)
{
    private readonly Lock _gate = new();
    private int _calls;

    /// <summary>Answers with text only, whatever chance says.</summary>
    public bool Calm { get; set; }

    public IAsyncEnumerable<ModelEvent> Answer(ModelRequest request, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (Calm)
            {
                return FakeModel.Yield(FakeModel.Text("Fine."), cancellationToken);
            }

            return random.Next(20) switch
            {
                0 => FakeModel.Fail([], new(ModelFailure.Throttled, "fake: simulated"), cancellationToken),
                1 => FakeModel.Fail([], new(ModelFailure.Unreachable, "fake: simulated"), cancellationToken),
                2 => FakeModel.Fail([new ModelEvent.Text(0, "Half a ")], new(ModelFailure.Broken, "fake: simulated"), cancellationToken),
                3 => FakeModel.Fail([new ModelEvent.Text(0, "Bad ")], new(ModelFailure.Malformed, "fake: simulated"), cancellationToken),
                4 => FakeModel.Fail([], new(ModelFailure.ContextTooLong, "fake: simulated"), cancellationToken),
                5 => FakeModel.Yield([new ModelEvent.Text(0, "Cut"), new ModelEvent.BlockClosed(0), .. Call(1, "shell", "{\"comm"), new ModelEvent.Stopped(HarnessStopReason.MaxTokens), new ModelEvent.Usage(new(3, 2))], cancellationToken),
                6 => FakeModel.Yield([new ModelEvent.Text(0, "Lost")], cancellationToken),
                7 => FakeModel.Fail([], new(ModelFailure.Unavailable, "fake: simulated"), cancellationToken),
                8 or 9 => FakeModel.Yield(FakeModel.Text("All ", "done."), cancellationToken),
                _ => FakeModel.Yield(Tools(request), cancellationToken),
            };
        }
    }

    private List<ModelEvent> Tools(ModelRequest request)
    {
        var events = new List<ModelEvent> { new ModelEvent.Reasoning(0, "Hm."), new ModelEvent.Signature(0, "sig"), new ModelEvent.BlockClosed(0) };
        var count = random.Next(1, 4);
        for (var block = 1; block <= count; block++)
        {
            events.AddRange(random.Next(10) switch
            {
                0 => Call(block, "nothing", "{}"),
                1 => Call(block, "shell", "{\"command\": oops"),
                2 or 3 => Call(block, "approve", "{\"amount\":1}"),
                4 => Call(block, "shell", "{\"command\":\"effect ID; sleep\"}"),
                5 => Call(block, "shell", "{\"command\":\"effect ID; exit 1\"}"),
                6 => Call(block, "shell", "{\"command\":\"effect ID; flood 5000\"}"),
                7 => Call(block, RetrieveOffloadedContentTool.Name, $"{{\"path\":\"{Path(request)}\"}}"),
                _ => Call(block, "shell", "{\"command\":\"effect ID; echo ok\"}"),
            });
        }

        events.Add(new ModelEvent.Stopped(random.Next(4) == 0 ? HarnessStopReason.EndTurn : HarnessStopReason.ToolUse));
        if (random.Next(4) > 0)
        {
            events.Add(new ModelEvent.Usage(new(random.Next(100), random.Next(50))));
        }

        return events;
    }

    private static string Path(ModelRequest request)
    {
        var results = request.Messages.SelectMany(message => message.Blocks).OfType<Block.ToolResult>().SelectMany(result => result.Content).OfType<ToolContent.Text>();
        return results.Select(text => FileName().Match(text.Value)).LastOrDefault(match => match.Success)?.Value ?? "nowhere";
    }

    [GeneratedRegex(@"\.belay/results/[-0-9a-f]+\.txt")]
    private static partial Regex FileName();

    private IEnumerable<ModelEvent> Call(int block, string name, string input)
    {
        var id = $"t{++_calls}";
        return [new ModelEvent.ToolOpened(block, id, name), new ModelEvent.ToolInput(block, input.Replace("ID", id, StringComparison.Ordinal)), new ModelEvent.BlockClosed(block)];
    }
}
