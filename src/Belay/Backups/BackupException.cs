namespace Belay.Backups;

/// <summary>An archive that cannot be read or restored. The message is one line for the operator.</summary>
public sealed class BackupException(string message, Exception? cause = null) : Exception(message, cause);
