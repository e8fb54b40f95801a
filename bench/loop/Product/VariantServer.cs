using Belay.Bench.Loop.Processes;
using Belay.Server;
using Belay.Testing.Sessions;
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
        };
        var replacements = new ServerReplacements
        {
            Journal = variant == Variant.MemoryJournal ? time => new InMemoryJournal(time) : null,
            Sealer = variant == Variant.NoSealing ? sealer => new PlainSealer(sealer) : null,
        };
        var parts = await ServerParts.OpenAsync(settings, replacements, NullLoggerFactory.Instance, CancellationToken.None);
        await using var server = BelayServer.Create(settings, parts);
        await server.StartAsync(CancellationToken.None);
        Console.WriteLine(server.Address);
        await Counters.AnswerAsync();
        await server.StopAsync(CancellationToken.None);
    }
}
