using Belay.Sandboxes;
using Belay.Sessions;
using Belay.Storage;
using Belay.Testing;
using Belay.Testing.Sandboxes;
using Belay.Testing.Sessions;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Tests.Sandboxes;

public sealed class SessionSandboxTests : SessionSandboxContract, IAsyncDisposable
{
    private readonly TemporaryDirectory _data = new();
    private readonly InMemoryDriver _driver = new(new ManualTime());
    private readonly SessionSandboxes _sandboxes;

    public SessionSandboxTests() =>
        _sandboxes = new(_driver, new SandboxSettings(), _data.Path, new ManualTime(), IdSource.System, NullLogger<SessionSandboxes>.Instance);

    public async ValueTask DisposeAsync()
    {
        await _sandboxes.DisposeAsync();
        _data.Dispose();
    }

    protected override ISessionSandbox Create(Func<EntryBody, Task> report) =>
        _sandboxes.For(new(EngineWorld.Scope, "test-AAAAAAAAAA", EngineWorld.SessionId), EngineWorld.DefaultHarness(), report);

    protected override void Refuse(SandboxException? refusal) => _driver.Failure = refusal;
}

public sealed class InMemorySessionSandboxTests : SessionSandboxContract
{
    private InMemorySessionSandbox? _sandbox;

    protected override ISessionSandbox Create(Func<EntryBody, Task> report) => _sandbox = new(new InMemoryDisk(), new ManualTime(), report);

    protected override void Refuse(SandboxException? refusal) => _sandbox!.Refusal = refusal;
}
