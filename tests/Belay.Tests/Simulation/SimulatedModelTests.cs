using Belay.Models;
using Belay.Testing.Models;
using Belay.Testing.Simulation;

namespace Belay.Tests.Simulation;

/// <summary>What a model by chance says is what the seam allows; the scenarios of <see cref="ModelContract"/> are those of <see cref="FakeModel"/> behind it.</summary>
public sealed class SimulatedModelTests
{
    [Fact]
    public async Task EveryReply_KeepsTheGrammar_OrEndsInAFailureOfTheSeam()
    {
        var model = new SimulatedModel(new Random(1));
        var (whole, failed) = (0, 0);
        for (var i = 0; i < 1000; i++)
        {
            var events = new List<ModelEvent>();
            try
            {
                await foreach (var one in model.Answer(ModelContract.Request("Go"), CancellationToken.None))
                {
                    events.Add(one);
                }

                ModelContract.AssertWellFormed(events);
                whole++;
            }
            catch (ModelException)
            {
                Assert.DoesNotContain(events, one => one is ModelEvent.Stopped);
                failed++;
            }
        }

        Assert.True(whole > 500 && failed > 100, $"{whole} whole, {failed} failed");
    }

    [Fact]
    public async Task Cancelled_SaysNothing()
    {
        var model = new SimulatedModel(new Random(1)) { Calm = true };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var one in model.Answer(ModelContract.Request("Go"), new CancellationToken(canceled: true)))
            {
                Assert.Fail($"{one}");
            }
        });
    }
}
