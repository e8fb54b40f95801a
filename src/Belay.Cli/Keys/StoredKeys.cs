using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Identity;

namespace Belay.Cli.Keys;

/// <summary>The access keys of a data directory, with what can go wrong said in words.</summary>
internal static class StoredKeys
{
    /// <summary>The oldest key and its account; null when the directory holds none.</summary>
    public static (SigningKey Key, string Account)? First(string directory, CliHost host) => Opening(directory, () =>
    {
        if (MasterKey.TryLoad(directory) is not { } master || AccessKeys.Open(directory, master, host.Time, host.Ids).List() is not [var first, ..])
        {
            return default((SigningKey, string)?);
        }

        return (new SigningKey(first.Id, first.Secret), first.Account);
    });

    /// <summary>The keys; directory and master key are made when there are none.</summary>
    public static AccessKeys OpenOrCreate(string directory, CliHost host) =>
        Opening(directory, () => AccessKeys.Open(directory, MasterKey.LoadOrCreate(directory), host.Time, host.Ids));

    /// <summary>The keys; null when the directory has never had any.</summary>
    public static AccessKeys? Open(string directory, CliHost host) =>
        Opening(directory, () => MasterKey.TryLoad(directory) is { } master ? AccessKeys.Open(directory, master, host.Time, host.Ids) : null);

    private static T Opening<T>(string directory, Func<T> open)
    {
        try
        {
            return open();
        }
        catch (InvalidDataException damaged)
        {
            throw new CliException(ExitCode.Refused, $"Could not read the keys: {damaged.Message}", cause: damaged);
        }
        catch (Exception cause) when (cause is UnauthorizedAccessException or IOException)
        {
            throw new CliException(ExitCode.Refused, $"Could not read the keys in {directory}: {cause.Message}", "Run as the owner of the directory, or choose another with --data.", cause);
        }
    }
}
