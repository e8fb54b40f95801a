using Belay.Bench.Loop.Processes;
using Belay.Identity;
using Belay.Server;
using Belay.Server.Logging;
using Belay.Storage;
using Belay.Testing.Sessions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Bench.Loop.Product;

/// <summary>The bench's own composition root: the product with one part replaced.</summary>
internal static class VariantServer
{
    /// <summary>Serves until standard input ends.</summary>
    public static async Task RunAsync(Variant variant, string dataDirectory)
    {
        var settings = new ServerSettings { DataDirectory = dataDirectory, Port = 0 };
        settings = settings with
        {
            Sessions = settings.Sessions with
            {
                MaxActive = BelayProgram.MaxActive,
                MaxIdle = variant == Variant.Cold ? 0 : settings.Sessions.MaxIdle,
            },
            Telemetry = settings.Telemetry with { Metrics = variant != Variant.NoTelemetry },
            Storage = settings.Storage with { Synchronous = variant == Variant.NotSynced ? SynchronousMode.Normal : settings.Storage.Synchronous },
        };
        var replacements = new ServerReplacements
        {
            Journal = variant == Variant.MemoryJournal ? _ => new InMemoryJournal(TimeProvider.System) : null,
            Sealer = variant == Variant.NoSealing ? sealer => new PlainSealer(sealer) : null,
        };
        var parts = await ServerParts.OpenAsync(settings, replacements, NullLoggerFactory.Instance, new LogLevels(LogLevel.None), CancellationToken.None);
        if (variant == Variant.Bearer)
        {
            var key = AccessKeys.Open(dataDirectory, MasterKey.LoadOrCreate(dataDirectory), TimeProvider.System, IdSource.System).List()[0];
            parts = parts with { Authenticator = new BearerAuthenticator(key, settings.Region, parts.Authenticator) };
        }

        await using var server = BelayServer.Create(settings, parts);
        await server.StartAsync(CancellationToken.None);
        Console.WriteLine(server.Address);
        await Counters.AnswerAsync();
        await server.StopAsync(CancellationToken.None);
    }
}
