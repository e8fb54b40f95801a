namespace Belay.Replays;

/// <summary>A recording cannot be replayed at all; the message says why.</summary>
public sealed class ReplayException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>The replay is over before the engine is: nothing more was recorded, or it diverged.</summary>
internal sealed class ReplayOverException() : Exception("The replay is over.");

/// <summary>Stands for the fault of ours that ended the recorded invocation here.</summary>
internal sealed class RecordedFaultException() : Exception("The recorded invocation broke here.");
