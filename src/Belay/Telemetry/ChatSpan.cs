using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using Belay.Contracts.Invocations;
using Belay.Models;
using Names = Belay.Telemetry.TelemetryNames;

namespace Belay.Telemetry;

/// <summary>One attempt at a model call, as a span and as measurements. It stands in the stream and sees what comes through.</summary>
internal sealed class ChatSpan : IDisposable
{
    private readonly Instrumentation _instruments;
    private readonly Activity? _span;
    private readonly IModel _model;
    private readonly ModelRequest _request;
    private readonly long _started;
    private readonly StringBuilder? _said;
    private TimeSpan? _first;
    private TokenUsage? _usage;
    private HarnessStopReason? _finish;
    private string? _error;

    private ChatSpan(Instrumentation instruments, ActivityContext parent, string sessionId, IModel model, ModelRequest request)
    {
        (_instruments, _model) = (instruments, model);
        _started = instruments.Time.GetTimestamp();
        _span = instruments.Start(Names.Spans.Chat, ActivityKind.Internal, Names.Spans.Chat, parent, sessionId, model.Provider);
        _span?.SetTag(Names.Attributes.RequestModel, model.ModelId);
        _request = _span is null ? request : request with { Trace = TraceContext.Of(_span) };
        instruments.ActiveModelCalls.Add(1);
        if (_span is { IsAllDataRequested: true } && instruments.CapturesContent)
        {
            _said = new();
            if (!instruments.LatestConventions)
            {
                ContentEvents.AddInput(_span, request);
            }
        }
    }

    private string? Finish => _finish is { } reason ? Instrumentation.Word(reason) : null;

    /// <summary>The model's reply to a request, observed.</summary>
    public static async IAsyncEnumerable<ModelEvent> ObserveAsync(
        Instrumentation instruments, ActivityContext parent, string sessionId, IModel model, ModelRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var chat = new ChatSpan(instruments, parent, sessionId, model, request);
        await using var events = model.StreamAsync(chat._request, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await chat.NextAsync(events))
        {
            yield return events.Current;
        }
    }

    /// <summary>Ends it. A reader that left early leaves a span that says so.</summary>
    public void Dispose()
    {
        var took = _instruments.Time.GetElapsedTime(_started);
        _instruments.ActiveModelCalls.Add(-1);
        Measure(took);
        if (_span is { IsAllDataRequested: true } span)
        {
            Describe(span, took);
        }

        _instruments.End(_span);
    }

    private async ValueTask<bool> NextAsync(IAsyncEnumerator<ModelEvent> events)
    {
        try
        {
            if (await events.MoveNextAsync())
            {
                See(events.Current);
                return true;
            }

            // What ends without its finish marker is no answer, and whoever folds it says so.
            Fail(_finish is null ? nameof(ModelFailure.Broken) : null, null);
            return false;
        }
        catch (ModelException failure)
        {
            Fail(failure.Failure.ToString(), failure);
            throw;
        }
        catch (OperationCanceledException)
        {
            _span?.SetTag(Names.Attributes.Cancelled, true);
            throw;
        }
        catch (Exception failure)
        {
            Fail("internal", failure);
            throw;
        }
    }

    private void See(ModelEvent happened)
    {
        switch (happened)
        {
            case ModelEvent.Usage usage:
                _usage = usage.Tokens;
                return;
            case ModelEvent.Stopped stopped:
                _finish = stopped.Reason;
                break;
            case ModelEvent.Text text:
                Say(text.Value);
                break;
            case ModelEvent.ToolOpened opened when _said is not null:
                Say($"\n{opened.Name}");
                break;
            case ModelEvent.ToolInput input:
                Say(input.Fragment);
                break;
            default:
                break;
        }

        _first ??= _instruments.Time.GetElapsedTime(_started);
    }

    // Twice what an event may have, so that cutting shows a beginning and an end of something.
    private void Say(string text)
    {
        if (_said?.Length < 2 * ContentEvents.MaxBytes)
        {
            _said.Append(text.AsSpan(0, Math.Min(text.Length, 2 * ContentEvents.MaxBytes)));
        }
    }

    private void Fail(string? error, Exception? exception)
    {
        _error = error;
        if (error is not null)
        {
            _instruments.Fail(_span, error, exception);
        }
    }

    private void Measure(TimeSpan took)
    {
        if (!_instruments.OperationDuration.Enabled)
        {
            return;
        }

        var tags = new TagList
        {
            { Names.Attributes.OperationName, Names.Spans.Chat },
            { Names.Attributes.RequestModel, _model.ModelId },
            { Names.Attributes.ProviderName, Instrumentation.WellKnown(_model.Provider) },
        };
        _instruments.Latency.Record(took.TotalMilliseconds, tags);
        if (_first is { } first)
        {
            _instruments.TimeToFirstToken.Record(first.TotalMilliseconds, tags);
        }

        if (_usage is { } usage)
        {
            _instruments.InputTokens.Record(usage.Input, tags);
            _instruments.OutputTokens.Record(usage.Output, tags);
            _instruments.CacheReadTokens.Record(usage.CacheRead, tags);
            _instruments.CacheWriteTokens.Record(usage.CacheWrite, tags);
            _instruments.TokenUsage.Record(usage.Input, Typed(tags, "input"));
            _instruments.TokenUsage.Record(usage.Output, Typed(tags, "output"));
        }

        if (_error is not null)
        {
            tags.Add(Names.Attributes.ErrorType, _error);
        }

        _instruments.OperationDuration.Record(took.TotalSeconds, tags);
    }

    private static TagList Typed(TagList tags, string type)
    {
        tags.Add(Names.Attributes.TokenType, type);
        return tags;
    }

    private void Describe(Activity span, TimeSpan took)
    {
        span.SetTag(Names.Attributes.RequestDuration, (long)took.TotalMilliseconds);
        if (_first is { } first)
        {
            span.SetTag(Names.Attributes.TimeToFirstToken, (long)first.TotalMilliseconds);
        }

        if (_finish is not null)
        {
            span.SetTag(Names.Attributes.FinishReasons, new[] { Finish });
        }

        if (_usage is { } usage)
        {
            AddUsage(span, usage);
        }

        if (_said is null)
        {
            return;
        }

        if (_instruments.LatestConventions)
        {
            ContentEvents.AddDetails(span, _request, _said.ToString(), Finish);
        }
        else
        {
            ContentEvents.AddChoice(span, _said.ToString(), Finish);
        }
    }

    /// <summary>Adds token counts, under their newer and older names.</summary>
    public static void AddUsage(Activity span, TokenUsage usage)
    {
        span.SetTag(Names.Attributes.InputTokens, usage.Input);
        span.SetTag(Names.Attributes.OutputTokens, usage.Output);
        span.SetTag(Names.Attributes.TotalTokens, (long)usage.Input + usage.Output);
        span.SetTag(Names.Attributes.PromptTokens, usage.Input);
        span.SetTag(Names.Attributes.CompletionTokens, usage.Output);
        span.SetTag(Names.Attributes.CacheReadTokens, usage.CacheRead);
        span.SetTag(Names.Attributes.CacheWriteTokens, usage.CacheWrite);
    }
}
