using System.Diagnostics;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Sessions;
using Belay.Tools;
using Names = Belay.Telemetry.TelemetryNames;

namespace Belay.Telemetry;

/// <summary>
/// What is told about one invocation: its span, that of the iteration under way, and those of the model and tool calls in it. Used by the
/// invocation's own loop, and by the tools that it runs side by side, which only read it.
/// </summary>
public sealed class InvocationTelemetry
{
    private readonly Instrumentation? _instruments;
    private readonly Invocation? _invocation;
    private readonly string _sessionId = "";
    private readonly Activity? _span;
    private Activity? _cycle;
    private int _iteration;
    private long _cycleStarted;

    private InvocationTelemetry()
    {
    }

    private InvocationTelemetry(Instrumentation instruments, Invocation invocation, string sessionId, Toolbox tools)
    {
        (_instruments, _invocation, _sessionId) = (instruments, invocation, sessionId);
        if (!instruments.Source.HasListeners())
        {
            return;
        }

        var harness = invocation.Harness;
        _span = instruments.Start(
            $"{Names.Spans.Invocation} {harness.HarnessName}", ActivityKind.Internal, Names.Spans.Invocation, invocation.Trace.ToParent(), sessionId, invocation.Model.Provider);
        if (_span is not { IsAllDataRequested: true })
        {
            return;
        }

        _span.SetTag(Names.Attributes.AgentName, harness.HarnessName);
        _span.SetTag(Names.Attributes.RequestModel, invocation.Model.ModelId);
        _span.SetTag(Names.Attributes.AgentTools, List(tools.Specs.Select(tool => tool.Name)));
        _span.SetTag(Names.Attributes.HarnessArn, harness.Arn);
        _span.SetTag(Names.Attributes.HarnessVersion, harness.HarnessVersion);
        _span.SetTag(Names.Attributes.HarnessQualifier, invocation.Endpoint);
        _span.SetTag(Names.Attributes.InvocationId, invocation.Id);
        _span.SetTag(Names.Attributes.ActorId, invocation.ActorId);
    }

    /// <summary>Of an invocation that nobody listens to.</summary>
    public static InvocationTelemetry None { get; } = new();

    private ActivityContext Parent => (_cycle ?? _span)?.Context ?? default;

    /// <summary>Begins an invocation; <see cref="None"/> when nobody listens.</summary>
    public static InvocationTelemetry Begin(Instrumentation instruments, Invocation invocation, string sessionId, Toolbox tools) =>
        instruments.Heard ? new(instruments, invocation, sessionId, tools) : None;

    /// <summary>Begins an iteration and ends the one before; the same one again, with a shorter conversation, goes on.</summary>
    public void BeginCycle(int iteration)
    {
        if (_instruments is null || iteration == _iteration)
        {
            return;
        }

        EndCycle();
        var before = _iteration;
        _iteration = iteration;
        _cycleStarted = _instruments.Time.GetTimestamp();
        _instruments.CycleCount.Add(1);
        _instruments.StartCycle.Add(1);
        if (_span is null)
        {
            return;
        }

        _cycle = _instruments.Start(Names.Spans.Cycle, ActivityKind.Internal, Names.Spans.Cycle, _span.Context, _sessionId);
        if (_cycle is { IsAllDataRequested: true })
        {
            _cycle.SetTag(Names.Attributes.CycleId, $"{_invocation!.Id}/{iteration}");
            _cycle.SetTag(Names.Attributes.ParentCycleId, before == 0 ? null : $"{_invocation.Id}/{before}");
        }
    }

    /// <summary>A model's reply to one attempt, observed.</summary>
    public IAsyncEnumerable<ModelEvent> ChatAsync(IModel model, ModelRequest request, CancellationToken cancellationToken) => _instruments is null
        ? model.StreamAsync(request, cancellationToken)
        : ChatSpan.ObserveAsync(_instruments, Parent, _sessionId, model, request, cancellationToken);

    /// <summary>Another model takes over for the rest of the invocation.</summary>
    public void Switched(ModelSwitched switched)
    {
        if (_instruments is null)
        {
            return;
        }

        _instruments.ModelSwitches.Add(
            1,
            new(Names.Attributes.ProviderName, Instrumentation.WellKnown(switched.FromProvider)),
            new(Names.Attributes.RequestModel, switched.FromModelId),
            new(Names.Attributes.ErrorType, switched.Failure.ToString()));
        if (_span is not { IsAllDataRequested: true })
        {
            return;
        }

        _span.SetTag(Names.Attributes.RequestModel, switched.ModelId);
        (_cycle ?? _span).AddEvent(new ActivityEvent(Names.Events.ModelSwitched, tags: new()
        {
            [Names.Attributes.ModelFallback] = switched.Fallback,
            [Names.Attributes.ModelSwitchedFrom] = switched.FromModelId,
            [Names.Attributes.RequestModel] = switched.ModelId,
            [Names.Attributes.ProviderName] = Instrumentation.WellKnown(switched.Provider),
            [Names.Attributes.ErrorType] = switched.Failure.ToString(),
        }));
    }

    /// <summary>Begins a tool call. Whoever begins it says how it ended and disposes it.</summary>
    public ToolSpan Tool(ToolCall call, ToolSpec tool) => _instruments is null ? default : new(_instruments, Parent, _sessionId, call, tool);

    /// <summary>Ends the invocation.</summary>
    public void End(HarnessStopReason? reason, Exception? fault, TokenUsage usage)
    {
        if (_instruments is null)
        {
            return;
        }

        EndCycle();
        if (_span is { IsAllDataRequested: true })
        {
            ChatSpan.AddUsage(_span, usage);
            _span.SetTag(Names.Attributes.StopReason, reason is { } known ? Instrumentation.Word(known) : null);
        }

        if (fault is not null)
        {
            _instruments.Fail(_span, (fault is ServiceException { Code: var code } ? code : FaultCode.InternalServerException).ToString(), fault);
        }

        _instruments.End(_span);
    }

    private void EndCycle()
    {
        if (_iteration == 0)
        {
            return;
        }

        _instruments!.EndCycle.Add(1);
        _instruments.CycleDuration.Record(_instruments.Time.GetElapsedTime(_cycleStarted).TotalSeconds);
        _instruments.End(_cycle);
        _cycle = null;
    }

    private static string List(IEnumerable<string> names)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartArray();
            foreach (var name in names)
            {
                writer.WriteStringValue(name);
            }

            writer.WriteEndArray();
        }

        return System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }
}
