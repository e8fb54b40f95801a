using Belay.Cli.CommandLine;
using Belay.Sandboxes;
using Belay.Server;
using Microsoft.Extensions.Logging;

namespace Belay.Cli.Serving;

/// <summary>Turns what the command line says into a running server; <see cref="ServerParts.Open"/> builds its parts.</summary>
internal static class Composition
{
    /// <summary>Starts a server and answers when it serves.</summary>
    public static async Task<RunningServer> StartAsync(ServeSettings settings, CancellationToken cancellationToken)
    {
        var server = Create(settings);
        try
        {
            await server.StartAsync(cancellationToken);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }

        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Stopping.Register(stopped.SetResult);
        return new RunningServer(server.Address, settings.Sandbox, stopped.Task, async () =>
        {
            // Stopping has a deadline of its own in the settings: what asked for it has been cancelled already.
            await server.StopAsync(CancellationToken.None);
            await server.DisposeAsync();
        });
    }

    /// <summary>Every sandbox driver of this program, in the order in which <c>auto</c> tries them.</summary>
    public static IReadOnlyList<ISandboxDriver> SandboxDrivers(ServeSettings settings) => [];

    private static BelayServer Create(ServeSettings settings)
    {
        var logging = LoggerFactory.Create(builder =>
        {
            if (settings.Log)
            {
                builder.AddSimpleConsole(console => console.SingleLine = true);
            }
        });
        try
        {
            var told = Settings(settings);
            return BelayServer.Create(told, ServerParts.Open(told, logging));
        }
        catch (ArgumentException wrong)
        {
            throw CliException.Usage($"Could not start the server: {wrong.Message}");
        }
        catch (InvalidOperationException inUse)
        {
            throw new CliException(ExitCode.Failed, $"Could not start the server: {inUse.Message}", "Stop that server, or choose another directory with --data.", inUse);
        }
    }

    private static ServerSettings Settings(ServeSettings settings) => new()
    {
        DataDirectory = settings.DataDirectory,
        Host = settings.Host,
        Port = settings.Port,
        Region = settings.Region,
        DefaultAccount = settings.Account,
        Sandbox = settings.Sandbox,
    };
}
