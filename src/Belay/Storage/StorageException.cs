namespace Belay.Storage;

/// <summary>The store could not read or write: the disk is full, broken or not ours any more. The message says what to do.</summary>
public sealed class StorageException(string message, Exception? cause = null) : Exception(message, cause);
