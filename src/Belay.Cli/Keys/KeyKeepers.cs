using System.CommandLine;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Contracts.Identity;
using Belay.Storage;

namespace Belay.Cli.Keys;

/// <summary>Chooses who looks after the keys.</summary>
internal static class KeyKeepers
{
    /// <summary>The server that <c>--url</c> names or that holds the data directory; else the directory.</summary>
    public static IKeyKeeper For(ConnectionOptions connection, ParseResult parsed, CliHost host)
    {
        var directory = connection.DataDirectory(parsed, host);
        return connection.NamesUrl(parsed) || IsHeld(directory)
            ? new ServerKeys(connection.Connect(parsed, host))
            : new DirectoryKeys(directory, connection.Region(parsed, host), host);
    }

    /// <summary>Whether a server holds a data directory.</summary>
    public static bool IsHeld(string directory)
    {
        try
        {
            return DataDirectoryLock.IsHeld(directory);
        }
        catch (Exception cause) when (cause is UnauthorizedAccessException or IOException)
        {
            throw new CliException(ExitCode.Refused, $"Could not read {directory}: {cause.Message}", "Run as the owner of the directory, or choose another with --data.", cause);
        }
    }

    private sealed class ServerKeys(BelayClient client) : IKeyKeeper
    {
        public async Task<IReadOnlyList<KeySummary>> ListKeysAsync(CancellationToken cancellationToken) => (await client.ListKeysAsync(cancellationToken)).Keys;

        public Task<CreateKeyResponse> CreateKeyAsync(string account, string? description, CancellationToken cancellationToken) =>
            client.CreateKeyAsync(account, description, cancellationToken);

        public Task DeleteKeyAsync(string accessKeyId, CancellationToken cancellationToken) => client.DeleteKeyAsync(accessKeyId, cancellationToken);

        public async Task<IReadOnlyList<TokenSummary>> ListTokensAsync(CancellationToken cancellationToken) => (await client.ListTokensAsync(cancellationToken)).Tokens;

        public Task<CreateTokenResponse> CreateTokenAsync(string? name, int? expiresInSeconds, CancellationToken cancellationToken) =>
            client.CreateTokenAsync(name, expiresInSeconds, cancellationToken);

        public Task DeleteTokenAsync(string tokenId, CancellationToken cancellationToken) => client.DeleteTokenAsync(tokenId, cancellationToken);

        public void Dispose() => client.Dispose();
    }
}
