using Belay.Sandboxes;
using Belay.Testing.Sandboxes;

namespace Belay.Tests.Sandboxes.Unconfined;

public sealed class UnconfinedSandboxTests : SandboxContract
{
    protected override Task<ISandbox> StartAsync() => TestDrivers.StartAsync(TestDrivers.Unconfined);
}
