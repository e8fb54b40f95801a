namespace Belay.Storage;

/// <summary>The store could not read or write: the disk is full, broken or not ours any more. The message says what to do.</summary>
public sealed class StorageException(string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>Why, in words that name nothing of the host, so that any caller may read them; null when there are none.</summary>
    public string? Why
    {
        get => field ?? (InnerException as StorageException)?.Why;
        init;
    }
}
