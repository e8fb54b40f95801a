using System.Diagnostics;
using Belay.Sandboxes;
using Names = Belay.Telemetry.TelemetryNames;

namespace Belay.Telemetry;

/// <summary>The start of a sandbox, as a span below whatever needs it and as a measurement.</summary>
internal readonly struct SandboxStartSpan : IDisposable
{
    private readonly Instrumentation _instruments;
    private readonly Activity? _span;
    private readonly long _began;

    public SandboxStartSpan(Instrumentation instruments, string sessionId)
    {
        _instruments = instruments;
        _began = instruments.Time.GetTimestamp();
        _span = instruments.StartBelow(Names.Spans.SandboxStart, Names.Spans.SandboxStart, sessionId);
    }

    /// <summary>It runs.</summary>
    public void Started(string id, string driver)
    {
        _span?.SetTag(Names.Attributes.SandboxId, id);
        _span?.SetTag(Names.Attributes.SandboxDriver, driver);
        if (_instruments.SandboxStart.Enabled)
        {
            _instruments.SandboxStart.Record(_instruments.Time.GetElapsedTime(_began).TotalSeconds, new KeyValuePair<string, object?>(Names.Attributes.SandboxDriver, driver));
        }
    }

    /// <summary>It does not.</summary>
    public void Failed(SandboxException exception) => _instruments.Fail(_span, "sandbox_start", exception);

    /// <inheritdoc/>
    public void Dispose() => _instruments.End(_span);
}
