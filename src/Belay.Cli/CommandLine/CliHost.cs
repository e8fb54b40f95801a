using Belay.Cli.Serving;
using Belay.Sandboxes;
using Belay.Storage;

namespace Belay.Cli.CommandLine;

/// <summary>What the verbs get from the process. Program.cs fills it from the real one, tests from doubles.</summary>
internal sealed record CliHost
{
    /// <summary>Where to write.</summary>
    public required Terminal Terminal { get; init; }

    /// <summary>Standard input, read only where a verb is told to (<c>--prompt -</c>) or asks.</summary>
    public required TextReader Input { get; init; }

    /// <summary>Whether a person types <see cref="Input"/>, so that a verb may ask.</summary>
    public bool InputIsTerminal { get; init; }

    /// <summary>Puts something in the place of the first interrupt, until it is disposed; null where nobody sits at a terminal who could interrupt.</summary>
    public Func<Action, IDisposable>? OnInterrupt { get; init; }

    /// <summary>The process's environment variables.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Current directory; <c>./.belay</c> lies in it.</summary>
    public required string WorkingDirectory { get; init; }

    /// <summary>The clock.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>Where session ids and idempotency tokens come from.</summary>
    public required IdSource Ids { get; init; }

    /// <summary>How to reach servers.</summary>
    public required Func<HttpMessageHandler> Http { get; init; }

    /// <summary>Starts a server in this process.</summary>
    public required Func<ServeSettings, CancellationToken, Task<RunningServer>> StartServer { get; init; }

    /// <summary>Every sandbox driver of this program, in the order in which <c>auto</c> tries them.</summary>
    public required Func<ServeSettings, IReadOnlyList<ISandboxDriver>> SandboxDrivers { get; init; }

    /// <summary>A variable's value; null when it is unset or empty.</summary>
    public string? Variable(string name) => Environment.TryGetValue(name, out var value) && value.Length > 0 ? value : null;
}
