using Belay.Sandboxes;
using Belay.Testing.Sandboxes;

namespace Belay.Tests.Sandboxes.Process;

public sealed class ProcessSandboxTests : ShellSandboxContract
{
    protected override Task<ISandbox> StartAsync() => TestDrivers.StartAsync(TestDrivers.Process);
}
