namespace Belay.Sessions;

/// <summary>The open journal of one session: seals, chains and appends entries, and reads them back.</summary>
public sealed class SessionJournal
{
}
