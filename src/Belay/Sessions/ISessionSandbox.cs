using Belay.Contracts.Harnesses;
using Belay.Sandboxes;

namespace Belay.Sessions;

/// <summary>The sandbox of one session over its life: it starts on first use, ends when idle or old, and starts again when needed.</summary>
public interface ISessionSandbox : ISandboxSource
{
    /// <summary>Marks activity: while any is held the sandbox is not idle.</summary>
    IDisposable Work();

    /// <summary>Ends the sandbox, whatever runs in it; nothing when there is none.</summary>
    Task StopAsync(string reason, CancellationToken cancellationToken);
}

/// <summary>Makes the sandbox of a session; nothing is started. What happens to it goes to <paramref name="report"/>, which completes
/// when it is in the session's journal.</summary>
/// <param name="session">The session.</param>
/// <param name="harness">Version whose environment holds.</param>
/// <param name="report">Takes <see cref="SandboxStarted"/> and <see cref="SandboxEnded"/>.</param>
public delegate ISessionSandbox SessionSandboxFactory(SessionKey session, Harness harness, Func<EntryBody, Task> report);
