using Belay.Identity;
using Belay.Server.Wire;
using Belay.Storage;
using Microsoft.Extensions.Logging;

namespace Belay.Server;

/// <summary>What a server is made of. <see cref="Open"/> composes the real one; tests put their own parts in.</summary>
public sealed record ServerParts
{
    /// <summary>What the server serves.</summary>
    public required IReadOnlyList<Operation> Operations { get; init; }

    /// <summary>Who may call.</summary>
    public required AccessKeys Keys { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Where ids come from.</summary>
    public IdSource Ids { get; init; } = IdSource.System;

    /// <summary>Where logs go.</summary>
    public required ILoggerFactory Logging { get; init; }

    /// <summary>What is disposed after the last request has ended, in this order.</summary>
    public IReadOnlyList<object> Owned { get; init; } = [];

    /// <summary>The composition root: opens the data directory and builds every part from its settings.</summary>
    public static ServerParts Open(ServerSettings settings, ILoggerFactory logging)
    {
        var time = TimeProvider.System;
        var ids = IdSource.System;

        // 1. The data directory is ours alone, and has its master key and a first access key.
        var directory = DataDirectoryLock.Take(settings.DataDirectory);
        var masterKey = MasterKey.LoadOrCreate(settings.DataDirectory);
        var keys = AccessKeys.Open(settings.DataDirectory, masterKey, time, ids);
        keys.EnsureFirst(settings.DefaultAccount);

        return new ServerParts { Operations = [], Keys = keys, Time = time, Ids = ids, Logging = logging, Owned = [directory] };
    }
}
