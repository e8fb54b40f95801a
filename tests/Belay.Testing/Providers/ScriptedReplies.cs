using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using Belay.Models;
using Belay.Models.Scripted;
using Belay.Testing.Models;

namespace Belay.Testing.Providers;

/// <summary>
/// What a provider answers in whichever of the wire formats it is asked: it reads the request as strictly as the real one, lets the
/// scripted model reply to the conversation in it, and does it badly where a test wants that. A request that breaks a rule is
/// answered with 400 and kept in <see cref="Problems"/>.
/// </summary>
public sealed class ScriptedReplies
{
    private readonly ConcurrentQueue<ReceivedCall> _calls = new();
    private readonly ConcurrentQueue<string> _problems = new();
    private readonly ScriptedModel _scripted;
    private int _numbers;

    /// <summary>Creates the replies of a provider.</summary>
    /// <param name="time">The clock of the scripted model's pauses.</param>
    public ScriptedReplies(TimeProvider time) => _scripted = new ScriptedModel(time, new ScriptedAttempts());

    /// <summary>Calls that broke no rule, in order.</summary>
    public IReadOnlyList<ReceivedCall> Calls => [.. _calls];

    /// <summary>Every rule that a request broke.</summary>
    public IReadOnlyList<string> Problems => [.. _problems];

    /// <summary>What goes wrong with a call; nothing by default.</summary>
    public Func<ReceivedCall, ProviderFault?> Faults { get; set; } = _ => null;

    /// <summary>Replies in place of the scripted model; null where it replies itself.</summary>
    public Func<ReceivedCall, IEnumerable<ModelEvent>?> Reply { get; set; } = _ => null;

    /// <summary>A client that waits for what does not come: ends when it has left.</summary>
    public Func<CancellationToken, Task> Hang { get; set; } = token => Task.Delay(Timeout.InfiniteTimeSpan, token);

    /// <summary>Answers a request.</summary>
    /// <exception cref="IOException">The connection breaks without an answer.</exception>
    public async Task<ProviderAnswer> AnswerAsync(ProviderRequest request, CancellationToken cancellationToken)
    {
        var (call, problems) = RequestReader.Read(request, Interlocked.Increment(ref _numbers));
        if (call is null || problems.Count > 0)
        {
            foreach (var problem in problems)
            {
                _problems.Enqueue($"{request.Target}: {problem} in {request.Text}");
            }

            var refusal = new JsonObject { ["error"] = new JsonObject { ["message"] = string.Join("; ", problems), ["type"] = "invalid_request_error" } };
            return Whole(400, refusal, new Dictionary<string, string>());
        }

        _calls.Enqueue(call);
        var writer = ReplyWriter.For(call);
        var fault = Faults(call);
        switch (fault)
        {
            case ProviderFault.Reset:
                throw new IOException("The connection was reset.");
            case ProviderFault.Hang { After: null }:
                await Hang(cancellationToken);
                throw new IOException("Nothing came.");
            case ProviderFault.Status status:
                return Error(call, writer, status.Code, ModelFailure.Throttled, "as the test wants it", status.RetryAfter);
            default:
                return await StreamAsync(call, writer, fault, cancellationToken);
        }
    }

    private static ProviderAnswer Error(ReceivedCall call, ReplyWriter writer, int status, ModelFailure failure, string message, TimeSpan? retryAfter = null)
    {
        // As careless as some are: what was sent as a key comes back in the message.
        var error = writer.Error(status, failure, $"{message}, asked with {(call.Key.Length == 0 ? "no key" : call.Key)}");
        var headers = error.Headers.ToDictionary();
        if (retryAfter is { } wait)
        {
            headers["retry-after"] = wait.TotalSeconds.ToString("0", CultureInfo.InvariantCulture);
        }

        return Whole(status, error.Body, headers);
    }

    private static ProviderAnswer Whole(int status, JsonObject body, IReadOnlyDictionary<string, string> headers)
    {
        return new ProviderAnswer(status, "application/json", headers, Once(Encoding.UTF8.GetBytes(body.ToJsonString())));

        static async IAsyncEnumerable<byte[]> Once(byte[] bytes)
        {
            await Task.CompletedTask;
            yield return bytes;
        }
    }

    private async Task<ProviderAnswer> StreamAsync(ReceivedCall call, ReplyWriter writer, ProviderFault? fault, CancellationToken cancellationToken)
    {
        // A failure that a script names before anything else is an answer of its own.
        var events = (Reply(call) is { } prepared ? Yield(prepared) : _scripted.StreamAsync(call.Asked, cancellationToken)).GetAsyncEnumerator(cancellationToken);
        bool any;
        try
        {
            any = await events.MoveNextAsync();
        }
        catch (ModelException exception)
        {
            await events.DisposeAsync();
            return exception.Failure switch
            {
                ModelFailure.Throttled => Error(call, writer, 429, exception.Failure, exception.Message),
                ModelFailure.ContextTooLong => Error(call, writer, 400, exception.Failure, exception.Message),
                ModelFailure.Refused => Error(call, writer, 401, exception.Failure, exception.Message),
                ModelFailure.Malformed => Answer(One(writer.Garbage()), happens: null),
                _ => throw new IOException("The connection broke, as the script says."),
            };
        }

        return Answer(PiecesAsync(events, any, writer, cancellationToken), fault);

        ProviderAnswer Answer(IAsyncEnumerable<ReplyPiece> pieces, ProviderFault? happens) =>
            new(200, writer.ContentType, new Dictionary<string, string>(), FaultyBody.Of(pieces, happens, writer, Hang, cancellationToken));
    }

    private static async IAsyncEnumerable<ReplyPiece> PiecesAsync(
        IAsyncEnumerator<ModelEvent> events, bool any, ReplyWriter writer, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var owned = events;
        foreach (var piece in writer.Begin())
        {
            yield return piece;
        }

        TokenUsage usage = default;
        ModelException? failure = null;
        for (; any; (any, failure) = await NextAsync(events))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (events.Current is ModelEvent.Usage tokens)
            {
                usage = tokens.Tokens;
                continue;
            }

            foreach (var piece in events.Current is ModelEvent.Stopped stopped ? writer.End(stopped.Reason, usage) : writer.Write(events.Current))
            {
                yield return piece;
            }
        }

        switch (failure?.Failure)
        {
            case null:
                break;
            case ModelFailure.Broken or ModelFailure.Unreachable:
                throw new IOException("The connection broke, as the script says.");
            case ModelFailure.Malformed:
                yield return writer.Garbage();
                break;
            default:
                foreach (var piece in writer.Fail(failure.Failure, failure.Message))
                {
                    yield return piece;
                }

                break;
        }
    }

    private static async Task<(bool Any, ModelException? Failure)> NextAsync(IAsyncEnumerator<ModelEvent> events)
    {
        try
        {
            return (await events.MoveNextAsync(), null);
        }
        catch (ModelException exception)
        {
            return (false, exception);
        }
    }

    private static async IAsyncEnumerable<ModelEvent> Yield(IEnumerable<ModelEvent> events)
    {
        await Task.CompletedTask;
        foreach (var one in events)
        {
            yield return one;
        }
    }

    private static async IAsyncEnumerable<ReplyPiece> One(ReplyPiece piece)
    {
        await Task.CompletedTask;
        yield return piece;
    }
}
