using Belay.Models;
using Belay.Sandboxes;
using Belay.Sessions;
using Belay.Storage;

namespace Belay.Replays;

/// <summary>Chance: every id that the engine made is in the recording, so one that it makes now is a difference, and shows as one.</summary>
internal sealed class ReplayIds : IdSource
{
    public override void Fill(Span<byte> bytes) => bytes.Clear();
}

/// <summary>The sandbox: nothing runs in a replay, so nothing asks for it.</summary>
internal sealed class ReplaySandbox : ISessionSandbox
{
    public ValueTask<ISandbox> GetAsync(CancellationToken cancellationToken) => throw new SandboxException("A replay starts no sandbox.");

    public IDisposable Work() => new Release(() => { });

    public Task StopAsync(string reason, CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>Attempts: the recording knows whether there was another one, and whether another model took over; how long it waited is the server's
/// setting and time that is past.</summary>
internal sealed class ReplayRetries(ReplayLife life) : RetryPolicy(DefaultBaseSeconds)
{
    public override TimeSpan? Next(ModelException failure, int attempt, bool deltaSent, TimeSpan remaining) => life.NextAttempt(attempt);

    public override bool Switches(ModelException failure, bool deltaSent) => life.Switches();
}
