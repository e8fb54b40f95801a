using Belay.Sandboxes;
using Belay.Telemetry;
using Belay.Testing.Sandboxes;
using Belay.Testing.Telemetry;

namespace Belay.Tests.Telemetry;

/// <summary>A sandbox whose commands are recorded is a sandbox like any other.</summary>
public sealed class TracedSandboxTests : SandboxContract
{
    private readonly Instrumentation _instruments = new(new(), TimeProvider.System);
    private readonly SpanRecorder _recorder;

    public TracedSandboxTests() => _recorder = new(_instruments);

    [Fact]
    public async Task Command_IsASpan()
    {
        using var asking = _instruments.Source.StartActivity("asking");

        await foreach (var _ in Sandbox.ExecuteAsync(Script("exit 3"), CancellationToken.None))
        {
        }

        var command = Assert.Single(_recorder.Spans, span => span.DisplayName == TelemetryNames.Spans.Command);
        Assert.Equal(3, command.GetTagItem(TelemetryNames.Attributes.ExitCode));
    }

    protected override Task<ISandbox> StartAsync() => Task.FromResult<ISandbox>(new TracedSandbox(
        new InMemorySandbox("sandbox", new InMemoryDisk(), TimeProvider.System) { Environment = new Dictionary<string, string> { ["VISIBLE"] = "yes" } },
        _instruments,
        "session"));

    protected override ExecRequest Script(string words, TimeSpan? timeout = null) => new() { Command = [words], Timeout = timeout ?? Generous };

    protected override async Task MakeFilesAsync(string directory, int count)
    {
        for (var i = 0; i < count; i++)
        {
            await Sandbox.WriteFileAsync($"{directory}/{i}", ReadOnlyMemory<byte>.Empty, CancellationToken.None);
        }
    }
}
