using System.Runtime.CompilerServices;
using Belay.Models;
using Belay.Testing.Models;

namespace Belay.Tests.Models;

public sealed class FakeModelTests : ModelContract
{
    protected override Task<ModelSubject> StartAsync(ModelScenario scenario)
    {
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var half = new ModelEvent.Text(0, "Hello");
        var model = new FakeModel();
        _ = scenario switch
        {
            ModelScenario.Answer => model.Say("Hello, ", "world!"),
            ModelScenario.ToolCalls => model.Call(("c1", "shell", """{"command":"ls"}"""), ("c2", "shell", """{"command":"pwd"}""")),
            ModelScenario.Endless => model.Reply((_, token) => EndlessAsync(half, left, token)),
            ModelScenario.Throttled => model.Fail(ModelFailure.Throttled),
            ModelScenario.Refused => model.Fail(ModelFailure.Refused),
            ModelScenario.ContextTooLong => model.Fail(ModelFailure.ContextTooLong),
            ModelScenario.Unreachable => model.Fail(ModelFailure.Unreachable),
            ModelScenario.Garbage => model.Fail(ModelFailure.Malformed, "no", half),
            ModelScenario.Cut => model.Fail(ModelFailure.Broken, "no", half),
            _ => model.Reply(half),
        };
        return Task.FromResult(new ModelSubject(model, Request("Hi"), () => model.Requests.Count > 0, left.Task));
    }

    private static async IAsyncEnumerable<ModelEvent> EndlessAsync(ModelEvent first, TaskCompletionSource left, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            yield return first;
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
        finally
        {
            left.SetResult();
        }
    }
}
