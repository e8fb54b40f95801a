using System.Diagnostics.Tracing;

/// <summary>
/// Runs inside the server whose start is looked at, before its own code: the runtime finds it by this name. It writes down every method that
/// the process compiles, since only the runtime knows which instances of generic code those are.
/// </summary>
#pragma warning disable CA1050 // The runtime looks for it outside every namespace.
internal sealed class StartupHook : EventListener
#pragma warning restore CA1050
{
    private const EventKeywords Compiled = (EventKeywords)0x10;

    // For the life of the process.
    private static StartupHook? _hook;
    private StreamWriter? _file;

    /// <summary>What the runtime calls.</summary>
    public static void Initialize() => _hook = new();

    /// <summary>Where a process writes.</summary>
    public static string PathOf(int process) => Path.Combine(Path.GetTempPath(), $"belay-start-{process}.methods");

    /// <inheritdoc/>
    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name == "Microsoft-Windows-DotNETRuntime")
        {
            _file = new(PathOf(Environment.ProcessId)) { AutoFlush = true };
            EnableEvents(eventSource, EventLevel.Verbose, Compiled);
        }
    }

    /// <inheritdoc/>
    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        if (eventData.EventName?.StartsWith("MethodLoadVerbose", StringComparison.Ordinal) == true && eventData is { PayloadNames: { } names, Payload: { } values } && _file is { } file)
        {
            lock (file)
            {
                file.WriteLine($"{values[names.IndexOf("MethodNamespace")]}\t{values[names.IndexOf("MethodName")]}\t{values[names.IndexOf("MethodSignature")]}");
            }
        }
    }
}
