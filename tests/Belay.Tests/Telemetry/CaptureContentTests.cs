using Belay.Telemetry;
using Belay.Testing.Sessions;
using Belay.Testing.Telemetry;

namespace Belay.Tests.Telemetry;

/// <summary>What people, models and tools say is in spans only when the operator asks for it, and then within bounds.</summary>
public sealed class CaptureContentTests
{
    private static readonly string[] Canaries = ["canary-user", "canary-system", "canary-arguments", "canary-result", "canary-answer"];

    [Fact]
    public async Task Off_NoContentIsInAnySpan()
    {
        var (everything, events) = await RunAsync(new TelemetrySettings());

        Assert.All(Canaries, canary => Assert.DoesNotContain(canary, everything, StringComparison.Ordinal));
        Assert.Empty(events);
    }

    [Fact]
    public async Task On_EveryMessageIsAnEvent()
    {
        var (everything, events) = await RunAsync(new TelemetrySettings { CaptureContent = true });

        Assert.All(Canaries, canary => Assert.Contains(canary, everything, StringComparison.Ordinal));
        Assert.Equal(
            ["gen_ai.assistant.message", "gen_ai.choice", "gen_ai.system.message", "gen_ai.tool.message", "gen_ai.user.message"],
            events.Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task OnWithTheNewestConventions_ACallIsOneEvent()
    {
        var (everything, events) = await RunAsync(new TelemetrySettings
        {
            CaptureContent = true,
            Variables = new Dictionary<string, string> { ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http, gen_ai_latest_experimental" },
        });

        Assert.All(Canaries, canary => Assert.Contains(canary, everything, StringComparison.Ordinal));
        Assert.Equal(["gen_ai.client.inference.operation.details"], events.Distinct());
        Assert.Contains("gen_ai.provider.name=fake", everything, StringComparison.Ordinal);
        Assert.DoesNotContain("gen_ai.system=", everything, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LongContent_IsCut()
    {
        await using var world = World(new TelemetrySettings { CaptureContent = true });
        using var recorder = new SpanRecorder(world.Telemetry);
        world.Model.Say(new string('a', 1_000_000), new string('b', 1_000_000));

        await world.InvokeAsync(EngineWorld.User(new string('c', 1_000_000)));

        Assert.All(
            recorder.Spans.SelectMany(span => span.Events).SelectMany(one => one.Tags),
            tag => Assert.InRange(((string)tag.Value!).Length, 0, 17_000));
    }

    private static async Task<(string Everything, IEnumerable<string> Events)> RunAsync(TelemetrySettings settings)
    {
        await using var world = World(settings);
        using var recorder = new SpanRecorder(world.Telemetry);
        world.Harness = world.Harness with { SystemPrompt = [new() { Text = "canary-system" }] };
        world.Model.Call(("a1", "shell", """{"command":"echo canary-result; true canary-arguments"}""")).Say("canary-answer");

        await world.InvokeAsync(EngineWorld.User("canary-user"));

        return (recorder.Everything(), recorder.Spans.SelectMany(span => span.Events).Select(one => one.Name));
    }

    private static EngineWorld World(TelemetrySettings settings) => new() { Telemetry = new Instrumentation(settings, TimeProvider.System) };
}
