using System.Text.Json;
using Belay.Contracts.Invocations;
using Belay.Sessions;
using Belay.Telemetry;
using Belay.Testing.Sessions;
using Belay.Tools;

namespace Belay.Tests.Telemetry;

/// <summary>What nobody listens to costs nothing.</summary>
public sealed class SilenceTests
{
    [Fact]
    public async Task NobodyListens_NothingIsAllocated()
    {
        await using var world = new EngineWorld();
        var invocation = world.Resolver.Resolve(new(world.Harness, "DEFAULT", world.Belay), world.Request(EngineWorld.User("Go")));
        var tool = world.BuiltIns[0].Spec;
        var call = new ToolCall("a1", JsonElement.Parse("{}"));
        var result = new ToolResult(HarnessToolUseStatus.Success, []);
        var tools = Toolbox.For(world.BuiltIns, [], ["*"]);
        void Turn()
        {
            var telemetry = InvocationTelemetry.Begin(Instrumentation.None, invocation, EngineWorld.SessionId, tools);
            telemetry.BeginCycle(1);
            using (var span = telemetry.Tool(call, tool))
            {
                span.Done(result, 1);
            }

            Instrumentation.None.End(Instrumentation.None.StartBelow("a", "a", null));
            Instrumentation.None.JournalAppended(0, Durability.Synced);
            Instrumentation.None.Sessions.Add(1);
            telemetry.End(HarnessStopReason.EndTurn, null, default);
        }

        Turn();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            Turn();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public async Task NobodyListens_TheModelsStreamIsItsOwn()
    {
        await using var world = new EngineWorld();
        var own = Belay.Testing.Models.FakeModel.Yield([], CancellationToken.None);
        world.Model.Reply((_, _) => own);
        var request = new Belay.Models.ModelRequest { System = [], Messages = [], Tools = [], Parameters = new(null, null, null, null, null) };

        Assert.Same(own, InvocationTelemetry.None.ChatAsync(world.Model, request, CancellationToken.None));
    }
}
