using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Belay.Testing.Processes;
using Belay.Testing.Providers;

namespace Belay.EndToEnd;

/// <summary>
/// A server whose providers are all one scripted provider, led there by the variables that an operator would set. It starts when
/// the first test asks.
/// </summary>
public sealed class ProviderServer : IAsyncDisposable
{
    private readonly Lazy<Task<(BelayProcess Process, ScriptedProviderServer Provider)>> _both;
    private readonly ConcurrentDictionary<string, ProviderFault> _faults = new(StringComparer.Ordinal);
    private readonly Lazy<Task<string>> _harness;

    public ProviderServer()
    {
        _both = new(StartAsync);
        _harness = new(CreateHarnessAsync);
    }

    /// <summary>The server, ready.</summary>
    public async Task<BelayProcess> StartedAsync() => (await _both.Value).Process;

    /// <summary>What stands behind it.</summary>
    public async Task<ScriptedReplies> ProviderAsync() => (await _both.Value).Provider.Replies;

    /// <summary>ARN of a harness for those who choose the model with each call.</summary>
    public Task<string> HarnessAsync() => _harness.Value;

    /// <summary>Lets the next call whose conversation holds a text go wrong.</summary>
    public void FailOnce(string text, ProviderFault fault) => _faults[text] = fault;

    public async ValueTask DisposeAsync()
    {
        if (_both.IsValueCreated)
        {
            var (process, provider) = await _both.Value;
            await process.DisposeAsync();
            await provider.DisposeAsync();
        }
    }

    private async Task<string> CreateHarnessAsync()
    {
        var members = new JsonObject
        {
            ["model"] = ScriptedProviders.Formats[0].Configuration.DeepClone(),
            ["systemPrompt"] = new JsonArray(new JsonObject { ["text"] = "Be brief." }),
        };
        return (string)(await (await StartedAsync()).Client.CreateHarnessAsync("every_provider", members, CancellationToken.None))["arn"]!;
    }

    private async Task<(BelayProcess Process, ScriptedProviderServer Provider)> StartAsync()
    {
        var provider = await ScriptedProviderServer.StartAsync(CancellationToken.None);
        provider.Replies.Faults = call => call.Texts.Select(text => _faults.TryRemove(text, out var fault) ? fault : null).FirstOrDefault(fault => fault is not null);
        var process = await BelayProcess.StartAsync(
            ScriptedProviders.Environment(provider.Url, variable => $"secret-of-{variable}"),
            ["--provider-keys", "--set", FormattableString.Invariant($"Models:RetryBaseSeconds={SharedServer.RetryBase.TotalSeconds}")],
            CancellationToken.None);
        return (process, provider);
    }
}
