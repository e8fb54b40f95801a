using System.Globalization;
using System.Text.Json.Nodes;
using Belay.Testing.Processes;

namespace Belay.EndToEnd;

/// <summary>The one server that every test uses which neither kills it nor looks into its data directory. It starts when the first test asks.</summary>
public sealed class SharedServer : IAsyncDisposable
{
    /// <summary>Its first delay before a failed model call is tried again: no test waits as long as a provider needs to recover.</summary>
    public static readonly TimeSpan RetryBase = TimeSpan.FromSeconds(0.05);

    private readonly Lazy<Task<BelayProcess>> _process = new(() => BelayProcess.StartAsync(
        new Dictionary<string, string>(),
        ["--set", string.Create(CultureInfo.InvariantCulture, $"Models:RetryBaseSeconds={RetryBase.TotalSeconds}")],
        CancellationToken.None));
    private int _names;

    /// <summary>The server, ready.</summary>
    public Task<BelayProcess> StartedAsync() => _process.Value;

    /// <summary>Creates a harness of a name of its own and answers its ARN once it is ready.</summary>
    public async Task<string> CreateHarnessAsync(JsonObject members, CancellationToken cancellationToken)
    {
        var process = await StartedAsync();
        var harness = await process.Client.CreateHarnessAsync($"shared_{Interlocked.Increment(ref _names)}", members, cancellationToken);
        return (string)harness["arn"]!;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process.IsValueCreated)
        {
            await (await _process.Value).DisposeAsync();
        }
    }
}
