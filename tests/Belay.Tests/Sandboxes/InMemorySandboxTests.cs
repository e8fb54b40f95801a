using Belay.Sandboxes;
using Belay.Testing.Sandboxes;

namespace Belay.Tests.Sandboxes;

public sealed class InMemorySandboxTests : SandboxContract
{
    protected override Task<ISandbox> StartAsync() => Task.FromResult<ISandbox>(
        new InMemorySandbox("sandbox", new InMemoryDisk(), TimeProvider.System) { Environment = new Dictionary<string, string> { ["VISIBLE"] = "yes" } });

    protected override ExecRequest Script(string words, TimeSpan? timeout = null) => new() { Command = [words], Timeout = timeout ?? Generous };

    protected override async Task MakeFilesAsync(string directory, int count)
    {
        for (var i = 0; i < count; i++)
        {
            await Sandbox.WriteFileAsync($"{directory}/{i}", ReadOnlyMemory<byte>.Empty, CancellationToken.None);
        }
    }
}
