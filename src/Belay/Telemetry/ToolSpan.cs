using System.Diagnostics;
using Belay.Contracts.Invocations;
using Belay.Tools;
using Names = Belay.Telemetry.TelemetryNames;

namespace Belay.Telemetry;

/// <summary>One tool call, as a span and as measurements; nothing at all when nobody listens. Disposed when the call has its result.</summary>
public readonly struct ToolSpan : IDisposable
{
    private const int MaxDefinitionBytes = 4 * 1024;

    private readonly Instrumentation? _instruments;
    private readonly Activity? _span;
    private readonly string _id;
    private readonly string _name;

    internal ToolSpan(Instrumentation instruments, ActivityContext parent, string sessionId, ToolCall call, ToolSpec tool)
    {
        (_instruments, _id, _name) = (instruments, call.ToolUseId, tool.Name);
        _span = instruments.Source.HasListeners()
            ? instruments.Start($"{Names.Spans.Tool} {tool.Name}", ActivityKind.Internal, Names.Spans.Tool, parent, sessionId)
            : null;
        if (_span is not { IsAllDataRequested: true })
        {
            return;
        }

        _span.SetTag(Names.Attributes.ToolName, tool.Name);
        _span.SetTag(Names.Attributes.ToolCallId, call.ToolUseId);
        _span.SetTag(Names.Attributes.ToolDescription, ContentEvents.Cut(tool.Description, MaxDefinitionBytes));
        _span.SetTag(Names.Attributes.ToolSchema, ContentEvents.Cut(tool.InputSchema.GetRawText(), MaxDefinitionBytes));
        if (!instruments.CapturesContent)
        {
            return;
        }

        if (instruments.LatestConventions)
        {
            _span.SetTag(Names.Attributes.ToolArguments, ContentEvents.Cut(call.Input.GetRawText()));
        }
        else
        {
            ContentEvents.AddArguments(_span, call.ToolUseId, call.Input);
        }
    }

    /// <summary>The call has a result.</summary>
    public void Done(ToolResult result, long milliseconds)
    {
        if (_instruments is null)
        {
            return;
        }

        var worked = result.Status == HarnessToolUseStatus.Success;
        if (_instruments.ToolCalls.Enabled)
        {
            var tool = new KeyValuePair<string, object?>(Names.Attributes.MetricTool, _name);
            _instruments.ToolCalls.Add(1, tool);
            (worked ? _instruments.ToolSuccesses : _instruments.ToolErrors).Add(1, tool);
            _instruments.ToolDuration.Record(milliseconds / 1000.0, tool);
        }

        if (_span is not { IsAllDataRequested: true })
        {
            return;
        }

        _span.SetTag(Names.Attributes.ToolStatus, worked ? "success" : "error");
        if (!worked)
        {
            _instruments.Fail(_span, "tool_error", null);
        }

        if (!_instruments.CapturesContent)
        {
            return;
        }

        if (_instruments.LatestConventions)
        {
            _span.SetTag(Names.Attributes.ToolResult, ContentEvents.Cut(ContentEvents.Contents(result.Content)));
        }
        else
        {
            ContentEvents.AddResult(_span, _id, result.Content);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _instruments?.End(_span);
}
