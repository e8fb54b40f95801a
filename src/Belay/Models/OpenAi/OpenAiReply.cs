using System.Text.Json;

namespace Belay.Models.OpenAi;

/// <summary>
/// A reply of one of OpenAI's protocols: server-sent events, which may end with <c>[DONE]</c>, or one object from a server that does not
/// stream although it was asked to.
/// </summary>
/// <param name="streamed">Whether the server said that it streams.</param>
/// <param name="maxEventBytes">Largest line, event or unstreamed answer.</param>
/// <param name="provider">Name for messages.</param>
internal abstract class OpenAiReply(bool streamed, int maxEventBytes, string provider) : IReplyParser
{
    private readonly SseReader _sse = new(maxEventBytes, provider);
    private MemoryStream? _whole = streamed ? null : new();

    /// <inheritdoc/>
    public abstract bool Finished { get; }

    /// <inheritdoc/>
    public bool Ended { get; protected set; }

    /// <inheritdoc/>
    public void Feed(ReadOnlySpan<byte> bytes, List<ModelEvent> events)
    {
        if (_whole is { } whole)
        {
            if (whole.Length + bytes.Length > maxEventBytes)
            {
                throw Malformed($"the answer has more than {maxEventBytes} bytes");
            }

            whole.Write(bytes);
            return;
        }

        while (!Ended && _sse.TryRead(ref bytes, out var data))
        {
            TakeData(data, events);
        }
    }

    /// <inheritdoc/>
    public void End(List<ModelEvent> events)
    {
        if (_whole is { } whole)
        {
            _whole = null;
            TakeWhole(whole.GetBuffer().AsSpan(0, (int)whole.Length), events);
        }

        if (!Ended && _sse.TryEnd(out var last))
        {
            TakeLast(last, events);
        }

        Ended = true;
        Finish(events);
    }

    /// <summary>Takes an event's data, or the whole of an answer that was not streamed.</summary>
    /// <exception cref="JsonException">It is not the JSON that it should be.</exception>
    protected abstract void Take(ReadOnlySpan<byte> json, List<ModelEvent> events);

    /// <summary>Everything has come: adds the last events, or throws because the finish marker never came.</summary>
    protected abstract void Finish(List<ModelEvent> events);

    /// <summary>The reply violates its protocol.</summary>
    protected ModelException Malformed(string what, Exception? cause = null) => new(ModelFailure.Malformed, $"{provider}: {what}", cause: cause);

    /// <summary>The reply broke off.</summary>
    protected ModelException Broken(string what, Exception? cause = null) => new(ModelFailure.Broken, $"{provider}: {what}", cause: cause);

    /// <summary>The provider tells an error in the place of its reply.</summary>
    protected ModelException Told(ReadOnlySpan<byte> error) => ProviderError.FromStream(provider, error);

    private void TakeWhole(ReadOnlySpan<byte> body, List<ModelEvent> events)
    {
        if (body.TrimStart(" \t\r\n"u8) is [(byte)'{', ..])
        {
            TakeData(body, events);
            return;
        }

        // Not JSON whatever its content type says: a stream under the wrong label.
        Feed(body, events);
    }

    private void TakeLast(ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        try
        {
            TakeData(data, events);
        }
        catch (ModelException exception) when (exception.Failure is ModelFailure.Malformed && exception.InnerException is JsonException)
        {
            // No blank line ended this event, so it is cut off rather than wrong.
            if (!Finished)
            {
                throw Broken("the stream ended inside an event", exception);
            }
        }
    }

    private void TakeData(ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        if (data.Trim((byte)' ').SequenceEqual("[DONE]"u8))
        {
            // No word of every protocol, but servers that imitate one say so.
            Ended = true;
            return;
        }

        try
        {
            Take(data, events);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // InvalidOperationException is how the framework refuses text, or a member's name, that is none.
            throw Malformed("an event of the stream is not the JSON that it should be", exception);
        }
    }
}
