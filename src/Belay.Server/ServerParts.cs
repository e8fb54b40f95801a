using Belay.Sandboxes;
using Belay.Server.Auth;
using Belay.Server.Logging;
using Belay.Server.Wire;
using Belay.Storage;
using Belay.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Belay.Server;

/// <summary>What a server is made of. <c>OpenAsync</c> composes the real one; tests put their own parts in.</summary>
public sealed record ServerParts
{
    /// <summary>What the server serves.</summary>
    public required IReadOnlyList<Operation> Operations { get; init; }

    /// <summary>What anybody may ask.</summary>
    public IReadOnlyList<OpenEndpoint> Open { get; init; } = [OpenEndpoint.Health];

    /// <summary>Finds out who calls.</summary>
    public required IAuthenticator Authenticator { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Where ids come from.</summary>
    public IdSource Ids { get; init; } = IdSource.System;

    /// <summary>Where logs go.</summary>
    public required ILoggerFactory Logging { get; init; }

    /// <summary>Who is told what happens; nobody by default.</summary>
    public Instrumentation Telemetry { get; init; } = Instrumentation.None;

    /// <summary>What works in the background while the server runs.</summary>
    public IReadOnlyList<IHostedService> Background { get; init; } = [];

    /// <summary>Takes nothing new, lets what runs finish until it is told to hurry, and ends the rest so that it can go on after a
    /// restart; called as the server stops, while its streams can still say so.</summary>
    public Func<CancellationToken, Task> DrainAsync { get; init; } = _ => Task.CompletedTask;

    /// <summary>Driver and label of the sandboxes that are started, and why it is no better one; empty where there are none.</summary>
    public string Sandbox { get; init; } = "";

    /// <summary>What is disposed after the last request has ended, in this order.</summary>
    public IReadOnlyList<object> Owned { get; init; } = [];

    /// <summary>Opens the data directory and builds every part from its settings.</summary>
    /// <exception cref="InvalidDataException">The data directory cannot be used, or the settings are wrong; the message says why.</exception>
    /// <exception cref="SandboxException">No sandbox driver works as asked; the message says what to do.</exception>
    public static Task<ServerParts> OpenAsync(ServerSettings settings, ILoggerFactory logging, LogLevels levels, CancellationToken cancellationToken) =>
        OpenAsync(settings, new ServerReplacements(), logging, levels, cancellationToken);

    /// <summary>The same with parts of the caller's own in place of the usual ones. The program never replaces any.</summary>
    public static Task<ServerParts> OpenAsync(
        ServerSettings settings, ServerReplacements replacements, ILoggerFactory logging, LogLevels levels, CancellationToken cancellationToken) =>
        new ServerComposition(settings, replacements, logging, levels).ComposeAsync(cancellationToken);

    /// <summary>Disposes parts, the newest first.</summary>
    internal static async Task DisposeAsync(IEnumerable<object> parts)
    {
        foreach (var part in parts)
        {
            switch (part)
            {
                case IAsyncDisposable disposable:
                    await disposable.DisposeAsync();
                    break;
                case IDisposable disposable:
                    disposable.Dispose();
                    break;
                default:
                    break;
            }
        }
    }
}
