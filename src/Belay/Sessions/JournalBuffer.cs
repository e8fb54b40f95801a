using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Belay.Sessions;

/// <summary>Memory of a thread in which bodies are written before they are sealed, one after the other.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A writer into memory holds nothing to dispose; it goes with its thread.")]
internal sealed class JournalBuffer
{
    private const int StartBytes = 4 * 1024;

    // A long body is rare; its memory does not stay with every thread.
    private const int KeptBytes = 64 * 1024;

    [ThreadStatic]
    private static JournalBuffer? _ofThread;

    private readonly ArrayBufferWriter<byte> _bytes = new(StartBytes);
    private readonly Utf8JsonWriter _json;

    private JournalBuffer() => _json = new(_bytes, new JsonWriterOptions { Encoder = JournalJson.Default.Options.Encoder, MaxDepth = JournalJson.Default.Options.MaxDepth, SkipValidation = true });

    /// <summary>A body as UTF-8 JSON; valid until this thread writes the next one.</summary>
    public static ReadOnlySpan<byte> Write(EntryBody body)
    {
        var buffer = _ofThread ?? new();
        _ofThread = null;
        buffer._bytes.ResetWrittenCount();
        buffer._json.Reset();
        JournalJson.Serialize(buffer._json, body);
        if (buffer._bytes.Capacity <= KeptBytes)
        {
            _ofThread = buffer;
        }

        return buffer._bytes.WrittenSpan;
    }
}
