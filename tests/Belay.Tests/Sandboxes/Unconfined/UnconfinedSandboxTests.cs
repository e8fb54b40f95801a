using Belay.Sandboxes;
using Belay.Testing.Sandboxes;

namespace Belay.Tests.Sandboxes.Unconfined;

public sealed class UnconfinedSandboxTests : ShellSandboxContract
{
    protected override Task<ISandbox> StartAsync() => TestDrivers.StartAsync(TestDrivers.Unconfined);
}
