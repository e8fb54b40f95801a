using System.Text.Json;
using Belay.Contracts.Invocations;
using Belay.Sessions;
using Belay.Tools;

namespace Belay.Agents;

/// <summary>
/// Runs calls whose intents are journaled, side by side, and streams and stores their results in call order. Whatever a tool does, its
/// call gets a result: a tool's failure never ends a turn.
/// </summary>
public sealed class ToolDispatch(InvocationSettings settings, TimeProvider time)
{
    /// <summary>Runs one group of calls. When cancelled it kills what runs, keeps what was finished, and throws.</summary>
    public async Task RunAsync(InvocationRun run, ToolStep.Run group, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var gate = new SemaphoreSlim(Math.Max(1, run.Invocation.ToolConcurrency));
        var calls = group.Calls.Select(item => RunOneAsync(run, item.Call, item.Verdict, gate, stop.Token)).ToArray();
        var stored = 0;
        try
        {
            foreach (var call in calls)
            {
                var outcome = await call;
                cancellationToken.ThrowIfCancellationRequested();
                await run.AppendAsync(Durability.Queued, outcome);
                var index = stored++;
                if (index == 0)
                {
                    await run.Events.WriteAsync(new HarnessMessageStartEvent { Role = HarnessConversationRole.User }, cancellationToken);
                }

                foreach (var shown in ToolResultEvents.Of(outcome.Result, index))
                {
                    await run.Events.WriteAsync(shown, cancellationToken);
                }
            }

            await run.Events.WriteAsync(new HarnessMessageStopEvent { StopReason = HarnessStopReason.ToolResult }, cancellationToken);
        }
        finally
        {
            await stop.CancelAsync();
            var outcomes = await Task.WhenAll(calls);
            if (!run.GoesOnLater)
            {
                await run.AppendAsync(Durability.Queued, [.. outcomes.Skip(stored).Select(outcome => outcome with { Shown = false })]);
            }
        }
    }

    private async Task<ToolOutcome> RunOneAsync(InvocationRun run, Block.ToolUse call, ToolVerdict verdict, SemaphoreSlim gate, CancellationToken cancellationToken)
    {
        if (verdict is not ToolVerdict.Run { Tool: var tool })
        {
            // Asking a person needs someone to ask; until then the answer is no.
            var reason = verdict is ToolVerdict.Deny deny ? deny.Reason : "Error: this call needs an approval that nobody can give here.";
            return new(run.Invocation.Id, History.Error(call.Id, reason), 0, call.Name);
        }

        try
        {
            await gate.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // Like one that was stopped as it began: which of the two it was is a matter of chance.
            return new(run.Invocation.Id, ToBlock(call, tool, ToolResult.Error(History.Cancelled), 0), 0, call.Name);
        }

        using var span = run.Telemetry.Tool(new(call.Id, call.Input), tool.Spec);
        var started = time.GetTimestamp();
        ToolResult result;
        try
        {
            result = await RunWithGraceAsync(run, call, tool, cancellationToken);
        }
        finally
        {
            gate.Release();
        }

        var duration = (long)(result.Took ?? time.GetElapsedTime(started)).TotalMilliseconds;
        span.Done(result, duration);
        var answer = ToBlock(call, tool, result, duration);
        var offloaded = result.Offloaded ?? (run.Offloads is { } offloads ? await offloads.StoreAsync(tool.Spec, answer, cancellationToken) : null);
        return new(run.Invocation.Id, answer, duration, call.Name, Offloaded: offloaded);
    }

    // A tool that ignores its cancellation is left alone after a grace time; its late end changes nothing, because it cannot throw.
    private async Task<ToolResult> RunWithGraceAsync(InvocationRun run, Block.ToolUse call, ITool tool, CancellationToken cancellationToken)
    {
        var work = RunGuardedAsync(run, call, tool, cancellationToken);
        try
        {
            return await work.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            try
            {
                return await work.WaitAsync(settings.ToolGrace, time, CancellationToken.None);
            }
            catch (TimeoutException)
            {
                return ToolResult.Error(History.Cancelled);
            }
        }
    }

    private static Dictionary<string, string> Variables(Invocation invocation) =>
        invocation.ActorId is { } actor ? new() { ["BEDROCK_AGENTCORE_ACTOR_ID"] = actor } : [];

    private static async Task<ToolResult> RunGuardedAsync(InvocationRun run, Block.ToolUse call, ITool tool, CancellationToken cancellationToken)
    {
        try
        {
            return await tool.RunAsync(new(call.Id, call.Input), new(run.Sandbox, run.Signal.Remaining) { Environment = Variables(run.Invocation), Offloads = run.Offloads }, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return ToolResult.Error(History.Cancelled);
        }
#pragma warning disable CA1031 // The tool is foreign code: what it throws is for the model to read.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return ToolResult.Error($"Error: {exception.Message}");
        }
    }

    private Block.ToolResult ToBlock(Block.ToolUse call, ITool tool, ToolResult result, long duration)
    {
        var left = settings.ToolResultBytes;
        var content = new List<ToolContent>();
        foreach (var item in result.Content)
        {
            var bounded = Bounded(item, left);
            left -= Size(bounded);
            content.Add(bounded);
            if (left <= 0)
            {
                break;
            }
        }

        var metadata = result.Metadata ?? (tool.Spec.Server == AllowedTools.BuiltIn ? Duration(duration) : null);
        return new(call.Id, result.Status, content, metadata);
    }

    private ToolContent Bounded(ToolContent item, int bytes) => item switch
    {
        ToolContent.Text text => new ToolContent.Text(Utf8Pieces.CutMiddle(text.Value, bytes)),
        ToolContent.Json json when Size(json) > bytes => new ToolContent.Text(Utf8Pieces.CutMiddle(json.Value.GetRawText(), bytes)),
        ToolContent.Image image when image.Bytes.Length > bytes => new ToolContent.Text(
            $"[{image.MediaType} of {image.Bytes.Length} bytes left out: a tool result holds at most {settings.ToolResultBytes} bytes]"),
        _ => item,
    };

    private static int Size(ToolContent item) => item switch
    {
        ToolContent.Text text => System.Text.Encoding.UTF8.GetByteCount(text.Value),
        ToolContent.Json json => System.Text.Encoding.UTF8.GetByteCount(json.Value.GetRawText()),
        ToolContent.Image image => image.Bytes.Length,
        _ => 0,
    };

    private static JsonElement Duration(long milliseconds) => JsonElement.Parse($$"""{"durationMs":{{milliseconds}}}""");
}
