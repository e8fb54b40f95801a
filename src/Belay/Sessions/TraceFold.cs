using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Belay.Contracts.Invocations;
using Belay.Contracts.Sessions;
using Belay.Models;
using Belay.Tools;
using Belay.Tools.BuiltIn;
using Names = Belay.Telemetry.TelemetryNames.Attributes;
using SpanNames = Belay.Telemetry.TelemetryNames.Spans;

namespace Belay.Sessions;

/// <summary>
/// The spans of one invocation: a fold over its entries, from <see cref="InvocationStarted"/> to the entry before the next invocation. What has
/// begun and not ended runs, or was cut off when nothing runs any more. Names and attributes are those of exported traces; span ids follow
/// from the invocation's id and the sequence, so that they are the same whenever the trace is read.
/// </summary>
public sealed class TraceFold(SessionKey session)
{
    internal const string CutOff = "It was cut off.";
    private const string OutOfTime = "The command ran out of time.";
    private readonly List<TraceStep> _steps = [];
    private readonly Dictionary<string, TraceStep> _tools = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TraceStep> _commands = new(StringComparer.Ordinal);
    private InvocationStarted? _started;
    private InvocationEnded? _ended;
    private TraceStep? _root;
    private TraceStep? _cycle;
    private TraceStep? _chat;
    private string? _sandboxId;
    private ModelSwitched? _switched;
    private int _iteration;
    private TokenUsage _usage;

    /// <summary>Takes the next entry.</summary>
    public void Apply(Entry entry)
    {
        switch (entry.Body)
        {
            case InvocationStarted started when _started is null:
                Begin(entry, started);
                break;
            case ModelIntent intent when Runs:
                Ask(entry, intent);
                break;
            case ModelOutcome outcome:
                Answer(outcome);
                break;
            case ToolIntent intent when Runs:
                Call(entry, intent);
                break;
            case ToolOutcome outcome:
                Result(entry, outcome);
                break;
            case HistoryRepaired repaired:
                Cancel(repaired);
                break;
            case InvocationEnded ended:
                End(ended);
                break;
            case SandboxStarted sandbox when Runs:
                StartSandbox(entry, sandbox);
                break;
            case CommandIntent command when Runs:
                RunCommand(entry, command);
                break;
            case CommandOutcome command:
                EndCommand(entry, command);
                break;
            case SandboxEnded:
                _sandboxId = null;
                break;
            case ModelVoided:
                Void();
                break;
            case ModelSwitched switched:
                _switched = switched;
                break;
            case ContextReduced reduced:
                (_cycle ?? _root)?.Set(Names.ContextReduced, OneLine.Of(reduced.Reason));
                break;
            case InvocationStarted or ModelIntent or ToolIntent or SandboxStarted or CommandIntent or InvocationPaused
                or Steered or SessionForked or WorkspaceSaved:
                break;
            default:
                throw new UnreachableException($"The trace does not know entries of {entry.Body.GetType().Name}.");
        }
    }

    /// <summary>The spans in the order in which they began.</summary>
    /// <param name="runs">Whether the session does something now, so that what has not ended can still end.</param>
    public IReadOnlyList<Span> Spans(bool runs)
    {
        if (_root is null)
        {
            return [];
        }

        var open = runs && _ended is null;
        foreach (var cycle in _steps.Where(step => step.Operation == SpanNames.Cycle))
        {
            cycle.Close(_steps.Where(step => step.Parent == cycle), open && cycle == _cycle);
        }

        // A sandbox's start is journaled when it is over, so the order of entries is not that of beginnings; and a command may outlive the invocation.
        return [.. _steps.OrderBy(step => step.StartedAt).ThenBy(step => step.Order).Select(step => step.ToSpan(open || (runs && _commands.ContainsValue(step))))];
    }

    private bool Runs => _root is not null && _ended is null;

    private void Begin(Entry entry, InvocationStarted started)
    {
        _started = started;
        var name = session.HarnessId.LastIndexOf('-') is > 0 and var end ? session.HarnessId[..end] : session.HarnessId;
        _root = Add(entry, SpanNames.Invocation, $"{SpanNames.Invocation} {name}", entry.At, parent: null);
        _root.Set(Names.AgentName, name);
        _root.Set(Names.HarnessVersion, started.Version);
        _root.Set(Names.HarnessQualifier, started.Endpoint);
        if (started.ActorId is { } actor)
        {
            _root.Set(Names.ActorId, actor);
        }
    }

    private void Ask(Entry entry, ModelIntent intent)
    {
        if (intent.Iteration > _iteration)
        {
            _iteration = intent.Iteration;
            _cycle = Add(entry, SpanNames.Cycle, SpanNames.Cycle, entry.At, _root);
            _cycle.Set(Names.CycleId, string.Create(CultureInfo.InvariantCulture, $"{intent.InvocationId}/{intent.Iteration}"));
        }

        _chat = Add(entry, SpanNames.Chat, SpanNames.Chat, entry.At, _cycle ?? _root);
        _chat.Set(Names.ProviderName, intent.Provider);
        _chat.Set(Names.RequestModel, intent.ModelId);
        if (_switched is { } switched)
        {
            _chat.Set(Names.ModelFallback, switched.Fallback);
            _chat.Set(Names.ModelSwitchedFrom, switched.FromModelId);
            _chat.Set(Names.ModelSwitchReason, switched.Failure.ToString());
            _switched = null;
        }

        if (intent.LeftOut is { } leftOut)
        {
            _chat.Set(Names.ContextLeftOut, leftOut);
        }

        _root!.Set(Names.RequestModel, intent.ModelId); // Runs says so.
    }

    private void Answer(ModelOutcome outcome)
    {
        if (_chat is not { } chat)
        {
            return;
        }

        _chat = null;
        _usage += outcome.Usage;
        chat.Usage = outcome.Usage;
        chat.OutputBytes = EntrySizes.Of(outcome.Message);
        chat.Set(Names.ModelAttempts, outcome.Attempts);
        chat.Set(Names.RequestDuration, outcome.DurationMs);
        if (outcome.TimeToFirstMs is { } first)
        {
            chat.Set(Names.TimeToFirstToken, first);
        }

        if (outcome.StopReason is { } reason)
        {
            chat.SetList(Names.FinishReasons, SessionView.Text(reason));
        }

        chat.End(outcome.DurationMs, outcome.Failure ?? (outcome.StopReason is null ? CutOff : null));
    }

    // Nobody knows how long it ran.
    private void Void()
    {
        _chat?.Fail(CutOff);
        _chat = null;
    }

    private void Call(Entry entry, ToolIntent intent)
    {
        var tool = Add(entry, SpanNames.Tool, $"{SpanNames.Tool} {intent.Tool}", entry.At, _cycle ?? _root);
        tool.InputBytes = EntrySizes.Of(intent.Input);
        tool.Set(Names.ToolName, intent.Tool);
        tool.Set(Names.ToolCallId, intent.ToolUseId);
        tool.Set(Names.ToolVerdict, intent.Verdict);
        if (intent.Verdict == "handToClient")
        {
            // The caller answers with another invocation; here nothing runs.
            tool.End(0, error: null);
        }
        else
        {
            _tools[intent.ToolUseId] = tool;
            tool.Command = intent is { Tool: "shell", Server: AllowedTools.BuiltIn, Verdict: "run" } ? intent.Input : null;
        }
    }

    private void Result(Entry entry, ToolOutcome outcome)
    {
        // Answers to calls of the invocation before have no span here.
        if (!_tools.Remove(outcome.Result.ToolUseId, out var tool))
        {
            return;
        }

        var failed = outcome.Result.Status == HarnessToolUseStatus.Error;
        tool.OutputBytes = EntrySizes.Of(outcome.Result);
        tool.Set(Names.ToolStatus, failed ? "error" : "success");
        if (outcome.Offloaded is { } offloaded)
        {
            tool.Set(Names.ToolOffloaded, offloaded.Path);
        }

        tool.End(outcome.DurationMs, failed ? EntrySizes.TextOf(outcome.Result) : null);
        if (tool.Command is { } input && ShellTool.ExitOf(outcome.Result) is var (exitCode, timedOut))
        {
            RunCommand(entry, tool, input, exitCode, timedOut);
        }
    }

    // The journal has the call, and exported traces its command, too: all of the call that was not the sandbox's start.
    private void RunCommand(Entry entry, TraceStep tool, JsonElement input, int? exitCode, bool timedOut)
    {
        var start = _steps.Where(step => step.Parent == tool).Select(step => step.EndedAt).Append(tool.StartedAt).Max();
        var run = Add(entry, SpanNames.Command, SpanNames.Command, start, tool);
        run.InputBytes = input.TryGetProperty("command", out var command) && command.ValueKind == JsonValueKind.String ? Encoding.UTF8.GetByteCount(command.GetString()!) : null;
        if (_sandboxId is { } sandbox)
        {
            run.Set(Names.SandboxId, sandbox);
        }

        if (exitCode is { } code)
        {
            run.Set(Names.ExitCode, code);
        }

        run.End((long)(entry.At - start).TotalMilliseconds, timedOut ? OutOfTime : null);
    }

    // Whoever inserts answers does not know how long the calls ran.
    private void Cancel(HistoryRepaired repaired)
    {
        foreach (var result in repaired.Messages.SelectMany(message => message.Blocks).OfType<Agents.Block.ToolResult>())
        {
            if (_tools.Remove(result.ToolUseId, out var tool))
            {
                tool.Fail(EntrySizes.TextOf(result));
            }
        }
    }

    private void End(InvocationEnded ended)
    {
        if (_root is null || _started?.InvocationId != ended.InvocationId)
        {
            return;
        }

        _ended = ended;
        var error = ended.Fault is null ? null : OneLine.Of(ended.Why);
        _root.Usage = _usage;
        if (ended.StopReason is { } reason)
        {
            _root.Set(Names.StopReason, SessionView.Text(reason));
        }

        if (ended.Fault is { } fault)
        {
            _root.Set(Names.ErrorType, fault);
        }

        if (SessionRepair.IsRepair(ended))
        {
            _root.Fail(error ?? CutOff);
        }
        else
        {
            _root.End(ended.LatencyMs, error);
        }
    }

    /// <summary>The call that a sandbox starts for: of several that are open the first.</summary>
    private TraceStep? Needer => _tools.Values.MinBy(tool => tool.Order);

    private void StartSandbox(Entry entry, SandboxStarted sandbox)
    {
        _sandboxId = sandbox.SandboxId;
        var start = Add(entry, SpanNames.SandboxStart, SpanNames.SandboxStart, entry.At - TimeSpan.FromMilliseconds(sandbox.DurationMs), Needer ?? _cycle ?? _root);
        start.Set(Names.SandboxId, sandbox.SandboxId);
        start.Set(Names.SandboxDriver, sandbox.Driver);
        start.End(sandbox.DurationMs, error: null);
    }

    private void RunCommand(Entry entry, CommandIntent command)
    {
        var run = Add(entry, SpanNames.Command, SpanNames.Command, entry.At, _root);
        run.InputBytes = Encoding.UTF8.GetByteCount(command.Command);
        if (_sandboxId is { } sandbox)
        {
            run.Set(Names.SandboxId, sandbox);
        }

        _commands[command.CommandId] = run;
    }

    private void EndCommand(Entry entry, CommandOutcome command)
    {
        if (!_commands.Remove(command.CommandId, out var run))
        {
            return;
        }

        run.OutputBytes = command.StdoutBytes + command.StderrBytes;
        run.Set(Names.ExitCode, command.ExitCode);
        if (command.Status == "FAILED")
        {
            // Perhaps written after a crash: nobody knows how long it ran.
            run.Fail("The command failed.");
        }
        else
        {
            run.End((long)(entry.At - run.StartedAt).TotalMilliseconds, command.Status == "COMPLETED" ? null : OutOfTime);
        }
    }

    private TraceStep Add(Entry entry, string operation, string name, DateTimeOffset startedAt, TraceStep? parent)
    {
        var step = new TraceStep(SpanId(entry.Sequence, operation), _steps.Count, operation, OneLine.Of(name), startedAt, parent);
        step.Set(Names.OperationName, operation);
        step.Set(Names.SessionId, session.SessionId);
        _steps.Add(step);
        return step;
    }

    private string SpanId(long sequence, string operation)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{_started!.InvocationId}/{sequence}/{operation}")), hash); // A step follows the start.
        return BinaryPrimitives.ReadUInt64BigEndian(hash).ToString("x16", CultureInfo.InvariantCulture);
    }
}
